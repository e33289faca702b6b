"""MCP servers: real ones over pipes and ones in this process; a rerun needs neither."""

from __future__ import annotations

import sys
import textwrap

import pytest
from agents import Agent
from agents.mcp import MCPServer, MCPServerStdio
from agents.testing import ScriptedModel, assistant_message, function_call
from mcp.types import CallToolResult, GetPromptResult, ListPromptsResult, Tool

import kitaru
from kitaru.adapters.openai_agents import KitaruRunner, OpenAIRunRequest

START = OpenAIRunRequest.start("go")


class Shelf(MCPServer):
    """A server in this process that counts what it is asked."""

    def __init__(self, **options):
        super().__init__(**options)
        self.listed, self.called, self.metas = 0, [], []

    name = "shelf"

    async def connect(self):
        pass

    async def cleanup(self):
        pass

    async def list_prompts(self):
        return ListPromptsResult(prompts=[])

    async def get_prompt(self, name, arguments=None):
        return GetPromptResult(messages=[])

    async def list_tools(self, *_args, **_kwargs):
        self.listed += 1
        schema = {"type": "object", "properties": {"title": {"type": "string"}}}
        return [Tool.model_validate({"name": "find", "description": "Find a book", "inputSchema": schema})]

    async def call_tool(self, _tool, arguments, meta=None):
        self.called.append(arguments)
        self.metas.append(meta)
        text = f"copy {len(self.called)}"
        return CallToolResult.model_validate({"content": [{"type": "text", "text": text}]})


def reader(server, calls=2):
    found = [function_call("find", {"title": "Dune"}, call_id=f"c{n}") for n in range(calls)]
    return Agent(name="reader", model=ScriptedModel([found, [assistant_message("x")]]), mcp_servers=[server])


def outputs(result):
    return {
        item["call_id"]: item["output"] for item in result.input_items if item.get("type") == "function_call_output"
    }


def test_listing_and_calls_replay_without_the_server_and_equal_calls_are_told_apart(story):
    server = Shelf()
    told = story(lambda: KitaruRunner(reader(server)).run(START))
    agent = reader(server)
    told = story(lambda: KitaruRunner(agent).run(START))
    first = told.first()
    asked = (server.listed, len(server.called))
    assert told.rerun() == first
    assert (server.listed, len(server.called)) == asked == (2, 2)
    assert len({str(output) for output in outputs(first).values()}) == 2


def test_units_have_the_servers_name_and_the_configuration_for_mcp(story):
    told = story(lambda: KitaruRunner(reader(Shelf(), 1), mcp_checkpoint_config={"type": "shelf"}).run(START))
    told.once()
    named = [(call.name, call.checkpoint_type) for call in told.execution.checkpoints]
    assert ("reader_shelf_find_mcp_call", "shelf") in named
    assert ("reader_shelf_list_tools", "shelf") in named


def test_the_servers_approval_policy_and_metadata_stay(story):
    server = Shelf(require_approval="always", tool_meta_resolver=lambda context: {"asked_by": context.tool_name})
    agent = reader(server, 1)
    runner = KitaruRunner(agent)
    assert story(lambda: runner.run(START)).once().status == "interrupted"
    free = Shelf(tool_meta_resolver=lambda context: {"asked_by": context.tool_name})
    story(lambda: KitaruRunner(reader(free, 1)).run(START)).once()
    assert free.metas == [{"asked_by": "find"}]
    assert "call_tool" not in vars(free)


def test_an_override_of_an_mcp_call_takes_plain_text(story):
    def answer(call):
        return [assistant_message(str(call.input[-1]["output"]))]

    agent = reader(Shelf(), 1)
    agent.model = ScriptedModel(
        [[function_call("find", {}, call_id="c1")], {"responder": answer}, {"responder": answer}]
    )
    told = story(lambda: KitaruRunner(agent).run(START))
    told.once()
    overrides = {"checkpoint.reader_shelf_find_mcp_call": "by hand"}
    replayed = kitaru.KitaruClient().executions.replay(
        told.exec_id, from_="reader_shelf_find_mcp_call", overrides=overrides
    )
    assert "by hand" in kitaru.FlowHandle.from_exec_id(replayed.exec_id).wait().final_output


@pytest.fixture
def stdio_server(tmp_path):
    program = tmp_path / "server.py"
    program.write_text(
        textwrap.dedent(
            """
            import os, sys
            from mcp.server import MCPServer
            server = MCPServer("clock")
            open(sys.argv[1], "a").write("started\\n")

            @server.tool()
            def now() -> str:
                open(sys.argv[1], "a").write("called\\n")
                return "noon"

            server.run("stdio")
            """
        )
    )
    log = tmp_path / "log"
    log.write_text("")
    server = MCPServerStdio(
        {"command": sys.executable, "args": [str(program), str(log)]}, client_session_timeout_seconds=20
    )
    return server, log


def test_a_real_server_is_connected_when_needed_and_not_on_a_rerun(story, stdio_server):
    server, log = stdio_server
    steps = [[function_call("now", {}, call_id="c1")], [assistant_message("x")]]
    agent = Agent(name="clock", model=ScriptedModel(steps), mcp_servers=[server])
    told = story(lambda: KitaruRunner(agent).run(START))
    first = told.first()
    assert told.rerun() == first
    assert "noon" in str(outputs(first)["c1"])
    assert log.read_text() == "started\ncalled\n"
    assert server.session is None

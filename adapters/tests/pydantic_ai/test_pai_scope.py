from __future__ import annotations

import asyncio
import http.server
import threading

import pytest
from pydantic_ai import Agent, FunctionToolset, RunContext
from pydantic_ai.exceptions import UserError
from pydantic_ai.models.test import TestModel
from pydantic_ai.toolsets import AbstractToolset

import kitaru
from kitaru import seam
from kitaru.adapters.pydantic_ai import KitaruAgent, KitaruDurability, kitaruify_toolset
from kitaru.errors import KitaruUsageError


def look() -> str:
    return "seen"


def test_inside_a_checkpoint_there_are_no_units_and_events_land_on_it(lab, call):
    agent = lab.agent(call("look"), "done", tools=[look])

    @kitaru.checkpoint
    def research():
        return agent.run_sync("go").output

    handle = lab.run(research)
    assert handle.get() == "done"
    (only,) = lab.calls(handle)
    (events,) = only.metadata["pydantic_ai_events"].values()
    assert [event["kind"] for event in events] == ["llm_call", "tool_call", "llm_call"]
    saved = {ref.name for ref in lab.client.executions.get(handle.exec_id).artifacts}
    assert {"event_log", "run_summary"} <= saved


def test_outside_a_flow_one_is_opened_and_the_frameworks_result_comes_back(lab, call):
    agent = lab.agent(call("look"), "done", tools=[look], name="my bot")
    result = agent.run_sync("go")
    (execution,) = lab.client.executions.list()
    assert (result.output, len(result.all_messages())) == ("done", 4)
    assert (execution.flow_name, execution.status) == ("my_bot_flow", "completed")
    assert lab.names(execution) == ["my_bot_model_request", "look_tool", "my_bot_model_request_2"]


def test_a_run_that_fails_outside_a_flow_raises_its_own_error(lab, call):
    def broken() -> str:
        msg = "gone"
        raise LookupError(msg)

    agent = lab.agent(call("broken"), tools=[broken])
    with pytest.raises(LookupError, match="gone"):
        agent.run_sync("go")
    assert lab.client.executions.latest().status == "failed"


async def test_streams_and_steps_outside_a_flow_open_one_too(lab):
    agent = lab.agent("one two", name="bot")
    async with agent.run_stream("go") as streamed:
        assert await streamed.get_output() == "one two "
    async with agent.iter("go") as run:
        assert [type(node).__name__ async for node in run][-1] == "End"
    assert [execution.status for execution in lab.client.executions.list()] == ["completed", "completed"]


async def test_the_capability_alone_makes_an_agent_durable(lab, call):
    inner = Agent(
        lab.script(call("look"), "done", name="bot").model,
        name="bot",
        tools=[look],
        capabilities=[KitaruDurability()],
    )
    assert (await inner.run("go")).output == "done"
    execution = lab.client.executions.latest()
    assert lab.names(execution) == ["bot_model_request", "look_tool", "bot_model_request_2"]


def test_an_agent_that_is_durable_already_is_not_wrapped_again():
    inner = Agent(TestModel(), name="bot", capabilities=[KitaruDurability()])
    with pytest.raises(UserError, match="already"):
        KitaruAgent(inner)


def test_the_wrapped_agent_itself_behaves_as_if_never_wrapped(lab, call):
    inner = Agent(lab.script(call("look"), "done", name="bot").model, name="bot", tools=[look])
    before = (inner.name, inner.model, list(inner.toolsets), inner.root_capability)
    KitaruAgent(inner, name="other")
    assert (inner.name, inner.model, list(inner.toolsets), inner.root_capability) == before
    assert inner.run_sync("go").output == "done"
    assert lab.client.executions.list() == []


async def test_run_sync_in_a_running_loop_is_refused_with_advice(lab):
    with pytest.raises(KitaruUsageError, match=r"await bot\.run"):
        lab.agent("done").run_sync("go")


class Echo(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_args):
        pass


@pytest.fixture
def server():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.02,))
        thread.start()
        yield running.server_address[1]
        running.shutdown()
        thread.join()


def test_a_keep_alive_client_survives_fifty_units_on_one_loop(lab, call, server):
    loops, connection = set(), []

    async def fetch(n: int) -> str:
        loops.add(asyncio.get_running_loop())
        if not connection:
            connection.extend(await asyncio.open_connection("127.0.0.1", server))
        reader, writer = connection
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        return f"{n}{(await reader.readexactly(2)).decode()}"

    calls = [call("fetch", f"f{n}", n=n) for n in range(49)]
    agent = lab.agent(*calls, "done", tools=[fetch])

    async def body():
        result = await agent.run("go", usage_limits=None)
        connection[1].close()
        return result.output

    assert lab.run(lambda: asyncio.run(body())).get() == "done"
    assert len(loops) == 1


class Anonymous(AbstractToolset):
    """A toolset of somebody's own, without an id."""

    id = None

    def __init__(self, inner):
        self.inner = inner

    async def get_tools(self, ctx):
        return await self.inner.get_tools(ctx)

    async def call_tool(self, name, tool_args, ctx, tool):
        return await self.inner.call_tool(name, tool_args, ctx, tool)


@pytest.mark.parametrize("how", ["run time", "dynamic", "dynamic per run", "own class", "wrapped by hand", "prefixed"])
def test_toolsets_of_every_kind_are_recorded(lab, call, how):
    def note() -> str:
        lab.counts["note"] += 1
        return "noted"

    tools = FunctionToolset([note])
    given = {
        "dynamic": lambda inner: inner.toolset(lambda _ctx: tools),
        "dynamic per run": lambda inner: inner.toolset(per_run_step=False)(lambda _ctx: tools),
    }
    toolsets = {
        "own class": [Anonymous(tools)],
        "wrapped by hand": [kitaruify_toolset(tools)],
        "prefixed": [tools.prefixed("my")],
    }
    name = "my_note" if how == "prefixed" else "note"
    inner = Agent(lab.script(call(name), "done", name="bot").model, name="bot", toolsets=toolsets.get(how, ()))
    given.get(how, lambda _inner: None)(inner)
    agent = KitaruAgent(inner)
    extra = {"toolsets": [tools]} if how == "run time" else {}
    first, second = lab.twice(lambda: agent.run_sync("go", **extra).output)
    assert (first, second) == ("done", "done")
    assert lab.counts == {"bot": 2, "note": 1}


def test_opting_a_tool_out_runs_it_at_flow_scope_every_time_and_only_it(lab, call):
    def outside() -> bool:
        lab.counts["outside"] += 1
        return seam.in_flow()

    def inside() -> bool:
        lab.counts["inside"] += 1
        return seam.in_checkpoint()

    agent = lab.agent(
        [call("outside"), call("inside")],
        "done",
        tools=[outside, inside],
        tool_checkpoint_config_by_name={"outside": False},
    )
    for result in lab.twice(lambda: agent.run_sync("go")):
        assert [part.content for part in result.all_messages()[2].parts] == [True, True]
    assert lab.counts == {"bot": 1 + 1, "outside": 2, "inside": 1}


def test_a_tool_may_bring_its_own_settings_and_the_constructors_entry_wins(lab, call):
    inner = Agent(lab.script([call("one"), call("two")], "done", name="bot").model, name="bot")

    @inner.tool_plain(metadata={"kitaru": False})
    def one() -> bool:
        return seam.in_flow()

    @inner.tool_plain(metadata={"kitaru": False})
    def two() -> bool:
        return seam.in_flow()

    agent = KitaruAgent(inner, tool_checkpoint_config_by_name={"two": {"type": "special"}})
    handle = lab.run(lambda: [part.content for part in agent.run_sync("go").all_messages()[2].parts])
    assert handle.get() == [True, False]
    assert [c.checkpoint_type for c in lab.calls(handle) if c.name == "two_tool"] == ["special"]


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"checkpoint_strategy": "graph_call"}, "'calls', 'turn'"),
        ({"checkpoint_strategy": "turn", "granular_checkpoints": True}, "contradict"),
        ({"granular_checkpoints": "yes"}, "granular_checkpoints"),
        ({"model_checkpoint_config": {"retry": 1}}, "unknown keys: retry"),
        ({"tool_checkpoint_config": {"runtime": "isolated"}}, "does not cross"),
        ({"tool_checkpoint_config_by_name": {"a": {"retries": -1}}}, r"by_name\['a'\]"),
        ({"checkpoint_strategy": "turn", "mcp_checkpoint_config": {"retries": 1}}, "turn_checkpoint_config"),
        ({"allow_sync_tool_body_waits": True}, "allow_sync_tool_body_waits"),
    ],
)
def test_settings_that_cannot_be_are_refused_at_construction(settings, text):
    with pytest.raises(KitaruUsageError, match=text):
        KitaruAgent(Agent(TestModel(), name="bot"), **settings)


@pytest.mark.parametrize(
    ("settings", "strategy"),
    [
        ({}, "calls"),
        ({"granular_checkpoints": True}, "calls"),
        ({"granular_checkpoints": False}, "turn"),
        ({"checkpoint_strategy": "turn", "granular_checkpoints": False}, "turn"),
    ],
)
def test_both_spellings_of_a_strategy_agree(settings, strategy):
    assert KitaruAgent(Agent(TestModel(), name="bot"), **settings).checkpoint_strategy == strategy


def test_names_and_models_are_required_and_fixed():
    with pytest.raises(UserError, match="name"):
        KitaruAgent(Agent(TestModel()))
    with pytest.raises(UserError, match="model"):
        KitaruAgent(Agent(name="bot"))
    agent = KitaruAgent(Agent(TestModel(), name="bot"), name="other")
    assert agent.name == "other"
    with pytest.raises(UserError, match="renamed"):
        agent.name = "third"


def test_what_executions_are_found_by_cannot_be_overridden():
    agent = KitaruAgent(Agent(TestModel(), name="bot"))
    with pytest.raises(UserError, match="model="), agent.override(model=TestModel()):
        pass
    with pytest.raises(UserError, match="by name only"):
        agent.run_sync("go", model=TestModel())
    with agent.override(deps=1):
        pass


def test_one_unit_holds_a_whole_turn(lab, call):
    def note() -> str:
        lab.counts["note"] += 1
        return "noted"

    agent = lab.agent(call("note"), "done", tools=[note], checkpoint_strategy="turn")
    first, second = lab.twice(lambda: agent.run_sync("go"))
    assert (first.output, second.output) == ("done", "done")
    assert first.all_messages() == second.all_messages()
    assert first.usage == second.usage
    assert lab.counts == {"bot": 2, "note": 1}
    assert lab.names(lab.client.executions.latest())[0] == "bot"


def test_dependencies_are_never_stored(lab, call):
    lock = threading.Lock()

    def use(ctx: RunContext[object]) -> bool:
        return ctx.deps is lock

    agent = lab.agent(call("use"), "done", tools=[use], agent={"deps_type": object})
    handle = lab.run(lambda: [part.content for part in agent.run_sync("go", deps=lock).all_messages()[2].parts])
    assert handle.get() == [True]

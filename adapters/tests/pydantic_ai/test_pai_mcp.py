from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from fastmcp.client.transports import StdioTransport
from pydantic_ai import Agent
from pydantic_ai.mcp import MCPToolset

from kitaru.adapters.pydantic_ai import KitaruAgent, KitaruMCPServer, kitaruify_mcp_server, kitaruify_toolset

SERVER = str(Path(__file__).with_name("mcp_server.py"))


@pytest.fixture
def counts(tmp_path):
    return tmp_path / "counts"


def reached(counts):
    return counts.read_text().splitlines() if counts.exists() else []


@pytest.fixture
def stdio(counts):
    return MCPToolset(StdioTransport(sys.executable, [SERVER, str(counts)], keep_alive=False), id="counted")


@pytest.fixture
def http(counts):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, SERVER, str(counts), str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    end = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 0.1).close()
            break
        except OSError:
            assert time.monotonic() < end
            time.sleep(0.02)
    yield MCPToolset(f"http://127.0.0.1:{port}/mcp", id="counted")
    process.kill()
    process.wait()


@pytest.fixture(params=["stdio", "http"])
def server(request):
    return request.getfixturevalue(request.param)


def test_a_rerun_opens_no_connection_and_calls_nothing(lab, call, server, counts):
    agent = lab.agent(call("add", "a", a=1, b=2), call("add", "b", a=3, b=4), "done", toolsets=[server])
    outputs = []

    def body():
        outputs.append(agent.run_sync("go").output)
        before.append(reached(counts))
        lab.stop_once()

    before = []
    handle = lab.run(body)
    lab.retry(handle)
    assert handle.status == "completed", handle.execution.failure
    assert outputs == ["done", "done"]
    assert before[0] == before[1] == ["connected", "add 1 2", "add 3 4"]
    assert [c.checkpoint_type for c in lab.calls(handle)].count("mcp_call") == 3


def test_a_crash_between_two_calls_opens_one_connection(lab, call, stdio, counts):
    def between() -> str:
        lab.counts["between"] += 1
        if lab.counts["between"] == 1:
            raise OSError
        return "past"

    agent = lab.agent(
        call("add", "a", a=1, b=2),
        call("between"),
        call("add", "b", a=3, b=4),
        "done",
        tools=[between],
        toolsets=[stdio],
    )
    handle = lab.run(lambda: agent.run_sync("go").output)
    assert handle.status == "failed"
    lab.retry(handle)
    assert handle.get() == "done"
    assert reached(counts) == ["connected", "add 1 2", "connected", "add 3 4"]


def test_a_server_the_user_opened_is_used_and_its_calls_are_units(lab, call, stdio, counts):
    inner = Agent(lab.script(call("add", a=1, b=2), "done", name="bot").model, name="bot", toolsets=[stdio])
    agent = KitaruAgent(inner)

    async def body():
        async with inner:
            return (await agent.run("go")).output

    handle = lab.run(lambda: asyncio.run(body()))
    assert handle.get() == "done"
    assert reached(counts) == ["connected", "add 1 2"]
    assert "add_tool" in lab.names(handle)


def test_an_error_of_a_server_is_the_same_outcome_on_a_rerun(lab, call, stdio, counts):
    agent = lab.agent(
        call("fail"), lambda messages: str(messages[-1].parts[0].content), toolsets=[stdio], agent={"retries": 2}
    )
    first, second = lab.twice(lambda: agent.run_sync("go").output)
    assert first == second
    assert reached(counts).count("fail") == 1


def test_instructions_of_a_server_are_recorded_too(lab, call, counts):
    toolset = MCPToolset(
        StdioTransport(sys.executable, [SERVER, str(counts)], keep_alive=False), id="counted", include_instructions=True
    )
    agent = lab.agent(call("add", a=1, b=2), "done", toolsets=[toolset])
    for result in lab.twice(lambda: agent.run_sync("go")):
        assert "Count before you answer." in result.all_messages()[0].instructions
    assert reached(counts).count("connected") == 1


def test_servers_are_wrapped_by_hand_as_well(stdio):
    wrapped = kitaruify_mcp_server(stdio)
    assert isinstance(wrapped, KitaruMCPServer)
    assert (wrapped.kind, wrapped.id) == ("mcp", "counted")
    assert kitaruify_toolset(wrapped) is wrapped

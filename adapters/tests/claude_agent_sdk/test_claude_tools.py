"""In-process tools that remember what they returned."""

from __future__ import annotations

import asyncio
import contextvars
import os
import signal

import pytest
from claude_agent_sdk import ToolAnnotations, create_sdk_mcp_server, tool

from kitaru.adapters.claude_agent_sdk import ClaudeRunRequest, durable_mcp_server
from kitaru.errors import KitaruUsageError
from kitaru_adapters.claude_agent_sdk import tools as room
from kitaru_adapters.claude_agent_sdk.notes import AttemptNotes
from kitaru_adapters.claude_agent_sdk.testing import Text, ToolUse, replies
from kitaru_adapters.claude_agent_sdk.tools import ToolMemory

GO = ClaudeRunRequest.start("go")
CHARGE = "mcp__shop__charge"


def test_a_name_of_no_tool_is_refused(till):
    with pytest.raises(KitaruUsageError, match="refund"):
        till.server(reuse_by_name={"refund": "never"})


async def test_outside_a_run_a_durable_tool_is_a_plain_one(till):
    made = []
    till.server(lambda _, tools: made.extend(tools))
    durable = room._Durable(server="shop", tool=made[0], reuse=True, irreversible=False, identify=None).as_tool()
    for _ in range(2):
        await durable.handler({"amount": 1})
    assert till.amounts == [1, 1]


def test_plain_and_durable_servers_give_the_model_the_same(api, make_runner, till, flows):
    seen = []
    for make in (durable_mcp_server, create_sdk_mcp_server):
        api.reset(replies([ToolUse(CHARGE, {"amount": 3}, "toolu_1")], [Text("done")]))
        flows.run(lambda make=make: make_runner(till.server(make)).run_sync(GO))
        offered = next(t for t in api.turns[0].body["tools"] if t["name"] == CHARGE)
        seen.append((offered, api.turns[-1].tool_results))
    assert seen[0] == seen[1]


def test_read_only_tools_run_side_by_side_and_see_the_callers_context(api, make_runner, flows):
    who = contextvars.ContextVar("who")
    both = asyncio.Barrier(2)
    seen = []

    @tool("look", "Look", {"at": str}, annotations=ToolAnnotations(readOnlyHint=True))
    async def look(arguments):
        async with asyncio.timeout(5):
            await both.wait()
        seen.append((arguments["at"], who.get()))
        return {"content": [{"type": "text", "text": "seen"}]}

    api.reset(replies([ToolUse("mcp__eyes__look", {"at": "a"}), ToolUse("mcp__eyes__look", {"at": "b"})], [Text("ok")]))

    async def body():
        who.set("me")
        return await make_runner(durable_mcp_server("eyes", [look])).run(GO)

    flows.run(body)
    assert sorted(seen) == [("a", "me"), ("b", "me")]


@pytest.fixture
def retried_after_a_death(api, make_options, make_runner, flows, programs):
    """Runs twice: the first attempt's program is killed when it asks for its last answer."""

    def run(server, answers):
        died = []

        def script(turn):
            if turn.index == len(answers) - 1 and not died:
                died.append(turn)
                for pid in programs():
                    os.kill(pid, signal.SIGKILL)
            return answers[turn.index]

        api.reset(script)
        runner = make_runner(options=make_options(server), checkpoint_config={"retries": 1})
        return flows.run(lambda: runner.run_sync(GO))

    return run


def test_a_call_that_failed_runs_again_on_the_next_attempt(till, retried_after_a_death):
    till.refusals = 1
    with_failure = [[ToolUse(CHARGE, {"amount": 1}), ToolUse(CHARGE, {"amount": 2})], [Text("broken")]]
    result = retried_after_a_death(till.server(), with_failure)
    assert till.amounts == [2, 1]
    assert len(result.earlier_attempts[0].completed_tools) == 2


@pytest.mark.parametrize(("reuse", "charged"), [("always", [1]), ("never", [1, 1])])
def test_a_stored_result_is_handed_out_unless_the_tool_says_never(till, retried_after_a_death, reuse, charged):
    server = till.server(reuse_by_name={"charge": reuse})
    once = [[ToolUse(CHARGE, {"amount": 1})], [Text("broken")]]
    retried_after_a_death(server, once)
    assert till.amounts == charged


def memory(*results, told=(), begun=None):
    attempt = AttemptNotes(
        1, results=[{"key": f"k{n}", "identity": i, "result": r} for n, (i, r) in enumerate(results)]
    )
    attempt.begun = begun or {}
    return ToolMemory.of(None, None, [attempt], told=told)


def test_equal_calls_get_their_results_in_order():
    fresh = memory(("a", 1), ("b", 2), ("a", 3))
    assert [fresh.ask(i)[1]["result"] for i in ("a", "b", "a")] == [1, 2, 3]
    assert fresh.ask("a") == (3, None)


def test_results_the_session_holds_are_not_handed_out_again():
    assert memory(("a", 1), ("a", 2), told={"k0"}).ask("a")[1]["result"] == 2


async def test_an_irreversible_call_that_broke_off_is_not_run_again(till):
    made = []
    till.server(lambda _, tools: made.extend(tools))
    durable = room._Durable(server="shop", tool=made[0], reuse=True, irreversible=True, identify=None)
    identity = durable._identity({"amount": 1})
    token = room.current_memory.set(memory(begun={identity: 1}))
    try:
        answer = await durable.as_tool().handler({"amount": 1})
    finally:
        room.current_memory.reset(token)
    assert answer["is_error"]
    assert till.amounts == []

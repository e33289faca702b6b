"""Tool calls that wait for a person."""

from __future__ import annotations

import os
import signal
import time

import pytest

from kitaru import KitaruClient
from kitaru.adapters.claude_agent_sdk import (
    ClaudeRunRequest,
    ClaudeToolApproval,
    ClaudeToolDecision,
    wait_for_tool_approval,
)
from kitaru_adapters.claude_agent_sdk.testing import Text, ToolUse, replies

GO = ClaudeRunRequest.start("go")
CHARGE = "mcp__shop__charge"
YES = True


@pytest.fixture
def decided(flows, make_runner, make_options, till, tmp_path):
    """Runs a flow that asks for every charge; each answer is given when its question stands."""

    def run(*answers, schema=bool, **settings):
        other = tmp_path / "another-home"
        elsewhere = make_options(till.server())
        elsewhere.env.update(HOME=str(other), CLAUDE_CONFIG_DIR=str(other))
        approval = ClaudeToolApproval(match=[CHARGE])
        asking = make_runner(till.server(), name="asking", approval=approval)
        going_on = make_runner(options=elsewhere, name="going_on", approval=approval, **settings)

        def body():
            result, results = asking.run_sync(GO), []
            while result.status == "requires_approval":
                results.append(result)
                result = going_on.run_sync(wait_for_tool_approval(result, schema=schema, timeout=0))
            return [*results, result]

        handle = flows.start(body)
        executions = KitaruClient().executions
        for answer in answers:
            wait = pending(handle)
            executions.input(handle.exec_id, wait=wait.name, value=answer)
            executions.resume(handle.exec_id)
        return handle.wait(timeout=30)

    return run


def pending(handle):
    end = time.monotonic() + 20
    while time.monotonic() < end:
        execution = KitaruClient().executions.get(handle.exec_id)
        if str(execution.status) == "waiting" and execution.pending_wait is not None:
            return execution.pending_wait
        time.sleep(0.02)
    return pytest.fail(f"no wait opened: {handle.status}")


def test_an_approved_tool_runs_once_with_one_further_request(api, decided, till):
    api.reset(replies([ToolUse(CHARGE, {"amount": 3}, "toolu_1")], [Text("done")]))
    first, last = decided(YES)
    assert (first.deferred_tool.name, first.deferred_tool.input) == (CHARGE, {"amount": 3})
    assert (last.status, last.final_text, till.amounts) == ("completed", "done", [3])
    assert len(api.turns) == 2
    assert last.session_id == first.session_id
    assert last.cost_usd == pytest.approx(first.cost_usd)


def test_a_denied_tool_does_not_run_and_the_model_is_told(api, decided, till):
    api.reset(replies([ToolUse(CHARGE, {"amount": 3}, "toolu_1")], [Text("I see")]))
    _, last = decided({"approved": False, "message": "far too much"}, schema=ClaudeToolDecision)
    assert (last.final_text, till.amounts) == ("I see", [])
    assert "far too much" in api.turns[-1].tool_results["toolu_1"]


def test_an_approved_tool_runs_with_the_edited_input(api, decided, till):
    api.reset(replies([ToolUse(CHARGE, {"amount": 3})], [Text("done")]))
    decided({"approved": True, "updated_input": {"amount": 1}}, schema=ClaudeToolDecision)
    assert till.amounts == [1]


def test_of_two_calls_in_one_turn_both_are_asked_for_in_the_end(api, decided, till):
    def script(turn):
        answered = turn.tool_results
        if not answered:
            return [ToolUse(CHARGE, {"amount": 1}, "toolu_a"), ToolUse(CHARGE, {"amount": 2}, "toolu_b")]
        if "toolu_c" not in answered:
            return [ToolUse(CHARGE, {"amount": 2}, "toolu_c")]
        return [Text("done")]

    api.reset(script)
    results = decided(YES, YES)
    assert [r.deferred_tool.id for r in results[:-1]] == ["toolu_a", "toolu_c"]
    assert "Ask for this one again" in api.turns[1].tool_results["toolu_b"]
    assert till.amounts == [1, 2]


def test_an_approved_tool_that_ran_is_not_run_again_by_the_next_attempt(api, decided, till, programs):
    died = []

    def script(turn):
        if not turn.tool_results:
            return [ToolUse(CHARGE, {"amount": 3}, "toolu_1")]
        if not died:
            died.append(turn)
            for pid in programs():
                os.kill(pid, signal.SIGKILL)
        return [Text("done")]

    api.reset(script)
    _, last = decided(YES, checkpoint_config={"retries": 1})
    assert (last.final_text, till.amounts) == ("done", [3])
    assert api.turns[-1].tool_results == {"toolu_1": "charged 3"}
    assert last.earlier_attempts[0].completed_tools[0].name == CHARGE


def test_a_predicate_that_fails_lets_nothing_run(api, make_runner, till, flows):
    api.reset(replies([ToolUse(CHARGE, {"amount": 3})], [Text("done")]))

    def broken(_name, _arguments):
        raise LookupError

    runner = make_runner(till.server(), approval=ClaudeToolApproval(match=broken))

    def body():
        with pytest.raises(LookupError):
            runner.run_sync(GO)

    flows.run(body)
    assert till.amounts == []

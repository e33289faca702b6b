from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from pydantic_ai import Agent, RunContext

from kitaru.adapters.pydantic_ai import CapturePolicy


def look() -> str:
    return "seen"


def events_of(lab, handle, label="bot_1"):
    return lab.metadata(handle)["pydantic_ai_events"][label]


def test_events_follow_the_models_order_and_the_log_of_a_rerun_equals_the_first(lab, call):
    async def step(seconds: float) -> float:
        await asyncio.sleep(seconds)
        return seconds

    calls = [call("step", "a", seconds=0.04), call("step", "b", seconds=0.02), call("step", "c", seconds=0.0)]
    agent = lab.agent(calls, "done", tools=[step])

    def body():
        agent.run_sync("go")
        lab.stop_once()

    handle = lab.run(body)
    logs = [events_of(lab, handle)]
    lab.retry(handle)
    logs.append(events_of(lab, handle))
    assert [(e["kind"], e.get("tool_call_id")) for e in logs[0]] == [
        ("llm_call", None),
        ("tool_call", "a"),
        ("tool_call", "b"),
        ("tool_call", "c"),
        ("llm_call", None),
    ]
    varying = {"duration_ms", "billing_effect", "cache_status"}
    stable = [[{k: v for k, v in e.items() if k not in varying} for e in log] for log in logs]
    assert stable[0] == stable[1]
    assert {e["cache_status"] for e in logs[1]} == {"replay_reused"}


@pytest.mark.parametrize("parallel", [1, 3])
def test_usage_of_sub_agents_counts_once_on_first_run_and_rerun(lab, call, parallel):
    sub = Agent(lab.script("sub answer", name="sub").model, name="sub")

    async def delegate(ctx: RunContext[None], n: int) -> str:
        await asyncio.sleep(0.01 * n)
        return (await sub.run(f"topic {n}", usage=ctx.usage)).output

    calls = [call("delegate", f"d{n}", n=n) for n in range(parallel)]
    agent = lab.agent(calls, "done", tools=[delegate])
    first, second = lab.twice(lambda: replace(agent.run_sync("go").usage))
    assert first.requests == 2 + parallel
    assert first == second
    assert lab.counts == {"bot": 2, "sub": parallel}


def test_reused_calls_are_reported_as_not_incurred(lab):
    agent = lab.agent("answer", cost_calculator=lambda summary: summary.total_tokens * 0.5)
    handle = lab.run(lambda: (agent.run_sync("go").output, lab.stop_once())[0])
    lab.retry(handle)
    replay = lab.client.executions.replay(handle.exec_id, from_="gate")
    from kitaru import FlowHandle

    FlowHandle.from_exec_id(replay.exec_id).wait(20)
    (paid,) = lab.client.executions.get(handle.exec_id).llm_usage_records
    summary = lab.client.executions.get(replay.exec_id).llm_usage_summary
    assert paid["billing_effect"] == "incurred"
    assert (summary["incurred_usage_record_count"], summary["reused_usage_record_count"]) == (0, 1)
    assert paid["cost"]["estimated_cost_usd"] == paid["usage"]["total_tokens"] * 0.5
    assert paid["adapter"] == "pydantic_ai"


def test_a_failing_cost_calculator_becomes_a_warning_on_the_record(lab):
    def broken(_summary):
        raise ZeroDivisionError

    agent = lab.agent("answer", cost_calculator=broken)
    handle = lab.run(lambda: agent.run_sync("go").output)
    assert handle.get() == "answer"
    (record,) = lab.client.executions.get(handle.exec_id).llm_usage_records
    assert record["warnings"] == ["cost_calculator raised ZeroDivisionError"]
    assert record["cost"]["source"] == "calculator_error"


def test_a_tool_without_capture_leaves_no_trace_of_its_arguments_and_replays(lab, call):
    def login(password: str) -> str:
        lab.counts["login"] += 1
        return "in"

    agent = lab.agent(
        call("login", password="hunter2"),
        "done",
        tools=[login],
        capture=CapturePolicy(tool_capture_overrides={"login": None}),
    )
    handle = lab.run(lambda: (agent.run_sync("go").output, lab.stop_once())[0])
    lab.retry(handle)
    assert handle.get() == "done"
    assert lab.counts["login"] == 1
    events = events_of(lab, handle)
    assert [event["kind"] for event in events] == ["llm_call", "llm_call"]
    (unit,) = [c for c in lab.calls(handle) if c.name == "login_tool"]
    assert "hunter2" not in repr((events, unit.metadata, [ref.metadata for ref in unit.artifacts]))


def test_without_child_events_nothing_is_logged(lab, call):
    agent = lab.agent(call("look"), "done", tools=[look], capture=CapturePolicy(emit_child_events=False))
    handle = lab.run(lambda: agent.run_sync("go").output)
    assert handle.get() == "done"
    assert "pydantic_ai_events" not in lab.metadata(handle)


def test_the_summary_counts_what_happened(lab, call):
    agent = lab.agent([call("look", "a"), call("look", "b")], "done", tools=[look])
    handle = lab.run(lambda: agent.run_sync("go").output)
    handle.wait(20)
    summary = lab.metadata(handle)["pydantic_ai_run_summaries"]["bot_1"]
    assert (summary["model_call_count"], summary["tool_call_count"], summary["status"]) == (2, 2, "completed")
    assert len(summary["event_ids_in_order"]) == summary["total_events"] == 4

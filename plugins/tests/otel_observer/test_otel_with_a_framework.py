"""A framework that Logfire instruments, run as a durable agent: one trace, each model call reported once."""

from __future__ import annotations

import logfire
from pydantic_ai import Agent
from pydantic_ai.models.test import TestModel

from kitaru import flow
from kitaru.adapters.pydantic_ai import KitaruAgent
from kitaru.engine.runner import live_run


def look_up(word: str) -> str:
    """Look a word up."""
    return f"{word} is a word"


agent = KitaruAgent(Agent(TestModel(), name="helper", tools=[look_up]), checkpoint_strategy="calls")


@flow
def consult(question):
    return agent.run_sync(question).output


def test_the_frameworks_spans_and_ours_make_one_trace(client, spans):
    logfire.instrument_pydantic_ai()
    consult.run("hi").wait()
    model_call, tool_call = spans.named("llm_call helper_model_request")[0], spans.one("tool_call look_up_tool")
    assert model_call.attributes["kitaru.adapter"] == "pydantic_ai"
    assert spans.parent_of(model_call) == "chat test"
    assert spans.parent_of(tool_call) == "execute_tool look_up"
    assert (
        model_call.context.trace_id == tool_call.context.trace_id == spans.one("invoke_agent helper").context.trace_id
    )


def test_a_rerun_reports_no_model_call_a_second_time(client, spans):
    handle = consult.run("hi")
    handle.wait()
    first = [one for one in spans.all() if "kitaru.checkpoint.name" in one.attributes]
    spans.forget()
    last = first[-1].attributes["kitaru.checkpoint.invocation_id"]
    again = client.executions.replay(handle.exec_id, from_=last)
    live_run(again.exec_id).done.wait(20)
    second = [one for one in spans.all() if "kitaru.checkpoint.name" in one.attributes]
    assert [one.attributes["kitaru.checkpoint.invocation_id"] for one in second] == [last]

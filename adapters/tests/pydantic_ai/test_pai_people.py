from __future__ import annotations

import asyncio

import pytest
from pydantic import BaseModel
from pydantic_ai import Agent, ApprovalRequired, CallDeferred, RunContext, Tool, ToolDefinition
from pydantic_ai.toolsets import ExternalToolset

import kitaru
from kitaru.adapters.pydantic_ai import CapturePolicy, hitl_tool, wait_for_input
from kitaru.errors import KitaruUsageError


class Plan(BaseModel):
    city: str
    days: int


def answers(result):
    return [part.content for part in result.all_messages()[2].parts]


def names(waits):
    return sorted(wait.name for wait in waits)


def test_approvals_of_one_batch_are_pending_together_and_answered_in_any_order(lab, call):
    def pay(amount: int) -> str:
        lab.counts["pay"] += 1
        return f"paid {amount}"

    calls = [call("pay", f"p{n}", amount=n) for n in (1, 2, 3)]
    agent = lab.agent(calls, "done", tools=[Tool(pay, requires_approval=True)])
    handle = lab.run(lambda: answers(agent.run_sync("go")))
    assert handle.status == "waiting"
    assert names(lab.waits(handle)) == ["approve_pay_p1", "approve_pay_p2", "approve_pay_p3"]
    for number in (3, 1, 2):
        lab.answer(handle, value=True, wait=f"approve_pay_p{number}")
    lab.resume(handle)
    assert handle.get() == ["paid 1", "paid 2", "paid 3"]
    assert lab.counts == {"bot": 2, "pay": 3}


def test_siblings_finish_and_are_recorded_before_the_process_leaves(lab, call):
    def decide() -> bool:
        lab.counts["decide"] += 1
        return wait_for_input(question="Go on?")

    async def slow() -> str:
        await asyncio.sleep(0.05)
        lab.counts["slow"] += 1
        return "finished"

    agent = lab.agent(
        [call("decide"), call("slow")],
        "done",
        tools=[decide, slow],
        tool_checkpoint_config_by_name={"decide": False},
    )
    handle = lab.run(lambda: answers(agent.run_sync("go")))
    assert handle.status == "waiting"
    assert [(c.name, c.status) for c in lab.calls(handle)][1:] == [("slow_tool", "completed")]
    lab.answer(handle, value=True)
    lab.resume(handle)
    assert handle.get() == [True, "finished"]
    assert lab.counts["slow"] == 1


def test_a_denial_reaches_the_model_as_text_and_the_run_goes_on(lab, call):
    def drop() -> str:
        lab.counts["drop"] += 1
        return "dropped"

    agent = lab.agent(
        call("drop"), lambda messages: str(messages[-1].parts[0].content), tools=[Tool(drop, requires_approval=True)]
    )
    handle = lab.run(lambda: agent.run_sync("go").output)
    lab.answer(handle, value=False)
    lab.resume(handle)
    assert "denied" in handle.get()
    assert lab.counts == {"bot": 2}


@hitl_tool(question="Approve?", schema=bool)
def approve(question: str = "") -> bool:
    """Ask."""
    raise AssertionError(question)


@pytest.mark.parametrize(("asked", "shown"), [("Really?", "Really?"), ("  ", "Approve?"), ("", "Approve?")])
def test_a_question_tool_never_runs_and_the_models_question_wins_over_the_static_one(lab, call, asked, shown):
    agent = lab.agent(call("approve", "c1", question=asked), "done", tools=[approve])
    handle = lab.run(lambda: answers(agent.run_sync("go")))
    (wait,) = lab.waits(handle)
    assert (wait.name, wait.question) == ("approve_c1", shown)
    lab.answer(handle, value=False)
    lab.resume(handle)
    assert handle.get() == [False]


def test_the_answer_of_a_question_tool_has_the_type_that_was_asked_for(lab, call):
    @hitl_tool(schema=Plan, name="trip")
    def plan() -> Plan:
        """Plan."""

    agent = lab.agent(call("plan", "c"), "done", tools=[Tool(plan)])
    handle = lab.run(lambda: answers(agent.run_sync("go"))[0].days)
    assert names(lab.waits(handle)) == ["trip_c"]
    lab.answer(handle, value={"city": "Oslo", "days": 3})
    lab.resume(handle)
    assert handle.get() == 3


def test_a_marked_tool_object_is_a_question_too(lab, call):
    def ask() -> str:
        raise AssertionError

    agent = lab.agent(call("ask", "c"), "done", tools=[hitl_tool(question="What?", schema=str)(Tool(ask))])
    handle = lab.run(lambda: answers(agent.run_sync("go")))
    lab.answer(handle, value="this")
    lab.resume(handle)
    assert handle.get() == ["this"]


def test_wait_names_are_equal_on_every_rerun(lab, call):
    def pay() -> str:
        return "paid"

    agent = lab.agent(call("pay", "p-1/x"), "done", tools=[Tool(pay, requires_approval=True)])

    def body():
        kitaru.wait(name="start")
        kitaru.wait(name="again") if lab.stopping else None
        return agent.run_sync("go").output

    handle = lab.run(body)
    for name in ("start", "again", "approve_pay_p_1_x"):
        assert names(lab.waits(handle)) == [name]
        lab.answer(handle, value=True)
        lab.resume(handle)
    assert handle.get() == "done"


def test_a_missing_call_id_is_refused_before_a_wait_exists(lab, call):
    agent = lab.agent(call("approve", " "), "done", tools=[approve])
    handle = lab.run(lambda: agent.run_sync("go").output)
    assert handle.status == "failed"
    assert "no id" in handle.execution.failure.message
    assert lab.waits(handle) == []


def test_waiting_inside_a_unit_is_refused_with_the_three_remedies(lab, call):
    def ask() -> bool:
        return wait_for_input()

    agent = lab.agent(call("ask"), "done", tools=[ask])
    handle = lab.run(lambda: agent.run_sync("go").output)
    message = handle.execution.failure.message
    assert all(words in message for words in ("tool_checkpoint_config_by_name", "@hitl_tool", "code of the flow"))
    assert lab.waits(handle) == []


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_wait_works_from_the_body_of_any_tool(lab, call, kind):
    def ask() -> str:
        lab.counts["ask"] += 1
        return wait_for_input(question="Which city?", schema=str)

    async def ask_async() -> str:
        return ask()

    tool = Tool(ask if kind == "sync" else ask_async, name="ask")
    agent = lab.agent(call("ask", "c"), "done", tools=[tool], tool_checkpoint_config_by_name={"ask": False})
    handle = lab.run(lambda: answers(agent.run_sync("go")))
    (wait,) = lab.waits(handle)
    assert (wait.name, wait.metadata["source"], wait.metadata["adapter"]) == ("ask_c", "tool_body", "pydantic_ai")
    lab.answer(handle, value="Oslo")
    lab.resume(handle)
    assert handle.get() == ["Oslo"]


def test_a_body_that_waits_twice_is_asked_twice(lab, call):
    def ask() -> list[str]:
        return [wait_for_input(schema=str, name="first"), wait_for_input(schema=str, name="second")]

    agent = lab.agent(call("ask", "c"), "done", tools=[ask], tool_checkpoint_config_by_name={"ask": False})
    handle = lab.run(lambda: answers(agent.run_sync("go")))
    for name, value in (("first", "a"), ("second", "b")):
        assert names(lab.waits(handle)) == [name]
        lab.answer(handle, value=value)
        lab.resume(handle)
    assert handle.get() == [["a", "b"]]


def test_an_answer_within_the_window_needs_no_restart(lab, call, monkeypatch):
    import threading
    import time

    monkeypatch.setenv("KITARU_WAIT_TIMEOUT", "20")

    def ask() -> str:
        lab.counts["ask"] += 1
        return wait_for_input(schema=str)

    agent = lab.agent(call("ask", "c"), "done", tools=[ask], tool_checkpoint_config_by_name={"ask": False})

    def person():
        while not (open_now := lab.client.executions.list()) or not lab.waits(open_now[0]):
            time.sleep(0.01)
        lab.answer(open_now[0], value="Oslo")

    thread = threading.Thread(target=person)
    thread.start()
    handle = lab.run(lambda: answers(agent.run_sync("go")))
    thread.join()
    assert handle.wait(20) == ["Oslo"]
    assert lab.counts == {"bot": 2, "ask": 2}


def test_a_deferred_call_asks_for_its_result_in_the_form_the_tool_promises(lab, call):
    def measure() -> int:
        raise CallDeferred

    agent = lab.agent(call("measure", "m"), "done", tools=[measure])
    handle = lab.run(lambda: answers(agent.run_sync("go")))
    (wait,) = lab.waits(handle)
    assert (wait.name, wait.schema) == ("defer_measure_m", {"type": "integer"})
    lab.answer(handle, value=42)
    lab.resume(handle)
    assert handle.get() == [42]


def test_external_tools_ask_by_their_return_schema_or_say_that_they_have_none(lab, call):
    known = ToolDefinition(name="known", parameters_json_schema={"type": "object"}, return_schema={"type": "string"})
    agent = lab.agent(call("known", "k"), "done", toolsets=[ExternalToolset([known])])
    handle = lab.run(lambda: answers(agent.run_sync("go")))
    lab.answer(handle, value="result")
    lab.resume(handle)
    assert handle.get() == ["result"]
    unknown = ToolDefinition(name="unknown", parameters_json_schema={"type": "object"})
    agent = lab.agent(call("unknown", "u"), "done", toolsets=[ExternalToolset([unknown])])
    handle = lab.run(lambda: agent.run_sync("go").output)
    assert "return_schema" in handle.execution.failure.message


def test_approval_that_a_tool_asks_for_itself_runs_its_body_once_approved(lab, call):
    def wipe(ctx: RunContext[None]) -> str:
        if not ctx.tool_call_approved:
            raise ApprovalRequired(metadata={"reason": "dangerous"})
        lab.counts["wipe"] += 1
        return "wiped"

    agent = lab.agent(call("wipe", "w"), "done", tools=[wipe])
    handle = lab.run(lambda: answers(agent.run_sync("go")))
    (wait,) = lab.waits(handle)
    assert wait.metadata["metadata"] == {"reason": "dangerous"}
    lab.answer(handle, value=True)
    lab.resume(handle)
    assert (handle.get(), lab.counts["wipe"]) == (["wiped"], 1)


@pytest.mark.parametrize(("capture", "kept"), [("full", {"amount": 7}), ("metadata", None), (None, None)])
def test_wait_metadata_holds_arguments_only_under_full_capture(lab, call, capture, kept):
    def pay(amount: int) -> str:
        return f"{amount}"

    agent = lab.agent(
        call("pay", "p", amount=7),
        "done",
        tools=[Tool(pay, requires_approval=True)],
        capture=CapturePolicy(tool_capture=capture),
    )
    handle = lab.run(lambda: agent.run_sync("go").output)
    (wait,) = lab.waits(handle)
    assert wait.metadata.get("tool_args") == kept
    assert (wait.metadata["tool_name"], wait.metadata["tool_call_id"]) == ("pay", "p")


def test_a_plain_wait_in_a_tool_at_flow_scope_suspends_without_hurting_siblings(lab, call):
    def ask() -> bool:
        return kitaru.wait(name="plain", timeout=0)

    async def slow() -> str:
        await asyncio.sleep(0.05)
        lab.counts["slow"] += 1
        return "finished"

    agent = lab.agent(
        [call("ask"), call("slow")], "done", tools=[ask, slow], tool_checkpoint_config_by_name={"ask": False}
    )
    handle = lab.run(lambda: answers(agent.run_sync("go")))
    assert names(lab.waits(handle)) == ["plain"]
    lab.answer(handle, value=True)
    lab.resume(handle)
    assert (handle.get(), lab.counts["slow"]) == ([True, "finished"], 1)


def test_a_question_tool_without_a_flow_says_what_to_do(lab, call):
    inner = Agent(lab.script(call("approve", "c"), "done", name="bot").model, name="bot", tools=[approve])
    with pytest.raises(KitaruUsageError, match="question to a person"):
        inner.run_sync("go")

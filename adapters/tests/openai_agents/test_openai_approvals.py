"""People in the loop: by request and resume, in place, nested, in parts, and from inside a tool."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest
from agents import Agent, Runner, function_tool
from agents.testing import ScriptedModel, assistant_message, function_call
from agents.tool_context import ToolContext

import kitaru
from kitaru.adapters.openai_agents import (
    KitaruRunner,
    OpenAIApprovalDecision,
    OpenAICapturePolicy,
    OpenAIRunRequest,
    OpenAIRunResult,
    build_resume_request,
    wait_for_approval,
    wait_for_approvals,
)

START = OpenAIRunRequest.start("go")


def mail_agent(sent, *, recipients=("ann",), policy=True, texts=("done",), model=None):
    @function_tool(needs_approval=policy)
    def send(to: str) -> str:
        sent.append(to)
        return f"sent to {to}"

    calls = [function_call("send", {"to": to}, call_id=f"c-{to}") for to in recipients]
    steps = [calls, *([assistant_message(text)] for text in texts)]
    return Agent(name="mailer", model=model or ScriptedModel(steps), tools=[send])


def answer(exec_id, value, *, name=None):
    client = kitaru.KitaruClient()
    for wait in client.executions.pending_waits(exec_id):
        if name is None or name in wait.name:
            client.executions.input(exec_id, wait=wait.name, value=value)


def until_waiting(handle):
    end = time.monotonic() + 10
    while not kitaru.KitaruClient().executions.pending_waits(handle.exec_id):
        assert time.monotonic() < end, handle.status
        time.sleep(0.005)


def answered_later(handle, value, *, name=None):
    until_waiting(handle)
    answer(handle.exec_id, value, name=name)


def outputs(result):
    return {
        item["call_id"]: item["output"] for item in result.input_items if item.get("type") == "function_call_output"
    }


def test_request_and_resume_goes_on_with_the_recorded_calls(story):
    sent: list[str] = []
    agent = mail_agent(sent)
    runner = KitaruRunner(agent)

    async def body():
        result = await runner.run(START)
        assert result.status == "interrupted"
        return await runner.run(await asyncio.to_thread(wait_for_approval, result))

    handle = story(body).start()
    answered_later(handle, value=True)
    assert handle.wait().final_output == "done"
    assert (sent, len(agent.model.calls)) == (["ann"], 2)


@pytest.mark.parametrize("strategy", ["calls", "runner_call"])
def test_a_denial_reaches_the_model_verbatim(story, strategy):
    sent: list[str] = []
    runner = KitaruRunner(mail_agent(sent), checkpoint_strategy=strategy)

    async def body():
        result = await runner.run(START)
        request = await asyncio.to_thread(wait_for_approval, result, denial_message="Ann is on leave.")
        return await runner.run(request)

    handle = story(body).start()
    answered_later(handle, value=False)
    assert outputs(handle.wait()) == {"c-ann": "Ann is on leave."}
    assert sent == []


def test_in_place_all_pending_approvals_are_open_at_once_and_each_is_decided(story):
    sent: list[str] = []
    agent = mail_agent(sent, recipients=("ann", "bob", "cy"))
    handle = story(lambda: KitaruRunner(agent, approvals="wait").run(START)).start()
    until_waiting(handle)
    waits = kitaru.KitaruClient().executions.pending_waits(handle.exec_id)
    assert [wait.name for wait in waits] == ["approve_send_c_ann", "approve_send_c_bob", "approve_send_c_cy"]
    answer(handle.exec_id, value=False, name="bob")
    answer(handle.exec_id, value=True)
    assert outputs(handle.wait())["c-bob"] == "The request to run this tool was denied."
    assert sorted(sent) == ["ann", "cy"]


def test_in_place_needs_no_way_to_store_the_context(story):
    sent: list[str] = []
    runner = KitaruRunner(mail_agent(sent), approvals="wait")
    handle = story(lambda: runner.run(START, context=threading.Lock())).start()
    answered_later(handle, value=True)
    assert handle.wait().final_output == "done"


def test_a_pause_and_resume_in_place_repeats_no_call(story):
    sent: list[str] = []
    agent = mail_agent(sent)
    told = story(lambda: KitaruRunner(agent, approvals="wait", approval_timeout=0).run(START))
    assert told.answered_after_the_pause(value=True).final_output == "done"
    assert (sent, len(agent.model.calls)) == (["ann"], 2)


def test_several_decisions_may_come_in_parts_and_in_any_order(story):
    sent: list[str] = []
    runner = KitaruRunner(mail_agent(sent, recipients=("ann", "bob")))

    async def body():
        first = await runner.run(START)
        second = await runner.run(
            OpenAIRunRequest.resume(first.pending_state, OpenAIApprovalDecision(call_id="c-bob", approve=True))
        )
        assert [item.call_id for item in second.interruptions] == ["c-ann"]
        return await runner.run(build_resume_request(second, approve=True))

    assert story(body).once().final_output == "done"
    assert sent == ["bob", "ann"]


def test_all_pending_calls_can_be_asked_about_in_one_go(story):
    sent: list[str] = []
    runner = KitaruRunner(mail_agent(sent, recipients=("ann", "bob")))

    async def body():
        result = await runner.run(START)
        return await runner.run(await asyncio.to_thread(wait_for_approvals, result))

    handle = story(body).start()
    until_waiting(handle)
    answer(handle.exec_id, value=True)
    handle.wait()
    assert sorted(sent) == ["ann", "bob"]


def test_an_approval_policy_sees_what_it_saw_before_and_asks_whenever_it_asked(story):
    seen: list[object] = []

    async def policy(_ctx, arguments, _call_id):
        seen.append(arguments)
        return arguments["to"] == "ann"

    # What the SDK does by itself depends on what else is installed: a pydantic plugin makes it ask more often.
    plain = asyncio.run(Runner.run(mail_agent([], recipients=("bob",), policy=policy), "go"))
    plainly_seen = [*seen]
    seen.clear()
    agent = mail_agent([], recipients=("bob",), policy=policy)
    status = story(lambda: KitaruRunner(agent).run(START)).once().status
    assert status == ("interrupted" if plain.interruptions else "completed")
    assert seen[: len(plainly_seen)] == plainly_seen


def test_arguments_that_validation_would_change_still_ask_a_person(story):
    asked: list[object] = []

    async def policy(_ctx, arguments, _call_id):
        asked.append(arguments)
        return False

    @function_tool(needs_approval=policy)
    def pay(amount: int) -> str:
        return f"paid {amount}"

    steps = [[function_call("pay", {"amount": "1"}, call_id="c1")], [assistant_message("x")]]
    agent = Agent(name="payer", model=ScriptedModel(steps), tools=[pay])
    result = story(lambda: KitaruRunner(agent).run(START)).once()
    assert (result.status, asked) == ("interrupted", [])


def test_a_nested_approval_is_asked_once_and_never_skipped(story):
    sent: list[str] = []
    inner = mail_agent(sent)
    tool = inner.as_tool("delegate", "Send mail")
    steps = [[function_call("delegate", {"input": "send"}, call_id="d1")], [assistant_message("outer done")]]
    outer = Agent(name="boss", model=ScriptedModel(steps), tools=[tool])
    told = story(lambda: KitaruRunner(outer, approvals="wait").run(START))
    told.fail_behind = True
    handle = told._flow.run()
    told.exec_id = handle.exec_id
    answered_later(handle, value=True)
    with pytest.raises(kitaru.KitaruExecutionError):
        handle.wait()
    assert told.rerun().final_output == "outer done"
    assert (sent, len(inner.model.calls), len(outer.model.calls)) == (["ann"], 2, 2)


def test_a_fresh_context_may_be_given_on_resume(story):
    seen: list[object] = []

    @function_tool(needs_approval=True)
    def look(ctx: ToolContext[dict[str, str]]) -> str:
        seen.append(ctx.context)
        return "ok"

    steps = [[function_call("look", {}, call_id="c1")], [assistant_message("x")]]
    runner = KitaruRunner(Agent(name="one", model=ScriptedModel(steps), tools=[look]))

    async def body():
        result = await runner.run(START, context={"who": "old"})
        return await runner.run(build_resume_request(result, approve=True), context={"who": "new"})

    assert story(body).once().status == "completed"
    assert seen == [{"who": "new"}]


def test_a_state_stored_by_an_earlier_release_resumes_with_a_warning(story):
    sent: list[str] = []
    runner = KitaruRunner(mail_agent(sent))

    async def body():
        result = await runner.run(START)
        older = result.pending_state.model_copy(update={"agents_sdk_version": "0.23.9"})
        decision = OpenAIApprovalDecision(approve=True)
        return await runner.run(OpenAIRunRequest.resume(older, decision))

    result = story(body).once()
    assert (sent, "0.23.9" in result.warnings[0]) == (["ann"], True)


def test_a_context_that_cannot_be_stored_is_refused_with_the_ways_out(story):
    runner = KitaruRunner(mail_agent([]))
    told = story(lambda: runner.run(START, context=threading.Lock()))
    with pytest.raises(kitaru.KitaruExecutionError) as caught:
        told.start().wait()
    assert "context" in str(caught.value)


def test_a_wait_in_a_tool_lets_running_siblings_finish(story):
    ran: list[str] = []

    @function_tool
    async def work() -> str:
        await asyncio.sleep(0.1)
        ran.append("work")
        return "worked"

    @function_tool
    def ask_person() -> str:
        return kitaru.wait(schema=str, name="what", timeout=0)

    calls = [function_call("ask_person", {}, call_id="a"), function_call("work", {}, call_id="b")]
    agent = Agent(name="two", model=ScriptedModel([calls, [assistant_message("x")]]), tools=[work, ask_person])
    runner = KitaruRunner(agent, tool_checkpoint_config_by_name={"ask_person": False})
    result = story(lambda: runner.run(START)).answered_after_the_pause(value="blue")
    assert outputs(result) == {"a": "blue", "b": "worked"}
    assert ran == ["work"]


@pytest.mark.parametrize(
    "result",
    [
        OpenAIRunResult(status="completed", final_output="x"),
        "not a result",
    ],
)
def test_helpers_refuse_what_is_not_interrupted_before_a_wait_exists(story, result):
    async def body():
        return await asyncio.to_thread(wait_for_approval, result)

    told = story(body)
    with pytest.raises(kitaru.KitaruExecutionError, match="nothing to approve"):
        told.start().wait()
    assert told.execution.waits == []


def test_helpers_refuse_a_place_outside_of_a_flow():
    with pytest.raises(kitaru.KitaruContextError, match="body of a flow"):
        wait_for_approval(OpenAIRunResult(status="completed"))


def test_an_unknown_call_is_refused(story):
    runner = KitaruRunner(mail_agent([]))

    async def body():
        result = await runner.run(START)
        decision = OpenAIApprovalDecision(call_id="other", approve=True)
        return await runner.run(OpenAIRunRequest.resume(result.pending_state, decision))

    with pytest.raises(kitaru.KitaruExecutionError, match="c-ann"):
        story(body).start().wait()


def test_payloads_are_absent_where_capture_says_so(story):
    runner = KitaruRunner(
        mail_agent([]), approvals="wait", capture=OpenAICapturePolicy(save_interruption_payloads=False)
    )
    handle = story(lambda: runner.run(START)).start()
    until_waiting(handle)
    (wait,) = kitaru.KitaruClient().executions.pending_waits(handle.exec_id)
    assert "arguments" not in wait.metadata
    assert wait.metadata["call_id"] == "c-ann"
    answer(handle.exec_id, value=True)
    handle.wait()


def test_a_synchronous_flow_pauses_and_resumes_in_place(story):
    sent: list[str] = []
    agent = mail_agent(sent)
    runner = KitaruRunner(agent, approvals="wait", approval_timeout=0)
    told = story(lambda: asyncio.to_thread(runner.run_sync, START))
    assert told.answered_after_the_pause(value=True).final_output == "done"
    assert (sent, len(agent.model.calls)) == (["ann"], 2)

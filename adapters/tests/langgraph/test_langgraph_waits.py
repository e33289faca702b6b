"""Interrupts of graphs as waits of flows: which are asked, how answers arrive, what is refused."""

from __future__ import annotations

import time

import pytest
from langchain.agents.middleware import HumanInTheLoopMiddleware
from langchain_core.messages import AIMessage
from langchain_core.tools import StructuredTool
from langgraph.graph import START, MessagesState, StateGraph

import kitaru
from kitaru import checkpoint, flow
from kitaru.adapters.langgraph import (
    KitaruGraphRunner,
    LangGraphCallCheckpointPolicy,
    build_resume_request,
    durable_model,
    wait_for_interrupt,
    wait_for_interrupts,
)
from kitaru.errors import KitaruUsageError


def test_interrupt_gives_an_interrupted_result_numbered_by_position(world):
    runner = KitaruGraphRunner(world.asking(world.saver("memory"), "b", "a"))
    result = runner.invoke({"got": []}, thread_id="t")
    assert (result.status, result.output) == ("interrupted", None)
    assert [each.node_name for each in result.interrupts] == ["a", "b"]
    assert [each.index for each in result.pending_state.interrupts] == [0, 1]


@pytest.mark.parametrize("answer", [None, {}, False, {"0" * 32: 1}, [], "x"])
@pytest.mark.parametrize("strategy", ["graph_call", "calls"])
def test_answer_arrives_at_the_node_unchanged(world, answer, strategy):
    runner = world.graph_runner(world.asking(world.saver("memory"), "a"), strategy)

    @flow
    def story():
        result = runner.invoke({"got": []}, thread_id="t")
        return runner.invoke(build_resume_request(result, answer)).output["got"]

    assert world.run(story) == [answer]


@pytest.mark.parametrize("strategy", ["graph_call", "calls"])
def test_flow_waits_for_the_answer_and_resumes_the_graph(world, strategy):
    runner = world.graph_runner(world.asking(world.saver("sqlite"), "a"), strategy)

    @flow
    def story():
        result = runner.invoke({"got": []}, thread_id="t")
        return runner.invoke(wait_for_interrupt(result, schema=str, name="which", metadata={"who": "me"})).output["got"]

    handle = story.run()
    (pending,) = world.waiting(handle.exec_id)
    assert pending.metadata["source"] == "interrupt_bridge"
    assert pending.metadata["user_metadata"] == {"who": "me"}
    assert "value" not in pending.metadata
    world.answer(handle.exec_id, which="blue")
    assert handle.wait() == ["blue"]


def test_bridge_outside_of_a_flow_body_is_refused_without_a_wait(world):
    result = KitaruGraphRunner(world.asking(world.saver("memory"), "a")).invoke({"got": []}, thread_id="t")
    with pytest.raises(KitaruUsageError, match="body of a flow"):
        wait_for_interrupt(result, schema=str)

    @checkpoint
    def inside():
        with pytest.raises(KitaruUsageError, match="body of a flow"):
            wait_for_interrupt(result, schema=str)
        return "refused"

    @flow
    def story():
        return inside()

    assert world.run(story) == "refused"


def test_completed_result_and_unknown_index_are_refused(world):
    done = KitaruGraphRunner(world.agent("hi")).invoke(world.hello, thread_id="t")
    with pytest.raises(KitaruUsageError, match="completed"):
        build_resume_request(done, 1)
    asked = KitaruGraphRunner(world.asking(world.saver("memory"), "a")).invoke({"got": []}, thread_id="t")
    with pytest.raises(KitaruUsageError, match="pending are: 0"):
        build_resume_request(asked, 1, interrupt_index=3)


@pytest.mark.parametrize("order", [("a", "b"), ("b", "a")])
@pytest.mark.parametrize("strategy", ["graph_call", "calls"])
def test_two_parallel_interrupts_are_asked_at_once_and_resumed_once(world, order, strategy):
    entered = []
    runner = world.graph_runner(world.asking(world.saver("sqlite"), "a", "b", "quiet", entered=entered), strategy)

    @flow
    def story():
        result = runner.invoke({"got": []}, thread_id="t")
        return sorted(runner.invoke(wait_for_interrupts(result, schemas=[str, str])).output["got"])

    handle = story.run()
    waits = {each.question: each.name for each in world.waiting(handle.exec_id)}
    assert sorted(waits) == ["a?", "b?"]
    world.answer(handle.exec_id, **{waits[f"{node}?"]: node.upper() for node in order})
    assert handle.wait() == ["A", "B", "quiet"]
    assert entered.count("quiet") == 1


def test_answer_the_graph_rejects_can_be_given_again(world):
    runner = KitaruGraphRunner(world.asking(world.saver("memory"), "a", response_schema=int))

    @flow
    def story():
        result = runner.invoke({"got": []}, thread_id="t")
        with pytest.raises(KitaruUsageError, match="refuses this answer"):
            runner.invoke(build_resume_request(result, "many"))
        return runner.invoke(build_resume_request(result, 3)).output["got"]

    assert world.run(story) == [3]


def test_schema_of_the_interrupt_is_the_schema_of_the_wait(world):
    runner = KitaruGraphRunner(world.asking(world.saver("sqlite"), "a", response_schema=int))

    @flow
    def story():
        result = runner.invoke({"got": []}, thread_id="t")
        return runner.invoke(wait_for_interrupt(result, name="n")).output["got"]

    handle = story.run()
    (pending,) = world.waiting(handle.exec_id)
    assert pending.schema["type"] == "integer"
    world.answer(handle.exec_id, n=4)
    assert handle.wait() == [4]


DECISIONS = [
    ({"type": "approve"}, "a of 1", ["a:1"]),
    ({"type": "edit", "edited_action": {"name": "a", "args": {"x": 9}}}, "a of 9", ["a:9"]),
    ({"type": "reject", "message": "never"}, "never", []),
    ({"type": "respond", "message": "by hand"}, "by hand", []),
]


def _guarded(world, mode, tools=(("a", 1),)):
    allowed = ["approve", "edit", "reject", "respond"]
    guard = HumanInTheLoopMiddleware(interrupt_on={"a": {"allowed_decisions": allowed}}, interrupt_mode=mode)
    return world.agent(world.wish(*tools), "done", saver=world.saver("sqlite"), middleware=[guard])


@pytest.mark.parametrize(("decision", "told", "ran"), DECISIONS, ids=lambda value: str(value)[:22])
@pytest.mark.parametrize("mode", ["batched", "per_call"])
def test_approval_middleware_of_the_framework(world, mode, decision, told, ran):
    runner = world.graph_runner(_guarded(world, mode))

    @flow
    def story():
        result = runner.invoke(world.hello, thread_id="t")
        final = runner.invoke(wait_for_interrupt(result, name="ok"))
        return next(message.content for message in final.output["messages"] if message.type == "tool")

    handle = story.run()
    world.waiting(handle.exec_id)
    world.answer(handle.exec_id, ok={"decisions": [decision]} if mode == "batched" else decision)
    assert told in handle.wait()
    assert [call for call in world.calls if call.startswith("a:")] == ran


@pytest.mark.parametrize("mode", ["batched", "per_call"])
def test_wait_for_an_approval_names_the_call_and_shows_no_secret(world, mode):
    def pay(x: int, api_key: str) -> str:
        return "paid"

    wish = AIMessage("", tool_calls=[{"name": "pay", "args": {"x": 1, "api_key": "s3same"}, "id": "p1"}])
    guard = HumanInTheLoopMiddleware(interrupt_on={"pay": True}, interrupt_mode=mode)
    agent = world.agent(
        wish,
        "done",
        tools=[StructuredTool.from_function(pay, description="pay")],
        saver=world.saver("memory"),
        middleware=[guard],
    )
    runner = world.graph_runner(agent)

    @flow
    def story():
        return wait_for_interrupt(runner.invoke(world.hello, thread_id="t")).kind

    (wait,) = world.waiting(story.run().exec_id)
    assert wait.question == "May the tool 'pay' be called?"
    assert wait.metadata["tool_calls"] == [{"name": "pay", "args": {"x": 1, "api_key": "[redacted]"}}]


def test_wait_for_an_approval_asks_in_the_words_of_the_author(world):
    words = {"a": {"allowed_decisions": ["approve"], "description": "Shall we?"}}
    guard = HumanInTheLoopMiddleware(interrupt_on=words, interrupt_mode="per_call")
    agent = world.agent(world.wish(("a", 1)), "done", saver=world.saver("memory"), middleware=[guard])
    runner = world.graph_runner(agent)

    @flow
    def story():
        return wait_for_interrupt(runner.invoke(world.hello, thread_id="t")).kind

    (wait,) = world.waiting(story.run().exec_id)
    assert wait.question == "Shall we?"


def test_invalid_decision_is_refused_at_the_wait_and_runs_nothing(world):
    from kitaru.errors import KitaruWaitValidationError

    runner = world.graph_runner(_guarded(world, "batched"))

    @flow
    def story():
        return runner.invoke(wait_for_interrupt(runner.invoke(world.hello, thread_id="t"), name="ok")).status

    handle = story.run()
    world.waiting(handle.exec_id)
    with pytest.raises(KitaruWaitValidationError):
        world.client.executions.input(handle.exec_id, wait="ok", value={"decisions": [{"type": "maybe"}]})
    assert world.calls == ["scripted:0"]


def test_wait_inside_a_tool_lets_siblings_finish(world):
    def asks(x):
        return f"told {kitaru.wait(name='inside', schema=str)}"

    policy = LangGraphCallCheckpointPolicy(tool_checkpoint_config_by_name={"a": False})
    tools = [world.tool("a", asks), world.tool("b", lambda x: time.sleep(0.1) or "slow")]
    agent = world.agent(world.wish(("a", 1), ("b", 2)), "done", tools=tools, saver=world.saver("sqlite"))
    runner = world.graph_runner(agent, call_checkpoint_policy=policy)

    @flow
    def story():
        return world.said(runner.invoke(world.hello, thread_id="t").output["messages"])

    handle = story.run()
    world.waiting(handle.exec_id)
    world.answer(handle.exec_id, inside="secret")
    assert handle.wait() == ["human: hello", "ai: ", "tool: told secret", "tool: slow", "ai: done"]
    assert world.calls.count("b:2") == 1


@pytest.mark.parametrize("kind", ["none", "memory", "sqlite", "ours"])
def test_wait_directly_in_a_node_pauses_the_flow_and_goes_on(world, kind):
    model = durable_model(world.model("thought"))

    def node(state):
        return {"messages": [AIMessage(f"told {kitaru.wait(name='inside', schema=str)}")]}

    builder = StateGraph(MessagesState)
    builder.add_node("think", lambda state: {"messages": [model.invoke(state["messages"])]})
    builder.add_node("ask", node)
    builder.add_edge(START, "think")
    builder.add_edge("think", "ask")
    runner = world.graph_runner(builder.compile(checkpointer=world.saver(kind), name="asks"))

    @flow
    def story():
        return world.said(runner.invoke(world.hello, thread_id="t").output["messages"])

    handle = story.run()
    world.waiting(handle.exec_id)
    world.answer(handle.exec_id, inside="secret")
    assert handle.wait() == ["human: hello", "ai: thought", "ai: told secret"]
    assert world.calls == ["scripted:0"]

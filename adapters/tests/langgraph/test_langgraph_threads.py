"""Threads of LangGraph under kitaru: durability modes, nested graphs, several interrupts, copies, ownership."""

from __future__ import annotations

import pytest
from langchain_core.messages import AIMessage, HumanMessage
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.types import Command, RetryPolicy, interrupt

from kitaru import flow
from kitaru.adapters.langgraph import (
    KitaruGraphRunner,
    LangGraphDurabilityPolicy,
    LangGraphRunRequest,
    build_resume_request,
    durable_model,
    wait_for_interrupt,
)


@pytest.mark.parametrize("mode", ["sync", "async", "exit"])
@pytest.mark.parametrize("kind", ["memory", "sqlite", "ours"])
def test_every_durability_mode_ends_in_the_same_conversation(world, mode, kind):
    agent = world.agent(world.wish(("a", 1)), world.wish(("b", 2)), "done", saver=world.saver(kind))
    runner = world.graph_runner(agent, durability=LangGraphDurabilityPolicy(mode=mode))
    world.crash["b:2"] = 1

    @flow
    def story():
        return world.said(runner.invoke(world.hello, thread_id="t").output["messages"])

    told = world.retry(world.fail(story))
    assert told == ["human: hello", "ai: ", "tool: a of 1", "ai: ", "tool: b of 2", "ai: done"]
    assert world.calls == ["scripted:0", "a:1", "scripted:1", "b:2", "scripted:2"]


def test_retry_policy_of_a_node_makes_the_call_again_under_the_same_identity(world):
    model = durable_model(world.model("hi"))
    builder = StateGraph(MessagesState)
    policy = RetryPolicy(initial_interval=0.01, jitter=False, retry_on=Exception)
    builder.add_node("say", lambda state: {"messages": [model.invoke(state["messages"])]}, retry_policy=policy)
    builder.add_edge(START, "say")
    runner = world.graph_runner(builder.compile(name="g"))
    world.crash["scripted:0"] = 1

    @flow
    def story():
        return runner.invoke(world.hello, thread_id="t").output["messages"][-1].content

    assert world.run(story) == "hi"
    assert world.calls == ["scripted:0"]


def _with_part(world, saver, *, asks=False):
    model = durable_model(world.model("inner says", "outer says", "x", "y"))

    def inner_end(state):
        world.note("inner end")
        return {"messages": [AIMessage(f"told {interrupt('inner?')}")]} if asks else {}

    part = StateGraph(MessagesState)
    part.add_node("think", lambda state: {"messages": [model.invoke([HumanMessage("inner")])]})
    part.add_node("end", inner_end)
    part.add_edge(START, "think")
    part.add_edge("think", "end")
    outer = StateGraph(MessagesState)
    outer.add_node("part", part.compile(name="part"))
    outer.add_node("close", lambda state: {"messages": [model.invoke([HumanMessage("close"), AIMessage("x")])]})
    outer.add_edge(START, "part")
    outer.add_edge("part", "close")
    return outer.compile(checkpointer=saver, name="outer")


@pytest.mark.parametrize("strategy", ["graph_call", "calls"])
@pytest.mark.parametrize("kind", ["memory", "sqlite", "ours"])
def test_crash_inside_a_nested_graph_goes_on_inside_it(world, kind, strategy):
    runner = world.graph_runner(_with_part(world, world.saver(kind)), strategy)
    world.crash["inner end"] = 1

    @flow
    def story():
        return world.said(runner.invoke(world.hello, thread_id="t").output["messages"])

    assert world.retry(world.fail(story)) == ["human: hello", "ai: inner says", "ai: outer says"]
    assert world.calls == ["scripted:0", "inner end", "scripted:1"]


@pytest.mark.parametrize("strategy", ["graph_call", "calls"])
def test_interrupt_of_a_nested_graph_is_answered_from_outside(world, strategy):
    runner = world.graph_runner(_with_part(world, world.saver("ours"), asks=True), strategy)

    @flow
    def story():
        result = runner.invoke(world.hello, thread_id="t")
        return runner.invoke(wait_for_interrupt(result, schema=str, name="in")).output["messages"][-2].content

    handle = story.run()
    (pending,) = world.waiting(handle.exec_id)
    assert pending.question == "inner?"
    world.answer(handle.exec_id, **{"in": "blue"})
    assert handle.wait() == "told blue"


def _twice(world, saver):
    model = durable_model(world.model("ready"))

    def ask(state):
        first = interrupt("first?")
        return {"messages": [AIMessage(f"{first} and {interrupt('second?')}")]}

    builder = StateGraph(MessagesState)
    builder.add_node("work", lambda state: {"messages": [model.invoke(state["messages"])]})
    builder.add_node("ask", ask)
    builder.add_edge(START, "work")
    builder.add_edge("work", "ask")
    return builder.compile(checkpointer=saver, name="twice")


@pytest.mark.parametrize("kind", ["memory", "ours"])
def test_two_questions_in_a_row_survive_a_restart_after_each(world, kind):
    @flow
    def story():
        # A new graph and saver in every run: what a new process would have.
        runner = world.graph_runner(_twice(world, world.saver(kind)))
        result = runner.invoke(world.hello, thread_id="t")
        while result.status == "interrupted":
            result = runner.invoke(wait_for_interrupt(result, schema=str, name="q"))
        return result.output["messages"][-1].content

    handle = story.run()
    world.waiting(handle.exec_id)
    world.answer(handle.exec_id, q="one")
    world.waiting(handle.exec_id)
    world.answer(handle.exec_id, q_2="two")
    assert world.result(handle.exec_id) == "one and two"
    assert world.calls == ["scripted:0"]


def test_unfinished_invocation_of_somebody_else_can_be_refused(world):
    agent = world.agent(world.wish(("a", 1)), "done", "again", saver=world.saver("sqlite"))
    world.crash["a:1"] = 1

    @flow
    def first():
        world.graph_runner(agent).invoke(world.hello, thread_id="t")

    @flow
    def second():
        strict = LangGraphDurabilityPolicy(on_existing_run="error")
        world.graph_runner(agent, durability=strict).invoke(world.hello, thread_id="t")

    world.fail(first)
    exec_id = world.fail(second)
    assert "unfinished" in world.client.executions.get(exec_id).failure.message


def test_replay_on_the_same_thread_is_possible_on_request(world):
    saver = world.saver("sqlite")
    agent = world.agent("first", "second", saver=saver)
    runner = world.graph_runner(agent, durability=LangGraphDurabilityPolicy(replay_thread="same"))

    @flow
    def story():
        return len(runner.invoke(world.hello, thread_id="t").output["messages"])

    source = story.run()
    assert source.wait() == 2
    assert story.replay(source.exec_id, from_="langgraph_thread__agent").wait() == 4


def test_replay_of_an_interrupted_run_asks_again_on_the_copy(world):
    graph = world.asking(world.saver("sqlite"), "a")
    runner = KitaruGraphRunner(graph)

    @flow
    def story():
        result = runner.invoke({"got": []}, thread_id="t")
        return runner.invoke(wait_for_interrupt(result, schema=str, name="q")).output["got"]

    source = story.run()
    world.waiting(source.exec_id)
    world.answer(source.exec_id, q="blue")
    assert source.wait() == ["blue"]
    replayed = story.replay(source.exec_id, from_="asking_langgraph_call_2")
    world.waiting(replayed.exec_id)
    world.answer(replayed.exec_id, q="red")
    assert replayed.wait() == ["red"]
    assert graph.get_state({"configurable": {"thread_id": "t"}}).values == {"got": ["blue"]}


def test_pinned_checkpoint_starts_a_branch(world):
    agent = world.agent("first", "second", "third", saver=world.saver("sqlite"))
    runner = KitaruGraphRunner(agent)

    @flow
    def story():
        first = runner.invoke(world.hello, thread_id="t")
        runner.invoke(world.hello, thread_id="t")
        branch = runner.invoke(world.hello, thread_id="t", checkpoint_id=first.latest_checkpoint_id)
        return len(branch.output["messages"])

    assert world.run(story) == 4


def test_command_of_the_caller_is_taken_as_it_is(world):
    runner = KitaruGraphRunner(world.asking(world.saver("memory"), "a"))

    @flow
    def story():
        runner.invoke({"got": []}, thread_id="t")
        return runner.invoke(LangGraphRunRequest.resume(Command(resume="x"), thread_id="t")).output["got"]

    assert world.run(story) == ["x"]


def test_answer_that_arrives_twice_is_refused_the_second_time(world):
    from kitaru.errors import KitaruStateError

    runner = KitaruGraphRunner(world.asking(world.saver("memory"), "a"))

    @flow
    def story():
        result = runner.invoke({"got": []}, thread_id="t")
        runner.invoke(build_resume_request(result, "x"))
        with pytest.raises(KitaruStateError, match="waits for no answer"):
            runner.invoke(build_resume_request(result, "y"))
        return "once"

    assert world.run(story) == "once"


def test_stop_at_a_breakpoint_is_said_in_the_warnings(world):
    builder = StateGraph(MessagesState)
    builder.add_node("first", lambda state: {})
    builder.add_node("second", lambda state: {"messages": [AIMessage("on")]})
    builder.add_edge(START, "first")
    builder.add_edge("first", "second")
    graph = builder.compile(checkpointer=world.saver("memory"), interrupt_before=["second"], name="stops")
    runner = KitaruGraphRunner(graph)

    @flow
    def story():
        stopped = runner.invoke(world.hello, thread_id="t")
        return stopped.warnings, runner.invoke(None, thread_id="t").output["messages"][-1].content

    warnings, last = world.run(story)
    assert any("breakpoint before second" in warning for warning in warnings)
    assert last == "on"

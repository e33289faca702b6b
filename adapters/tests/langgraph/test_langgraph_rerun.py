"""Flows that ran before: what is answered by the journal, what runs, and what the thread holds afterwards."""

from __future__ import annotations

import pytest
from langchain_core.messages import AIMessage, HumanMessage

from kitaru import checkpoint, flow, wait
from kitaru.adapters.langgraph import KitaruGraphRunner, wait_for_interrupt
from kitaru.errors import KitaruExecutionError

SAVERS = ["none", "memory", "sqlite", "ours"]


def _fails_once():
    tries = []

    @checkpoint
    def shaky():
        tries.append(1)
        if len(tries) == 1:
            msg = "first time"
            raise ValueError(msg)
        return "ok"

    return shaky


@pytest.mark.parametrize("strategy", ["graph_call", "calls"])
def test_finished_invocation_is_not_driven_again(world, strategy):
    runner = world.graph_runner(world.agent(world.wish(("a", 1)), "done", saver=world.saver("memory")), strategy)
    shaky, seen = _fails_once(), []

    @flow
    def story():
        seen.append(runner.invoke(world.hello, thread_id="t"))
        return shaky()

    exec_id = world.fail(story)
    before = list(world.calls)
    assert world.retry(exec_id) == "ok"
    assert world.calls == before
    assert seen[0] == seen[1]
    assert type(seen[1].output["messages"][-1]) is AIMessage


@pytest.mark.parametrize("kind", SAVERS)
@pytest.mark.parametrize("broken", ["scripted:0", "a:1", "scripted:1", "b:2", "scripted:2"])
def test_rerun_makes_exactly_the_calls_after_the_crash(world, kind, broken):
    turns = [world.wish(("a", 1)), world.wish(("b", 2)), "done"]
    runner = world.graph_runner(world.agent(*turns, saver=world.saver(kind)))
    world.crash[broken] = 1

    @flow
    def story():
        return world.said(runner.invoke(world.hello, thread_id="t").output["messages"])

    conversation = world.retry(world.fail(story))
    assert world.calls == ["scripted:0", "a:1", "scripted:1", "b:2", "scripted:2"]
    assert conversation == ["human: hello", "ai: ", "tool: a of 1", "ai: ", "tool: b of 2", "ai: done"]


@pytest.mark.parametrize("point", ["boundary.after_body", "boundary.after_commit"])
@pytest.mark.parametrize("kind", ["memory", "sqlite", "ours"])
@pytest.mark.parametrize("n", [2, 3, 5])
def test_crash_between_thread_and_journal_changes_nothing(world, kind, point, n):
    from kitaru import crash_points

    def crash():
        raise KilledError

    runner = world.graph_runner(world.agent(world.wish(("a", 1)), "done", saver=world.saver(kind)))

    @flow
    def story():
        return world.said(runner.invoke(world.hello, thread_id="t").output["messages"])

    crash_points.arm(point, n, crash)
    try:
        exec_id = world.fail(story)
    finally:
        crash_points.disarm()
    assert world.retry(exec_id) == ["human: hello", "ai: ", "tool: a of 1", "ai: done"]


class KilledError(Exception):
    pass


@pytest.mark.parametrize("strategy", ["graph_call", "calls"])
@pytest.mark.parametrize("kind", ["memory", "sqlite", "ours"])
def test_persistent_thread_holds_no_doubled_message_after_a_crash(world, strategy, kind):
    saver = world.saver(kind)
    runner = world.graph_runner(world.agent("first", world.wish(("a", 1)), "second", saver=saver), strategy)
    world.crash["a:1"] = 1

    @flow
    def story():
        runner.invoke({"messages": [HumanMessage("one")]}, thread_id="t")
        return world.said(runner.invoke({"messages": [HumanMessage("two")]}, thread_id="t").output["messages"])

    told = world.retry(world.fail(story))
    assert told == ["human: one", "ai: first", "human: two", "ai: ", "tool: a of 1", "ai: second"]


def test_retry_of_the_coarse_unit_goes_on_with_the_thread(world):
    agent = world.agent(world.wish(("a", 1)), "done", saver=world.saver("memory"))
    runner = KitaruGraphRunner(agent, run_checkpoint_config={"retries": 1})
    world.crash["a:1"] = 1

    @flow
    def story():
        return world.said(runner.invoke(world.hello, thread_id="t").output["messages"])

    assert world.run(story) == ["human: hello", "ai: ", "tool: a of 1", "ai: done"]
    assert world.calls == ["scripted:0", "a:1", "scripted:1"]


def test_invocation_before_a_wait_is_not_driven_again_after_resume(world):
    runner = world.graph_runner(world.agent(world.wish(("a", 1)), "done", saver=world.saver("sqlite")))

    @flow
    def story():
        first = runner.invoke(world.hello, thread_id="t").output["messages"][-1].content
        return first if wait(name="ok", schema=bool) else "no"

    handle = story.run()
    world.waiting(handle.exec_id)
    before = list(world.calls)
    world.answer(handle.exec_id, ok=True)
    assert (world.result(handle.exec_id), world.calls) == ("done", before)


def _asking_graph(world, saver):
    from langgraph.graph import START, MessagesState, StateGraph
    from langgraph.types import interrupt

    def question(state):
        return {"messages": [AIMessage(f"you said {interrupt('which?')}")]}

    builder = StateGraph(MessagesState)
    builder.add_node("work", lambda state: {"messages": [world.model("worked").invoke(state["messages"])]})
    builder.add_node("question", question)
    builder.add_edge(START, "work")
    builder.add_edge("work", "question")
    return builder.compile(checkpointer=saver, name="asking")


def test_lost_thread_is_rebuilt_from_the_journal_without_live_calls(world):
    agents = iter([_durable_asking(world) for _ in range(2)])

    @flow
    def story():
        runner = world.graph_runner(next(agents))
        result = runner.invoke(world.hello, thread_id="t")
        return world.said(runner.invoke(wait_for_interrupt(result, schema=str, name="which")).output["messages"])

    handle = story.run()
    world.waiting(handle.exec_id)
    world.answer(handle.exec_id, which="blue")
    assert world.result(handle.exec_id) == ["human: hello", "ai: worked", "ai: you said blue"]
    assert world.calls == ["scripted:0"]


def _durable_asking(world):
    from kitaru.adapters.langgraph import durable_model

    class Wrapped:
        folder = world.folder

        def model(self, *turns):
            return durable_model(world.model(*turns))

    return _asking_graph(Wrapped(), world.saver("memory"))


def test_lost_thread_in_coarse_mode_fails_with_advice(world):
    agents = iter([_asking_graph(world, world.saver("memory")) for _ in range(2)])

    @flow
    def story():
        runner = KitaruGraphRunner(next(agents))
        return runner.invoke(
            wait_for_interrupt(runner.invoke(world.hello, thread_id="t"), schema=str, name="which")
        ).status

    handle = story.run()
    world.waiting(handle.exec_id)
    world.answer(handle.exec_id, which="blue")
    with pytest.raises(KitaruExecutionError, match="KitaruCheckpointSaver"):
        handle.wait()


@pytest.mark.parametrize("kind", ["memory", "sqlite", "ours"])
def test_replay_works_on_a_copy_of_the_thread(world, kind):
    saver = world.saver(kind)
    graph = world.agent(world.wish(("a", 1)), "done", "again", saver=saver)
    runner = world.graph_runner(graph)

    @flow
    def story():
        return world.said(runner.invoke(world.hello, thread_id="t").output["messages"])

    source = story.run()
    first = source.wait()
    config = {"configurable": {"thread_id": "t"}}
    head = graph.get_state(config).config
    replayed = story.replay(source.exec_id, from_="tool_call__a__agent")
    assert replayed.wait() == first
    assert graph.get_state(config).config == head


def test_replay_from_a_tool_call_reuses_what_came_before(world):
    runner = world.graph_runner(
        world.agent(world.wish(("a", 1)), world.wish(("b", 2)), "done", saver=world.saver("sqlite"))
    )

    @flow
    def story():
        return runner.invoke(world.hello, thread_id="t").status

    source = story.run()
    source.wait()
    world.calls.clear()
    story.replay(source.exec_id, from_="tool_call__b__agent").wait()
    assert world.calls == ["b:2", "scripted:2"]


def test_replay_of_a_coarse_call_starts_from_the_thread_as_it_was(world):
    saver = world.saver("sqlite")
    runner = KitaruGraphRunner(world.agent("first", "second", "third", saver=saver))

    @flow
    def story():
        runner.invoke({"messages": [HumanMessage("one")]}, thread_id="t")
        return world.said(runner.invoke({"messages": [HumanMessage("two")]}, thread_id="t").output["messages"])

    source = story.run()
    first = source.wait()
    assert story.replay(source.exec_id, from_="agent_langgraph_call_2").wait() == first


def test_thread_moved_by_somebody_else_is_not_touched(world):
    graph = world.agent(world.wish(("a", 1)), "done", "x", "y", saver=world.saver("sqlite"))
    runner = world.graph_runner(graph)
    world.crash["a:1"] = 1

    @flow
    def story():
        return runner.invoke(world.hello, thread_id="t").status

    exec_id = world.fail(story)
    graph.update_state({"configurable": {"thread_id": "t"}}, {"messages": [HumanMessage("me too")]}, as_node="model")
    world.client.executions.retry(exec_id, block=True)
    assert "moved on" in world.client.executions.get(exec_id).failure.message

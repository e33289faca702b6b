"""Streamed runs: the same result as plain ones, live events that carry structure only, and order in the event log."""

from __future__ import annotations

import json

import pytest
from langgraph.config import get_stream_writer

from kitaru import flow
from kitaru.adapters.langgraph import (
    LANGGRAPH_STREAM_COMPLETED,
    LANGGRAPH_STREAM_CUSTOM,
    LANGGRAPH_STREAM_FAILED,
    LANGGRAPH_STREAM_STARTED,
    LANGGRAPH_STREAM_TERMINAL_EVENT_KINDS,
    KitaruGraphRunner,
    LangGraphCapturePolicy,
    LangGraphStreamPolicy,
)

SECRET = "the eagle lands at nine"


@pytest.mark.parametrize("strategy", ["graph_call", "calls"])
def test_streamed_and_plain_runs_give_equal_results(world, strategy):
    runner = world.graph_runner(world.agent(world.wish(("a", 1)), "done", saver=world.saver("memory")), strategy)

    @flow
    def story():
        plain = runner.invoke(world.hello, thread_id="p")
        streamed = runner.stream(world.hello, thread_id="s")
        return [world.said(result.output["messages"]) for result in (plain, streamed)]

    plain, streamed = world.run(story)
    assert plain == streamed


@pytest.mark.parametrize("allowed", [False, True])
def test_stream_events_carry_text_only_where_that_is_allowed(world, allowed):
    policy = LangGraphStreamPolicy(include_message_text_deltas=allowed)
    runner = KitaruGraphRunner(world.agent(SECRET), stream_policy=policy)

    @flow
    def story():
        return runner.stream(world.hello, thread_id="t").status

    handle = story.run()
    handle.wait()
    events = world.events(handle.exec_id)
    assert (events[0][0], events[-1][0]) == (LANGGRAPH_STREAM_STARTED, LANGGRAPH_STREAM_COMPLETED)
    assert (SECRET in json.dumps(events)) is allowed


def test_custom_events_of_nodes_are_described_not_shown(world):
    def writes(x):
        get_stream_writer()({"password": SECRET})
        return "ok"

    runner = KitaruGraphRunner(world.agent(world.wish(("a", 1)), "done", tools=[world.tool("a", writes)]))

    @flow
    def story():
        return runner.stream(world.hello, thread_id="t", stream_mode="custom").status

    handle = story.run()
    handle.wait()
    custom = [payload for kind, payload in world.events(handle.exec_id) if kind == LANGGRAPH_STREAM_CUSTOM]
    assert len(custom) == 1
    assert SECRET not in json.dumps(custom)


def test_failed_stream_ends_with_one_terminal_event(world):
    runner = KitaruGraphRunner(world.agent(world.wish(("a", 1)), "done"))
    world.crash["a:1"] = 1

    @flow
    def story():
        runner.stream(world.hello, thread_id="t")

    kinds = [kind for kind, _ in world.events(world.fail(story))]
    assert [kind for kind in kinds if kind in LANGGRAPH_STREAM_TERMINAL_EVENT_KINDS] == [LANGGRAPH_STREAM_FAILED]


def test_rerun_of_a_granular_stream_delivers_nothing_twice(world):
    runner = world.graph_runner(world.agent(world.wish(("a", 1)), "done"))
    world.crash["scripted:1"] = 1

    @flow
    def story():
        return world.said(runner.stream(world.hello, thread_id="t").output["messages"])

    exec_id = world.fail(story)
    assert world.retry(exec_id) == ["human: hello", "ai: ", "tool: a of 1", "ai: done"]
    assert world.calls == ["scripted:0", "a:1", "scripted:1"]


def test_failing_event_store_is_a_warning_and_on_request_an_error(world, monkeypatch):
    from kitaru.engine.call import Call

    def broken(self, *args, **kwargs):
        raise OSError

    monkeypatch.setattr(Call, "save", broken)
    lenient = KitaruGraphRunner(world.agent("hi"))
    strict = KitaruGraphRunner(world.agent("hi"), capture=LangGraphCapturePolicy(fail_on_event_persistence_error=True))
    seen = []

    @flow
    def story():
        seen.append(lenient.invoke(world.hello, thread_id="t"))
        strict.invoke(world.hello, thread_id="t")

    exec_id = world.fail(story)
    assert any("could not be stored" in warning for warning in seen[0].warnings)
    assert "could not be stored" in world.client.executions.get(exec_id).failure.message


def test_events_stand_in_the_order_in_which_the_model_asked(world):
    import time

    pauses = {1: 0.1, 2: 0.0}
    tools = [world.tool("a", lambda x: time.sleep(pauses[x]))]
    runner = world.graph_runner(world.agent(world.wish(("a", 1), ("a", 2)), "done", tools=tools))

    @flow
    def story():
        return runner.invoke(world.hello, thread_id="t").event_log_artifact_name

    handle = story.run()
    name = handle.wait()
    events = next(ref for ref in world.client.executions.get(handle.exec_id).artifacts if ref.name == name).load()
    calls = [event for event in events if event["kind"] in {"model_call", "tool_call"}]
    assert [event["tool_call_id"] for event in calls] == [None, "a-1-0", "a-2-1", None]
    assert calls[1]["parent_event_ids"] == [calls[0]["event_id"]]
    assert sorted(calls[3]["parent_event_ids"]) == [calls[1]["event_id"], calls[2]["event_id"]]


def test_interrupted_tool_is_marked_interrupted(world):
    from langgraph.types import interrupt

    agent = world.agent(
        world.wish(("a", 1)), "done", tools=[world.tool("a", lambda x: interrupt("?"))], saver=world.saver("memory")
    )
    runner = world.graph_runner(agent)

    @flow
    def story():
        return runner.invoke(world.hello, thread_id="t").event_log_artifact_name

    handle = story.run()
    name = handle.wait()
    events = next(ref for ref in world.client.executions.get(handle.exec_id).artifacts if ref.name == name).load()
    assert [event["status"] for event in events if event["kind"] == "tool_call"] == ["interrupted"]


@pytest.mark.parametrize("kind", ["none", "memory"])
def test_granular_stream_publishes_while_it_runs_and_ends_once(world, kind):
    agent = world.agent(world.wish(("a", 1)), SECRET, saver=world.saver(kind))
    runner = world.graph_runner(agent, stream_policy=LangGraphStreamPolicy(include_message_text_deltas=True))

    @flow
    def story():
        return runner.stream(world.hello, thread_id="t").status

    handle = story.run()
    handle.wait()
    events = world.events(handle.exec_id)
    assert (events[0][0], events[-1][0]) == (LANGGRAPH_STREAM_STARTED, LANGGRAPH_STREAM_COMPLETED)
    assert json.dumps(events).count(SECRET) == 1


def test_rerun_of_a_granular_stream_publishes_its_end_only(world):
    runner = world.graph_runner(world.agent(world.wish(("a", 1)), "done"))
    world.crash["scripted:1"] = 1

    @flow
    def story():
        return runner.stream(world.hello, thread_id="t").status

    exec_id = world.fail(story)
    first = world.events(exec_id)
    world.retry(exec_id)
    assert first[-1][0] == LANGGRAPH_STREAM_FAILED
    assert [kind for kind, _ in world.events(exec_id, ends=2)[len(first) :]] == [LANGGRAPH_STREAM_COMPLETED]


def test_failing_publisher_changes_nothing(world, monkeypatch):
    from kitaru.engine.call import Call

    def broken(self, *args, **kwargs):
        raise OSError

    monkeypatch.setattr(Call, "publish", broken)
    runner = KitaruGraphRunner(world.agent(world.wish(("a", 1)), "done"))

    @flow
    def story():
        return runner.stream(world.hello, thread_id="t").output["messages"][-1].content

    assert world.run(story) == "done"

"""Calls that run side by side, fail and come again: each gets back what was its own."""

from __future__ import annotations

import contextlib
import operator
import threading
import time
from typing import Annotated, TypedDict

import pytest
from langchain.agents.middleware import wrap_model_call, wrap_tool_call
from langchain_core.messages import HumanMessage, ToolMessage
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.types import Send

from kitaru import flow
from kitaru.adapters.langgraph import KitaruGraphRunner, durable_model


def _results(result):
    return {message.tool_call_id: message.content for message in result.output["messages"] if message.type == "tool"}


def test_parallel_calls_that_finish_in_reverse_get_their_own_results_back(world):
    count = iter(range(100))
    gates = {0: 0.15, 1: 0.08, 2: 0.0}

    def slow(x):
        n = next(count)
        time.sleep(gates.get(n, 0))
        return f"{x} as {threading.get_ident()}-{n}"

    runner = world.graph_runner(
        world.agent(world.wish(("a", 1), ("a", 1), ("a", 2)), "done", tools=[world.tool("a", slow)])
    )
    world.crash["scripted:1"] = 1
    seen = []

    @flow
    def story():
        seen.append(_results(runner.invoke(world.hello, thread_id="t")))

    exec_id = world.fail(story)
    first = dict(_tool_outputs(world, exec_id))
    world.retry(exec_id)
    assert seen[0] == first
    assert len(set(first.values())) == 3


def _tool_outputs(world, exec_id):
    for call in world.checkpoints(exec_id):
        if call.checkpoint_type == "tool_call":
            stored = next(ref for ref in call.artifacts if ref.direction == "output").load()["fields"]["result"][
                "fields"
            ]
            yield stored["tool_call_id"], stored["content"]


def _recorded(world, exec_id):
    return [call.inputs["tool_args"]["x"] for call in world.checkpoints(exec_id) if call.checkpoint_type == "tool_call"]


def test_parallel_calls_are_recorded_in_the_models_order_whichever_thread_is_first(world):
    second = threading.Event()

    @wrap_tool_call
    def late(request, handler):
        if request.tool_call["args"]["x"] == 2:
            second.set()
        else:
            second.wait(5)
            time.sleep(0.1)
        return handler(request)

    runner = world.graph_runner(world.agent(world.wish(("a", 1), ("a", 2)), "done", middleware=[late]))

    @flow
    def story():
        runner.invoke(world.hello, thread_id="t")

    handle = story.run()
    handle.wait()
    assert _recorded(world, handle.exec_id) == [1, 2]


def test_no_call_waits_for_one_that_other_middleware_answers(world):
    @wrap_tool_call
    def answered(request, handler):
        call = request.tool_call
        return ToolMessage("no", tool_call_id=call["id"]) if call["args"]["x"] == 1 else handler(request)

    runner = world.graph_runner(world.agent(world.wish(("a", 1), ("a", 2)), "done", middleware=[answered]))

    @flow
    def story():
        before = time.monotonic()
        runner.invoke(world.hello, thread_id="t")
        return time.monotonic() - before

    handle = story.run()
    assert handle.wait() < 1.5
    assert _recorded(world, handle.exec_id) == [2]


class _Topics(TypedDict):
    topics: list[str]
    topic: str
    told: Annotated[list[str], operator.add]


def _fan_out(world, order):
    model = durable_model(world.model(lambda messages: f"about {messages[-1].content}"))

    def tell(state):
        time.sleep(0.05 * order.index(state["topic"]))
        return {"told": [model.invoke([HumanMessage(state["topic"])]).content]}

    def finish(state):
        world.note("finish")
        return {}

    builder = StateGraph(_Topics)
    builder.add_node("tell", tell)
    builder.add_node("finish", finish)
    builder.add_conditional_edges(START, lambda state: [Send("tell", {"topic": topic}) for topic in state["topics"]])
    builder.add_edge("tell", "finish")
    return builder.compile(name="fan")


def test_fan_out_keeps_branches_apart_when_they_start_in_another_order(world):
    orders = iter([["x", "y", "z"], ["z", "y", "x"]])
    world.crash["finish"] = 1

    @flow
    def story():
        runner = world.graph_runner(_fan_out(world, next(orders)))
        return runner.invoke({"topics": ["x", "y", "z"]}, thread_id="t").output["told"]

    assert world.retry(world.fail(story)) == ["about x", "about y", "about z"]
    assert world.calls.count("scripted:0") == 3


def test_nested_graphs_keep_their_calls_apart(world):
    def part(name):
        model = durable_model(world.model(name, name, name))
        builder = StateGraph(MessagesState)
        builder.add_node("say", lambda state: {"messages": [model.invoke([HumanMessage("go")])]})
        builder.add_edge(START, "say")
        return builder.compile(name=name)

    outer = StateGraph(MessagesState)
    for name in ("left", "right"):
        outer.add_node(name, part(name))
        outer.add_edge(START, name)
    outer.add_node("finish", lambda state: world.note("finish") or {})
    outer.add_edge(["left", "right"], "finish")
    runner = world.graph_runner(outer.compile(name="outer"))
    world.crash["finish"] = 1

    @flow
    def story():
        return sorted({message.content for message in runner.invoke(world.hello, thread_id="t").output["messages"]})

    assert world.retry(world.fail(story)) == ["hello", "left", "right"]
    assert world.calls.count("scripted:0") == 2


@wrap_model_call
def _asks_again(request, handler):
    with contextlib.suppress(Exception):
        return handler(request)
    return handler(request)


def test_failed_attempt_outside_the_middleware_shifts_nothing(world):
    runner = world.graph_runner(world.agent(world.wish(("a", 1)), "done", middleware=[_asks_again]))
    world.crash.update({"scripted:0": 1, "a:1": 1})

    @flow
    def story():
        return runner.invoke(world.hello, thread_id="t").status

    assert world.retry(world.fail(story)) == "completed"
    assert world.calls == ["scripted:0", "a:1", "scripted:1"]


def test_durable_retry_inside_the_unit_shifts_nothing(world):
    from kitaru.adapters.langgraph import LangGraphCallCheckpointPolicy

    policy = LangGraphCallCheckpointPolicy(model_checkpoint_config={"retries": 2})
    runner = world.graph_runner(world.agent(world.wish(("a", 1)), "done"), call_checkpoint_policy=policy)
    world.crash["scripted:0"] = 2

    @flow
    def story():
        return runner.invoke(world.hello, thread_id="t").status

    assert world.run(story) == "completed"
    assert world.calls == ["scripted:0", "a:1", "scripted:1"]


def test_two_runners_and_two_invocations_share_no_units(world):
    graph = world.agent("one")
    runners = [world.graph_runner(graph), world.graph_runner(graph), world.graph_runner(graph, name="other")]

    @flow
    def story():
        return [
            runner.invoke(world.hello, thread_id=f"t{n}").invocation for n, runner in enumerate([*runners, runners[0]])
        ]

    assert world.run(story) == ["r1", "r2", "r1", "r3"]
    assert world.calls == ["scripted:0"] * 4


def test_changed_prompt_on_a_rerun_is_drift(world, monkeypatch):
    runner = world.graph_runner(world.agent(world.wish(("a", 1)), "done"))
    prompts = iter(["first", "second"])
    world.crash["a:1"] = 1

    @flow
    def story():
        return runner.invoke({"messages": [HumanMessage(next(prompts))]}, thread_id="t").status

    exec_id = world.fail(story)
    monkeypatch.setenv("KITARU_STRICT_REPLAY", "1")
    world.client.executions.retry(exec_id, block=True)
    failure = world.client.executions.get(exec_id).failure
    assert failure.origin == "divergence"


@pytest.mark.parametrize("strategy", ["graph_call", "calls"])
def test_names_of_units_are_stable_words(world, strategy):
    runner = world.graph_runner(world.agent(world.wish(("a", 1)), "done", saver=world.saver("memory")), strategy)

    @flow
    def story():
        return runner.invoke(world.hello, thread_id="t").status

    handle = story.run()
    handle.wait()
    names = [call.invocation_id for call in world.checkpoints(handle.exec_id)]
    granular = ["langgraph_thread__agent", "model_call__scripted__agent", "tool_call__a__agent"]
    granular += ["model_call__scripted__agent_2", "langgraph_summary__agent"]
    assert names == (granular if strategy == "calls" else ["agent_langgraph_call"])


def test_runner_keeps_the_graph_unchanged(world):
    graph = world.agent("hi")
    before = dict(vars(graph))
    KitaruGraphRunner(graph)
    assert vars(graph) == before


def test_changed_input_of_a_coarse_call_is_drift(world, monkeypatch):
    runner = KitaruGraphRunner(world.agent("hi"))
    prompts = iter(["one", "two"])

    @flow
    def story():
        runner.invoke({"messages": [HumanMessage(next(prompts))]}, thread_id="t")
        msg = "after"
        raise ValueError(msg)

    exec_id = world.fail(story)
    monkeypatch.setenv("KITARU_STRICT_REPLAY", "1")
    world.client.executions.retry(exec_id, block=True)
    assert world.client.executions.get(exec_id).failure.origin == "divergence"


def test_same_input_object_is_no_drift_although_the_framework_wrote_an_id_into_it(world, monkeypatch):
    monkeypatch.setenv("KITARU_STRICT_REPLAY", "1")
    agent = world.agent("hi", saver=world.saver("memory"))
    request = {"messages": [HumanMessage("same")]}
    tries = []

    @flow
    def story():
        text = KitaruGraphRunner(agent).invoke(request, thread_id="t").output["messages"][-1].content
        tries.append(1)
        if len(tries) == 1:
            msg = "again"
            raise ValueError(msg)
        return text

    assert world.retry(world.fail(story)) == "hi"

"""The places of calls: the order in which they are listed and replayed from, after retries, waits and replays."""

from __future__ import annotations

from typing import Annotated, Any, TypedDict

import pytest
from langchain_core.messages import AIMessage, HumanMessage
from langgraph.func import entrypoint, task
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode
from langgraph.types import Send

from kitaru import flow, wait
from kitaru.adapters.langgraph import KitaruLangGraphMiddleware, durable_model

PERSISTENT = ["memory", "sqlite", "ours"]


def listed(world, exec_id: str) -> list[str]:
    """Return the model and tool calls of an execution as they are listed, and see that no place is used twice."""
    calls = world.checkpoints(exec_id)
    places = [call.index for call in calls]
    assert places == sorted(set(places))
    return [call.name.split("__")[1] for call in calls if call.checkpoint_type in {"model_call", "tool_call"}]


@pytest.mark.parametrize("kind", PERSISTENT)
@pytest.mark.parametrize("broken", ["scripted:1", "b:2", "scripted:2"])
def test_calls_after_a_retry_on_a_persistent_thread_are_listed_behind_those_before_it(world, kind, broken):
    turns = [world.wish(("a", 1)), world.wish(("b", 2)), "done"]
    runner = world.graph_runner(world.agent(*turns, saver=world.saver(kind)))
    world.crash[broken] = 1

    @flow
    def story():
        return runner.invoke(world.hello, thread_id="t").status

    exec_id = world.fail(story)
    world.retry(exec_id)
    assert listed(world, exec_id) == ["scripted", "a", "scripted", "b", "scripted"]


@pytest.mark.parametrize("kind", PERSISTENT)
def test_an_invocation_that_is_driven_again_by_its_own_flow_keeps_the_order(world, kind):
    runner = world.graph_runner(
        world.agent(world.wish(("a", 1)), world.wish(("b", 2)), "done", saver=world.saver(kind))
    )
    world.crash["b:2"] = 1

    @flow(retries=1)
    def story():
        return runner.invoke(world.hello, thread_id="t").status

    handle = story.run()
    handle.wait()
    assert listed(world, handle.exec_id) == ["scripted", "a", "scripted", "b", "scripted"]


def _with_a_wait(world, kind: str) -> Any:
    """Return a flow that invokes an agent before and after a wait."""
    turns = [world.wish(("a", 1)), "first", world.wish(("b", 2)), "second"]
    runner = world.graph_runner(world.agent(*turns, saver=world.saver(kind)))

    @flow
    def story():
        runner.invoke({"messages": [HumanMessage("one")]}, thread_id="t")
        wait(name="on", schema=bool)
        return runner.invoke({"messages": [HumanMessage("two")]}, thread_id="t").output["messages"][-1].content

    return story


@pytest.mark.parametrize("kind", ["sqlite", "ours"])
def test_an_invocation_behind_a_wait_is_listed_behind_the_one_before_it(world, kind):
    handle = _with_a_wait(world, kind).run()
    world.waiting(handle.exec_id)
    world.answer(handle.exec_id, on=True)
    assert listed(world, handle.exec_id) == ["scripted", "a", "scripted", "scripted", "b", "scripted"]


@pytest.mark.parametrize("kind", ["sqlite", "ours"])
def test_a_replay_from_behind_a_wait_runs_nothing_from_before_it(world, kind):
    story = _with_a_wait(world, kind)
    source = story.run()
    world.waiting(source.exec_id)
    world.answer(source.exec_id, on=True)
    for _ in range(2):  # the second time a replay of the replay
        world.calls.clear()
        again = story.replay(source.exec_id, from_="tool_call__b__agent")
        world.waiting(again.exec_id)
        world.answer(again.exec_id, on=True)
        assert (again.wait(), world.calls) == ("second", ["b:2", "scripted:3"])
        source = again


def _replayed(world, story: Any, selector: str, **overrides: object) -> list[str]:
    """Run a flow, derive another execution from it, and return what that one really does."""
    source = story.run()
    source.wait()
    world.calls.clear()
    replaced = {f"checkpoint.{name}": value for name, value in overrides.items()}
    story.replay(source.exec_id, from_=selector, overrides=replaced).wait()
    return world.calls


@pytest.mark.parametrize("chosen", ["a", "b"])
def test_a_replay_from_one_tool_of_an_answer_gives_the_others_back(world, chosen):
    runner = world.graph_runner(world.agent(world.wish(("a", 1), ("b", 2)), "done"))

    @flow
    def story():
        return runner.invoke(world.hello, thread_id="t").status

    number = {"a": 1, "b": 2}[chosen]
    assert _replayed(world, story, f"tool_call__{chosen}__agent") == [f"{chosen}:{number}", "scripted:1"]


def test_a_replaced_result_of_one_tool_leaves_those_of_the_others(world):
    runner = world.graph_runner(world.agent(world.wish(("a", 1), ("b", 2)), lambda said: said[-2].content))

    @flow
    def story():
        return world.said(runner.invoke(world.hello, thread_id="t").output["messages"])

    source = story.run()
    source.wait()
    world.calls.clear()
    name = "tool_call__a__agent"
    again = story.replay(source.exec_id, from_=name, overrides={f"checkpoint.{name}": "replaced"})
    assert again.wait()[2:] == ["tool: replaced", "tool: b of 2", "ai: replaced"]
    assert world.calls == ["scripted:1"]


def test_tools_that_one_node_calls_side_by_side_are_siblings(world):
    model = durable_model(world.model(world.wish(("a", 1), ("b", 2)), "done"))
    tools = ToolNode([world.tool("a"), world.tool("b")], wrap_tool_call=KitaruLangGraphMiddleware().wrap_tool_call)
    builder = StateGraph(MessagesState)
    builder.add_node("ask", lambda state: {"messages": [model.invoke(state["messages"])]})
    builder.add_node("tools", tools)
    builder.add_node("end", lambda state: {"messages": [model.invoke(state["messages"])]})
    builder.add_edge(START, "ask")
    builder.add_edge("ask", "tools")
    builder.add_edge("tools", "end")
    runner = world.graph_runner(builder.compile(name="raw"))

    @flow
    def story():
        return runner.invoke(world.hello, thread_id="t").status

    assert _replayed(world, story, "tool_call__a__raw") == ["a:1", "scripted:1"]


class Branches(TypedDict):
    """State of a graph that fans out."""

    said: Annotated[list[str], lambda old, new: old + new]


def test_what_a_branch_does_next_is_no_sibling_of_its_beginning(world):
    model = durable_model(world.model("begun", "ended"))

    def branch(state):
        begun = model.invoke([HumanMessage(state["name"])])
        ended = model.invoke([HumanMessage(state["name"]), AIMessage(begun.content)])
        return {"said": [f"{state['name']} {begun.content} {ended.content}"]}

    builder = StateGraph(Branches)
    builder.add_node("branch", branch)
    builder.add_conditional_edges(START, lambda _: [Send("branch", {"name": name}) for name in ("x", "y")])
    runner = world.graph_runner(builder.compile(name="wide"))

    @flow
    def story():
        return runner.invoke({"said": []}, thread_id="t").status

    ran = _replayed(world, story, "model_call__scripted__wide#1")
    assert ran.count("scripted:0") == 1
    assert ran.count("scripted:1") >= 1


def test_tasks_of_a_workflow_that_follow_one_another_are_no_siblings(world):
    model = durable_model(world.model("one", "two"))

    @task
    def say(messages):
        return model.invoke(messages).content

    @entrypoint()
    def work(_: str) -> str:
        first = say([HumanMessage("go")]).result()
        return say([HumanMessage("go"), AIMessage(first)]).result()

    runner = world.graph_runner(work, name="work")

    @flow
    def story():
        return runner.invoke("go", thread_id="t").output

    assert _replayed(world, story, "model_call__scripted__work#1") == ["scripted:0", "scripted:1"]

"""Every kind of result that a call can have comes back as it was, from the journal as well as from the call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.tools import InjectedToolCallId, tool
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode
from langgraph.types import Command, Send, interrupt
from pydantic import BaseModel

from kitaru import flow
from kitaru.adapters.langgraph import (
    LangGraphCallCheckpointPolicy,
    build_resume_request,
    durable_tool_wrappers,
)
from kitaru.artifacts.codecs import decode, encode
from kitaru.engine.journals import default_journal
from kitaru_adapters.langgraph.codec import pack, stored_message, stored_object, unpack


@dataclass
class Chart:
    points: tuple[int, ...]
    raw: bytes


class Verdict(BaseModel):
    good: bool


class Marked(AIMessage):
    mark: int = 0


VALUES = [
    AIMessage("x", tool_calls=[{"name": "a", "args": {"k": (1, 2)}, "id": "1"}], id="7"),
    Marked("x", mark=3),
    ToolMessage("x", tool_call_id="1", artifact=Chart((1, 2), b"\0")),
    Command(goto="next", update=[("messages", [HumanMessage("x")])]),
    Command(goto=(), graph=Command.PARENT, update={"k": (1,)}),
    Command(goto=[Send("n", {"k": HumanMessage("x")})], resume={"a": None}),
    [ToolMessage("x", tool_call_id="1"), Command(update={"k": 1})],
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_results_come_back_equal_with_their_types(value):
    back = unpack(pack(value))
    assert back == value
    assert type(back) is type(value)


def test_message_with_data_outside_its_fields_is_refused_when_written():
    from pydantic import PrivateAttr

    from kitaru.errors import KitaruEncodingError

    class Secretive(AIMessage):
        _hidden: int = PrivateAttr(default=0)

    message = Secretive("x")
    message._hidden = 5
    with pytest.raises(KitaruEncodingError, match="outside its fields"):
        pack(message)


def test_message_of_a_class_that_is_not_loaded_is_an_error_with_the_data():
    from kitaru.errors import KitaruDecodingError

    with pytest.raises(KitaruDecodingError, match="nowhere:Gone") as caught:
        unpack(stored_message("nowhere:Gone", {"content": "kept"}))
    assert caught.value.raw == {"content": "kept"}


@pytest.mark.parametrize(
    "value",
    [
        stored_message("langchain_core.messages.ai:AIMessage", {"content": "not one"}),
        stored_object("command", {"update": 1}),
        {"kitaru:items": [[1, 2]]},
        {"of": [{"kitaru:object": "send", "more": {"kitaru:message": 1}}], (1, 2): {"fields": {}}},
    ],
    ids=["a message", "an object", "items", "deep inside"],
)
def test_data_of_the_user_that_looks_like_a_stored_object_stays_data(value):
    stored = encode(pack([value, AIMessage("one", artifact=value)]))
    data, message = unpack(decode(stored.codec, stored.data))
    assert (data, message) == (value, AIMessage("one", artifact=value))


def test_what_a_model_answers_is_stored_as_json(world):
    @flow
    def story():
        world.graph_runner(world.agent(world.wish(("a", 1)), "done")).invoke(world.hello, thread_id="t")

    handle = story.run()
    handle.wait()
    calls = [one for one in default_journal().records(handle.exec_id) if one.kind == "checkpoint.completed"]
    assert {one.fact.output.codec for one in calls} == {"json/1"}


def _first_and_rerun(world, runner, request, seen):
    """Run until a call after the tools breaks, then rerun; both runs see the tools' results."""
    world.crash["scripted:1"] = 1

    @flow
    def story():
        seen.append(runner.invoke(request, thread_id="t"))

    world.retry(world.fail(story))
    return seen[-1].output


def test_artifact_of_a_tool_comes_back_with_its_types(world):
    @tool(response_format="content_and_artifact")
    def a(x: int):
        """Draw."""
        world.note(f"a:{x}")
        return "drawn", Chart((x, 2), b"\xff")

    runner = world.graph_runner(world.agent(world.wish(("a", 1)), "done", tools=[a]))
    output = _first_and_rerun(world, runner, world.hello, [])
    assert output["messages"][2].artifact == Chart((1, 2), b"\xff")
    assert world.calls.count("a:1") == 1


def test_command_of_a_tool_is_reused_with_update_and_list(world):
    @tool
    def a(x: int, call_id: Annotated[str, InjectedToolCallId]):
        """Update."""
        world.note(f"a:{x}")
        note = HumanMessage("by the way")
        return [ToolMessage("ok", tool_call_id=call_id), Command(update={"messages": [note]})]

    runner = world.graph_runner(world.agent(world.wish(("a", 1)), "done", tools=[a]))
    output = _first_and_rerun(world, runner, world.hello, [])
    assert [message.type for message in output["messages"]] == ["human", "ai", "tool", "human", "ai"]
    assert world.calls.count("a:1") == 1


def test_structured_response_comes_back_as_its_model(world):
    from langchain.agents.structured_output import ToolStrategy

    answer = AIMessage("", tool_calls=[{"name": "Verdict", "args": {"good": True}, "id": "v"}])
    runner = world.graph_runner(world.agent(answer, tools=[], response_format=ToolStrategy(Verdict)))
    seen = []

    @flow
    def story():
        seen.append(runner.invoke(world.hello, thread_id="t"))
        if len(seen) == 1:
            msg = "again"
            raise ValueError(msg)

    world.retry(world.fail(story))
    assert seen[1].structured_response == Verdict(good=True)
    assert type(seen[1].structured_response) is Verdict
    assert world.calls == ["scripted:0"]


def test_result_that_cannot_be_stored_fails_at_the_first_run(world):
    @tool(response_format="content_and_artifact")
    def a(x: int):
        """Lock."""
        return "locked", __import__("threading").Lock()

    runner = world.graph_runner(world.agent(world.wish(("a", 1)), "done", tools=[a]))

    @flow
    def story():
        return runner.invoke(world.hello, thread_id="t").status

    exec_id = world.fail(story)
    message = world.client.executions.get(exec_id).failure.message
    assert "artifact" in message
    assert "lock" in message


def test_error_handled_by_the_framework_stays_handled(world):
    answer = AIMessage("", tool_calls=[{"name": "a", "args": {"x": "no number"}, "id": "1"}])
    runner = world.graph_runner(world.agent(answer, "sorry"))

    @flow
    def story():
        return runner.invoke(world.hello, thread_id="t").output["messages"][-1].content

    assert world.run(story) == "sorry"


def test_unhandled_error_surfaces_with_its_own_type_after_durable_retries(world):
    policy = LangGraphCallCheckpointPolicy(tool_checkpoint_config={"retries": 1})
    runner = world.graph_runner(world.agent(world.wish(("a", 1)), "done"), call_checkpoint_policy=policy)
    world.crash["a:1"] = 2
    caught = []

    @flow
    def story():
        with pytest.raises(Exception, match="a:1") as error:
            runner.invoke(world.hello, thread_id="t")
        caught.append(error.type.__name__)

    world.run(story)
    assert (caught, world.crash["a:1"]) == (["BoomError"], 0)


def test_interrupt_inside_a_tool_records_nothing_and_is_not_retried(world):
    entered = []

    def careful(x):
        entered.append(x)
        return f"approved {interrupt('sure?')}"

    policy = LangGraphCallCheckpointPolicy(tool_checkpoint_config={"retries": 3})
    agent = world.agent(world.wish(("a", 1)), "done", tools=[world.tool("a", careful)], saver=world.saver("memory"))
    runner = world.graph_runner(agent, call_checkpoint_policy=policy)

    @flow
    def story():
        result = runner.invoke(world.hello, thread_id="t")
        before = len(entered)
        return before, runner.invoke(build_resume_request(result, "yes")).output["messages"][2].content

    handle = story.run()
    assert tuple(handle.wait()) == (1, "approved yes")
    tools = [call for call in world.checkpoints(handle.exec_id) if call.checkpoint_type == "tool_call"]
    assert [call.status for call in tools] == ["completed"]


def test_raw_tool_node_is_durable_with_the_wrappers(world):
    builder = StateGraph(MessagesState)
    builder.add_node("ask", lambda state: {"messages": [world.wish(("a", 1))]})
    builder.add_node("tools", ToolNode([world.tool("a")], **durable_tool_wrappers()))
    builder.add_node("finish", lambda state: world.note("finish") or {})
    builder.add_edge(START, "ask")
    builder.add_edge("ask", "tools")
    builder.add_edge("tools", "finish")
    runner = world.graph_runner(builder.compile(name="raw"))
    world.crash["finish"] = 1

    @flow
    def story():
        return runner.invoke(world.hello, thread_id="t").output["messages"][-1].content

    assert world.retry(world.fail(story)) == "a of 1"
    assert world.calls == ["a:1", "finish"]


@pytest.mark.parametrize(
    ("selector", "value", "expected"),
    [
        ("tool_call__a__agent", 42, "tool: 42"),
        ("model_call__scripted__agent#2", "in my own words", "ai: in my own words"),
    ],
)
def test_override_takes_the_plain_value_a_person_would_write(world, selector, value, expected):
    runner = world.graph_runner(world.agent(world.wish(("a", 1)), "done"))

    @flow
    def story():
        return world.said(runner.invoke(world.hello, thread_id="t").output["messages"])

    source = story.run()
    source.wait()
    changed = story.replay(source.exec_id, from_=selector, overrides={f"checkpoint.{selector}": value})
    assert expected in changed.wait()

"""What is stored for people to see: structure, tokens and no secret."""

from __future__ import annotations

import pytest
from langchain_core.messages import HumanMessage

from kitaru import flow
from kitaru.adapters.langgraph import KitaruGraphRunner, LangGraphCapturePolicy, LangGraphRunEvent
from kitaru.engine.journals import default_journal
from kitaru_adapters.langgraph.capture import REDACTED, redacted
from kitaru_adapters.langgraph.told import Told

QUESTION = "where is the treasure buried"
OFF = LangGraphCapturePolicy(
    save_input=False,
    save_output=False,
    save_config=False,
    save_state_snapshot=False,
    save_usage=False,
    emit_call_events=False,
    save_model_input=False,
    save_tool_args=False,
)


def _everything(world, exec_id):
    shown = []
    for call in world.checkpoints(exec_id):
        shown += [
            call.metadata,
            *(ref.load() for ref in call.artifacts if ref.name != call.name and ref.direction == "input"),
        ]
    named = [
        ref
        for ref in world.client.executions.get(exec_id).artifacts
        if ref.name.startswith(("event_log", "run_summary"))
    ]
    return str(shown + [ref.load() for ref in named])


def _asked():
    return {"messages": [HumanMessage(QUESTION)]}


@pytest.mark.parametrize("strategy", ["graph_call", "calls"])
def test_default_capture_shows_no_text_of_messages(world, strategy):
    runner = world.graph_runner(world.agent(world.wish(("a", 1)), "done", saver=world.saver("memory")), strategy)

    @flow
    def story():
        return str(runner.invoke(_asked(), thread_id="t").state_summary.values)

    handle = story.run()
    assert QUESTION not in handle.wait()
    assert QUESTION not in _everything(world, handle.exec_id)


def test_conversation_of_a_model_call_is_stored_without_text_by_default(world):
    runner = world.graph_runner(world.agent("done"), capture=LangGraphCapturePolicy())

    @flow
    def story():
        runner.invoke(_asked(), thread_id="t")

    handle = story.run()
    handle.wait()
    (asked,) = [call for call in world.client.executions.get(handle.exec_id).checkpoints if call.load_messages()]
    assert [one["type"] for one in asked.load_messages()] == ["human"]
    (body,) = [one.body for one in default_journal().stored(handle.exec_id) if b"model_call__" in one.body]
    assert QUESTION.encode() not in body


def test_replay_works_with_everything_switched_off(world):
    runner = world.graph_runner(world.agent(world.wish(("a", 1)), "done"), capture=OFF)
    world.crash["scripted:1"] = 1

    @flow
    def story():
        return world.said(runner.invoke(_asked(), thread_id="t").output["messages"])[-1]

    assert world.retry(world.fail(story)) == "ai: done"
    assert world.calls == ["scripted:0", "a:1", "scripted:1"]


@pytest.mark.parametrize("strategy", ["graph_call", "calls"])
def test_three_turns_on_one_thread_use_the_same_tokens_each(world, strategy):
    runner = world.graph_runner(world.agent("one", "two", "three", saver=world.saver("memory")), strategy)

    @flow
    def story():
        return [runner.invoke(_asked(), thread_id="t").usage.total_tokens for _ in range(3)]

    handle = story.run()
    assert handle.wait() == [15, 15, 15]
    records = world.client.executions.get(handle.exec_id).llm_usage_records
    assert [record["usage"]["total_tokens"] for record in records] == [15, 15, 15]


def test_usage_of_a_rerun_counts_reused_calls_in_the_result_and_not_as_incurred(world):
    runner = world.graph_runner(world.agent(world.wish(("a", 1)), "done"))
    world.crash["scripted:1"] = 1

    @flow
    def story():
        return runner.invoke(_asked(), thread_id="t").usage.total_tokens

    exec_id = world.fail(story)
    assert world.retry(exec_id) == 30
    summary = world.client.executions.get(exec_id).llm_usage_summary
    assert summary["incurred_total_tokens"] == 30


def test_bad_calculator_is_a_warning(world):
    def calculator(summary):
        raise ZeroDivisionError

    runner = KitaruGraphRunner(world.agent("hi"), cost_calculator=calculator)
    result = runner.invoke(_asked(), thread_id="t")
    assert result.estimated_cost_usd is None
    assert any("cost_calculator" in warning for warning in result.warnings)


def test_model_calls_outside_every_checkpoint_are_warned_about(world):
    from langgraph.graph import START, MessagesState, StateGraph

    model = world.model("hi")
    builder = StateGraph(MessagesState)
    builder.add_node("say", lambda state: {"messages": [model.invoke(state["messages"])]})
    builder.add_edge(START, "say")
    runner = world.graph_runner(builder.compile(name="bare"))
    seen = []

    @flow
    def story():
        seen.extend(runner.invoke(_asked(), thread_id="t").warnings)

    world.run(story)
    assert any("durable_model" in warning for warning in seen)


@pytest.mark.parametrize("name", ["max_tokens", "total_tokens", "input_tokens", "token_count", "author", "tokenizer"])
def test_counting_names_stay_visible(name):
    assert redacted({name: 7}) == {name: 7}


@pytest.mark.parametrize(
    "name",
    ["api_key", "apikey", "apiKey", "Authorization", "auth_token", "client_secret", "password", "x-secret", "token"],
)
def test_secret_names_are_blanked(name):
    assert redacted({"outer": [{name: "value"}]}) == {"outer": [{name: REDACTED}]}


def test_values_that_look_like_keys_are_blanked():
    assert "sk-" not in redacted({"note": "use sk-abcdefghijklmnopqrstuvwxyz012345"})["note"]


def test_cycles_and_strange_keys_do_not_raise():
    loop: dict = {}
    loop["self"] = loop
    loop[object()] = object()
    assert "<cycle>" in str(redacted(loop))


def test_a_message_is_looked_at_once_until_its_content_is_replaced():
    told, message = Told(text=True), HumanMessage("one")
    (first,), (again,) = told.of([message]), told.of([message])
    message.content = "two"
    (other,) = told.of([message])
    assert first is again
    assert (first.shown, other.shown) == (b'{"type":"human","content":"one"}', b'{"type":"human","content":"two"}')
    assert first.digest != other.digest


@pytest.mark.parametrize("strategy", ["graph_call", "calls"])
def test_the_event_log_holds_what_its_type_says(world, strategy):
    runner = world.graph_runner(world.agent(world.wish(("a", 1)), "done"), strategy)

    @flow
    def story():
        return runner.invoke(world.hello, thread_id="t").status

    handle = story.run()
    handle.wait()
    artifacts = world.client.executions.get(handle.exec_id).artifacts
    log = next(ref for ref in artifacts if ref.name == "event_log__agent_r1").load()
    assert [LangGraphRunEvent(**each).model_dump(mode="json") for each in log] == log
    kinds = ["graph_call_started", "model_call", "tool_call", "model_call", "graph_call_completed"]
    assert [each["kind"] for each in log] == kinds

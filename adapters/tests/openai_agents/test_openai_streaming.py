"""Streams: the same result as a plain run, live events without content, silence on reuse."""

from __future__ import annotations

import time

import pytest
from agents import Agent, function_tool
from agents.testing import ScriptedModel, assistant_message, function_call

import kitaru
from kitaru.adapters.openai_agents import (
    OPENAI_STREAM_COMPLETED,
    OPENAI_STREAM_EVENT_KINDS,
    OPENAI_STREAM_FAILED,
    OPENAI_STREAM_STARTED,
    OPENAI_STREAM_TERMINAL_EVENT_KINDS,
    KitaruRunner,
    OpenAICapturePolicy,
    OpenAIRunRequest,
)

START = OpenAIRunRequest.start("go")


def agent_with_tool(last="a poem about spring"):
    @function_tool
    def fact(topic: str) -> str:
        return f"{topic} is green"

    steps = [[function_call("fact", {"topic": "grass"}, call_id="c1")], [assistant_message(last)]]
    return Agent(name="poet", model=ScriptedModel(steps), tools=[fact])


def live(told, ended=1):
    """Return the live events as soon as that many streams have ended; events are written a moment later."""
    end = time.monotonic() + 5
    while True:
        events = [(kind, payload) for kind, payload in told.live_events if kind in OPENAI_STREAM_EVENT_KINDS]
        if sum(kind in OPENAI_STREAM_TERMINAL_EVENT_KINDS for kind, _ in events) >= ended:
            return events
        assert time.monotonic() < end, events
        time.sleep(0.005)


@pytest.mark.parametrize("strategy", ["calls", "runner_call"])
def test_a_streamed_run_gives_what_a_plain_run_gives(story, strategy):
    plain = story(lambda: KitaruRunner(agent_with_tool(), checkpoint_strategy=strategy).run(START)).once()
    streamed = story(lambda: KitaruRunner(agent_with_tool(), checkpoint_strategy=strategy).run_stream(START)).once()
    assert streamed.model_dump(exclude={"usage", "run_summary_artifact_name"}) == plain.model_dump(
        exclude={"usage", "run_summary_artifact_name"}
    )


@pytest.mark.parametrize("strategy", ["calls", "runner_call"])
def test_a_reused_stream_gives_the_same_items_and_publishes_nothing(story, strategy):
    agent = agent_with_tool()
    told = story(lambda: KitaruRunner(agent, checkpoint_strategy=strategy).run_stream(START))
    first = told.first()
    streams = 2 if strategy == "calls" else 1
    before = len(live(told, streams))
    assert told.rerun() == first
    assert len(live(told, streams)) == before
    assert len(agent.model.calls) == 2


def test_a_stream_and_a_plain_run_never_share_the_record_of_a_whole_run(story):
    agent = Agent(name="poet", model=ScriptedModel([[assistant_message("plain")], [assistant_message("streamed")]]))
    runner = KitaruRunner(agent, checkpoint_strategy="runner_call")
    runs = [runner.run, runner.run_stream]
    told = story(lambda: runs.pop(0)(START))
    assert told.first().final_output == "plain"
    assert told.rerun().final_output == "streamed"


def test_events_of_the_stream_reach_the_callers_callback(story):
    seen: list[str] = []
    runner = KitaruRunner(agent_with_tool())
    story(lambda: runner.run_stream(START, on_event=lambda event: seen.append(event.type))).once()
    assert {"raw_response_event", "run_item_stream_event", "agent_updated_stream_event"} <= set(seen)


def test_live_events_hold_no_prompts_arguments_or_outputs(story):
    told = story(
        lambda: KitaruRunner(agent_with_tool("secret words"), checkpoint_strategy="runner_call").run_stream(START)
    )
    told.once()
    text = str(live(told))
    assert ("grass" in text, "secret" in text, "poet" in text) == (False, False, True)


def test_pieces_of_text_are_published_only_when_asked_for(story):
    capture = OpenAICapturePolicy(include_stream_text_deltas=True)
    told = story(lambda: KitaruRunner(agent_with_tool("spring"), capture=capture).run_stream(START))
    told.once()
    assert "spring" in str(live(told, 2))


def test_a_failing_stream_surfaces_and_publishes_failed(story):
    agent = Agent(name="poet", model=ScriptedModel([OSError("down")]))
    told = story(lambda: KitaruRunner(agent).run_stream(START))
    with pytest.raises(kitaru.KitaruExecutionError, match="down"):
        told.start().wait()
    kinds = [kind for kind, _ in live(told)]
    assert (kinds[0], kinds[-1]) == (OPENAI_STREAM_STARTED, OPENAI_STREAM_FAILED)


def test_a_stream_that_ends_well_publishes_completed_last(story):
    told = story(lambda: KitaruRunner(agent_with_tool(), checkpoint_strategy="runner_call").run_stream(START))
    told.once()
    kinds = [kind for kind, _ in live(told)]
    assert kinds[-1] == OPENAI_STREAM_COMPLETED
    assert kinds.count(OPENAI_STREAM_COMPLETED) == 1


def test_an_approval_in_a_streamed_run_is_asked_in_place(story):
    sent: list[str] = []

    @function_tool(needs_approval=True)
    def send(to: str) -> str:
        sent.append(to)
        return "sent"

    steps = [[function_call("send", {"to": "ann"}, call_id="c1")], [assistant_message("done")]]
    agent = Agent(name="mailer", model=ScriptedModel(steps), tools=[send])
    runner = KitaruRunner(agent, approvals="wait", approval_timeout=0)
    told = story(lambda: runner.run_stream(START))
    assert told.answered_after_the_pause(value=True).final_output == "done"
    assert (sent, len(agent.model.calls)) == (["ann"], 2)


def test_a_pause_of_a_tool_surfaces_through_the_stream(story):
    @function_tool
    def ask() -> str:
        return str(kitaru.wait(name="sure", timeout=0))

    steps = [[function_call("ask", {}, call_id="c1")], [assistant_message("done")]]
    agent = Agent(name="asker", model=ScriptedModel(steps), tools=[ask])
    runner = KitaruRunner(agent, tool_checkpoint_config_by_name={"ask": False})
    told = story(lambda: runner.run_stream(START))
    assert told.answered_after_the_pause(value=True).final_output == "done"
    assert OPENAI_STREAM_FAILED not in [kind for kind, _ in live(told, 2)]


def test_a_callback_that_fails_stops_the_run(story):
    agent = agent_with_tool()

    def stop(_event):
        msg = "enough"
        raise ValueError(msg)

    with pytest.raises(kitaru.KitaruExecutionError, match="enough"):
        story(lambda: KitaruRunner(agent).run_stream(START, on_event=stop)).start().wait()
    assert len(agent.model.calls) <= 1


def test_streams_of_synchronous_flows_work_as_well():
    runner = KitaruRunner(agent_with_tool())

    @kitaru.flow
    def poem() -> str:
        return runner.run_stream_sync(START).final_output

    assert poem.run().wait() == "a poem about spring"

from __future__ import annotations

import asyncio
import contextlib
import sqlite3

import pytest
from pydantic_ai import Agent, ModelRetry, PromptedOutput, TextOutput
from pydantic_ai.messages import FunctionToolCallEvent, FunctionToolResultEvent, PartDeltaEvent
from pydantic_ai.models.function import FunctionModel

from kitaru.adapters.pydantic_ai import (
    PYDANTIC_AI_STREAM_COMPLETED,
    PYDANTIC_AI_STREAM_EVENT,
    PYDANTIC_AI_STREAM_FAILED,
    PYDANTIC_AI_STREAM_STARTED,
    CapturePolicy,
    KitaruAgent,
)
from kitaru.engine.journals import default_journal
from kitaru.errors import KitaruJournalError


def look() -> str:
    return "a secret result"


def collector(into):
    async def handler(_ctx, events):
        async for event in events:
            into.append(event)

    return handler


@pytest.mark.parametrize("where", ["wrapper", "run"])
def test_a_handler_gets_live_events_once_and_nothing_on_a_rerun(lab, call, where):
    events = []
    handler = collector(events)
    agent = lab.agent(
        call("look"), "one two three", tools=[look], **({"event_stream_handler": handler} if where == "wrapper" else {})
    )
    given = {"event_stream_handler": handler} if where == "run" else {}
    counted = []

    def body():
        output = agent.run_sync("go", **given).output
        counted.append(len(events))
        return output

    assert lab.twice(body) == ["one two three ", "one two three "]
    assert counted[0] == counted[1]
    kinds = [type(event) for event in events]
    assert kinds.count(PartDeltaEvent) >= 2
    assert kinds.index(FunctionToolCallEvent) < kinds.index(FunctionToolResultEvent)
    assert lab.counts == {"bot": 2}


@pytest.mark.parametrize("how", ["run_stream", "run_stream_events", "iter", "run"])
def test_every_way_to_stream_gives_the_result_that_run_gives(lab, call, how):
    agent = lab.agent(call("look"), "one two", tools=[look])

    async def stream():
        if how == "run_stream":
            async with agent.run_stream("go") as streamed:
                return await streamed.get_output()
        if how == "run_stream_events":
            async with agent.run_stream_events("go") as events:
                return [event async for event in events][-1].result.output
        if how == "iter":
            async with agent.iter("go") as run:
                async for _ in run:
                    pass
            return run.result.output
        return (await agent.run("go")).output

    first, second = lab.twice(lambda: asyncio.run(stream()).strip())
    assert (first, second) == ("one two", "one two")
    assert lab.counts == {"bot": 2}
    assert {"bot_model_request", "look_tool"} <= set(lab.names(lab.client.executions.latest()))


def paced(released):
    """Return a model that waits after each word until the one before it was seen."""

    async def stream(_messages, _info):
        for number, word in enumerate(["one ", "two ", "three"]):
            if number:
                await asyncio.wait_for(released.get(), 5)
            yield word

    return FunctionModel(stream_function=stream)


@pytest.mark.parametrize("how", ["run_stream", "run_stream_events"])
def test_text_reaches_the_caller_while_the_request_still_runs(lab, how):
    async def read():
        released, seen = asyncio.Queue(), []
        agent = KitaruAgent(Agent(paced(released), name="bot"))
        if how == "run_stream":
            async with agent.run_stream("go") as streamed:
                async for text in streamed.stream_text(delta=True, debounce_by=None):
                    seen.append(text)
                    released.put_nowait(None)
                return seen, await streamed.get_output()
        async with agent.run_stream_events("go") as events:
            async for event in events:
                if event.event_kind in {"part_start", "part_delta"}:
                    seen.append(getattr(event, "part", None) or event.delta)
                    released.put_nowait(None)
                last = event
        return seen, last.result.output

    (seen, output), (again, same) = lab.twice(lambda: asyncio.run(read()))
    assert len(seen) == 3
    assert output == same == "one two three"
    assert len(again) == 1


def test_a_caller_who_leaves_a_stream_early_leaves_no_record(lab):
    async def read():
        agent = KitaruAgent(Agent(paced(asyncio.Queue()), name="bot"))
        async with agent.run_stream("go") as streamed:
            async for _ in streamed.stream_text(debounce_by=None):
                break

    handle = lab.run(lambda: asyncio.run(read()))
    assert [c.invocation_id for c in lab.calls(handle) if c.status == "completed"] == []


def test_a_stream_that_breaks_after_output_is_not_retried_as_one_that_did_not_open(lab):
    attempts = []

    async def breaking(_messages, _info):
        attempts.append(1)
        yield "half "
        msg = "line is down"
        raise ConnectionError(msg)

    agent = KitaruAgent(
        Agent(FunctionModel(stream_function=breaking), name="bot"),
        model_checkpoint_config={"retries": 3},
        event_stream_handler=collector([]),
    )
    handle = lab.run(lambda: agent.run_sync("go").output)
    assert handle.status == "failed"
    assert handle.execution.failure.exception_type.endswith("ConnectionError")
    assert len(attempts) == 1


def test_output_validation_retries_are_read_back(lab):
    inner = Agent(lab.script("no", "yes", name="bot").model, name="bot")

    @inner.output_validator
    def check(output: str) -> str:
        lab.counts["check"] += 1
        if output == "no":
            msg = "say yes"
            raise ModelRetry(msg)
        return output

    agent = KitaruAgent(inner)
    assert lab.twice(lambda: agent.run_sync("go").output) == ["yes", "yes"]
    assert lab.counts["bot"] == 2


def test_an_output_function_acts_once_and_keeps_its_type(lab):
    def shout(text: str) -> tuple[str, int]:
        lab.counts["shout"] += 1
        return text.upper(), len(text)

    agent = lab.agent("hello", output_type=TextOutput(shout))
    assert lab.twice(lambda: agent.run_sync("go").output) == [("HELLO", 5), ("HELLO", 5)]
    assert lab.counts == {"bot": 1, "shout": 1}


def test_an_output_function_that_sends_the_model_back_does_so_on_a_rerun(lab):
    def check(text: str) -> str:
        lab.counts["check"] += 1
        if text == "no":
            msg = "say yes"
            raise ModelRetry(msg)
        return text

    agent = lab.agent("no", "yes", output_type=TextOutput(check))
    assert lab.twice(lambda: agent.run_sync("go").output) == ["yes", "yes"]
    assert lab.counts == {"bot": 2, "check": 2}


def live(handle):
    """Return the live events of the adapter; they stand beside the records, because no rerun needs them."""
    events = default_journal().events(handle.exec_id)
    return [event for event in events if event.kind.startswith("pydantic_ai.")]


def test_live_events_tell_what_happens_and_never_what_was_said(lab, call):
    agent = lab.agent(
        call("look"),
        "an answer",
        tools=[look],
        event_stream_handler=collector([]),
        capture=CapturePolicy(save_stream_transcripts=False),
    )
    handle = lab.run(lambda: agent.run_sync("a private prompt").output)
    assert handle.get() == "an answer "
    events = live(handle)
    kinds = [event.kind for event in events]
    assert kinds[0] == PYDANTIC_AI_STREAM_STARTED
    assert kinds[-1] == PYDANTIC_AI_STREAM_COMPLETED
    assert kinds.count(PYDANTIC_AI_STREAM_STARTED) == kinds.count(PYDANTIC_AI_STREAM_COMPLETED) == 2
    assert PYDANTIC_AI_STREAM_EVENT in kinds
    said = repr([event.body for event in events])
    assert not any(text in said for text in ("private prompt", "secret result", "an answer"))


def test_a_broken_stream_is_published_as_failed_without_its_text(lab):
    async def breaking(_messages, _info):
        yield "half "
        msg = "password=hunter2"
        raise ConnectionError(msg)

    agent = KitaruAgent(Agent(FunctionModel(stream_function=breaking), name="bot"), event_stream_handler=collector([]))
    handle = lab.run(lambda: agent.run_sync("go").output)
    last = live(handle)[-1]
    assert last.kind == PYDANTIC_AI_STREAM_FAILED
    assert "ConnectionError" in repr(last.body)
    assert "hunter2" not in repr(last.body)


def test_live_events_that_cannot_be_written_do_not_touch_the_run(lab, call, store):
    def breaks_publishing():
        with contextlib.closing(sqlite3.connect(store, timeout=10)) as database, database:
            database.execute("DROP TABLE events")
        return "still here"

    agent = lab.agent(call("breaks_publishing"), "one two three", tools=[breaks_publishing])

    async def streamed():
        async with agent.run_stream_events("go") as events:
            return [event async for event in events][-1].result.output

    handle = lab.run(lambda: asyncio.run(streamed()))
    assert handle.wait(10) == "one two three "
    with pytest.raises(KitaruJournalError, match="no such table"):
        live(handle)
    assert lab.names(handle) == ["bot_model_request", "breaks_publishing_tool", "bot_model_request_2"]


def test_prompted_output_goes_through_the_same_units(lab):
    agent = lab.agent('{"response": 7}', output_type=PromptedOutput(int))
    assert lab.twice(lambda: agent.run_sync("go").output) == [7, 7]
    assert lab.counts == {"bot": 1}

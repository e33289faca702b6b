"""What a short call tells is recorded with its end, what a long one tells with its start, and nothing is lost."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress

import pytest

from kitaru import KitaruExecutionError, checkpoint, current_call, flow, log, seam
from kitaru.engine.journals import default_journal
from kitaru.engine.run import Run

SPENT = {"usage": {"input_tokens": 7}, "model": "m"}


def kinds(exec_id):
    return [record.kind for record in default_journal().records(exec_id)]


def tell():
    current_call().record_usage(SPENT)
    log(color="red")


def wait_for(kind):
    deadline = time.monotonic() + 20
    exec_id = current_call().execution_id
    while kind not in kinds(exec_id):
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.fixture
def told(client):
    def of(handle):
        execution = client.executions.get(handle.exec_id)
        (call,) = execution.checkpoints
        attempts = [(len(one.llm_usage_records), one.metadata) for one in call.attempts]
        return attempts, execution.llm_usage_summary["input_tokens"]

    return of


def run(body):
    @flow
    def story():
        body()

    handle = story.run()
    with suppress(KitaruExecutionError):
        handle.wait(30)
    return handle


def test_a_short_call_makes_no_record_of_its_start_or_its_usage(told):
    handle = run(checkpoint(tell))
    assert told(handle) == ([(1, {"color": "red"})], 7)
    made = kinds(handle.exec_id)
    assert made == ["execution.started", "checkpoint.completed", "metadata.logged", "execution.finished"]


def test_usage_reads_the_same_wherever_it_stands(client):
    @checkpoint
    def quick():
        current_call().record_usage(SPENT)

    @checkpoint
    def slow():
        wait_for("checkpoint.started")
        current_call().record_usage(SPENT)

    @flow
    def story():
        quick()
        slow()

    handle = story.run()
    handle.wait(30)
    first, second = (call.llm_usage_records[0] for call in client.executions.get(handle.exec_id).checkpoints)
    own = ("call_name", "checkpoint_id", "checkpoint_name")
    assert {**first, **dict.fromkeys(own)} == {**second, **dict.fromkeys(own)}
    assert [(one["call_name"], one["status"]) for one in (first, second)] == [
        ("quick", "completed"),
        ("slow", "completed"),
    ]


def test_a_call_that_takes_its_time_is_heard_before_it_ends(told):
    @checkpoint
    def slow():
        tell()
        wait_for("usage.recorded")
        wait_for("metadata.logged")

    handle = run(slow)
    assert told(handle) == ([(1, {"color": "red"})], 7)
    assert kinds(handle.exec_id)[1:4] == ["checkpoint.started", "usage.recorded", "metadata.logged"]


def test_attempts_that_fail_keep_what_they_told(told):
    attempts = []

    @checkpoint(retries=1)
    def fickle():
        tell()
        attempts.append(1)
        if len(attempts) == 1:
            raise ValueError

    assert told(run(fickle)) == ([(1, {"color": "red"}), (1, {"color": "red"})], 14)


def test_an_attempt_that_was_called_off_keeps_what_it_told(told):
    @checkpoint
    async def left():
        tell()
        raise asyncio.CancelledError

    @flow
    async def story():
        try:
            await left()
        except asyncio.CancelledError:
            return "went on"

    handle = story.run()
    assert handle.wait(10) == "went on"
    assert told(handle) == ([(1, {"color": "red"})], 7)


def test_a_stream_that_is_left_keeps_what_it_told(told):
    async def source(call):
        call.record_usage(SPENT)
        yield "a"
        yield "b"

    @flow
    async def story():
        async with seam.stream_unit(seam.Unit(name="s", key="1"), source, assemble=list, replay=iter) as stream:
            async for _ in stream:
                break

    handle = story.run()
    handle.wait(10)
    assert told(handle) == ([(1, {})], 7)


def test_a_call_whose_value_cannot_be_stored_keeps_what_it_told(told):
    @checkpoint
    def odd():
        tell()
        return object()

    handle = run(odd)
    with pytest.raises(KitaruExecutionError):
        handle.wait(10)
    assert told(handle) == ([(1, {"color": "red"})], 7)


def test_a_call_that_was_called_off_after_its_start_was_written_keeps_what_it_told(told):
    @checkpoint
    async def left():
        wait_for("checkpoint.started")
        tell()
        raise asyncio.CancelledError

    @flow
    async def story():
        with suppress(asyncio.CancelledError):
            await left()

    handle = story.run()
    handle.wait(30)
    assert told(handle) == ([(1, {"color": "red"})], 7)


def test_what_another_thread_tells_while_the_end_is_written_is_kept(told, monkeypatch):
    calls, write = [], Run.write

    def tell_first(run, *drafts):
        if calls:
            calls.pop().record_usage(SPENT)
        write(run, *drafts)

    monkeypatch.setattr(Run, "write", tell_first)

    @checkpoint
    def quick():
        calls.append(current_call())

    assert told(run(quick)) == ([(1, {})], 7)

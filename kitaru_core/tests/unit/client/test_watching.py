"""Watching executions: what checkpoints publish, and what their records tell."""

from __future__ import annotations

import threading

import pytest

import kitaru
from kitaru import KitaruClient, KitaruContextError, KitaruUsageError, checkpoint, events, flow, progress
from kitaru.errors import KitaruNotFoundError

ORDER = ["kitaru.checkpoint.started", "said", "kitaru.checkpoint.progress"]
ENDS = ["kitaru.checkpoint.returned", "kitaru.checkpoint.stored"]


@checkpoint
def tells(word):
    events.publish("said", {"word": word, "api_key": "sk-canary-1234567890"}, message="a word", correlation_id="chat")
    progress("half", percent=0.5, step=1)
    return word


@checkpoint
def breaks():
    raise ValueError("the password is hunter2")


@flow
def talks():
    return tells("a"), tells("b")


@pytest.fixture
def finished():
    handle = talks.run()
    handle.wait(10)
    return handle.exec_id


def seen(exec_id, **filters):
    return list(KitaruClient().executions.events(exec_id, **filters))


def test_a_finished_execution_shows_what_is_stored_and_ends(finished):
    assert [event.kind for event in seen(finished)] == (ORDER + ENDS) * 2


def test_an_event_says_who_published_it_and_hides_secrets(finished):
    said = seen(finished, kinds=["said"])[0]
    assert (said.checkpoint_name, said.correlation_id, said.index) == ("tells", "chat", 0)
    assert said.payload["message"] == "a word"
    assert said.payload["data"]["word"] == "a"
    assert "canary" not in str(said.payload)


@pytest.mark.parametrize("last", range(10))
def test_a_cursor_goes_on_right_after_its_event(finished, last):
    everything = seen(finished)
    assert seen(finished, since=everything[last].cursor) == everything[last + 1 :]


def test_events_are_filtered_by_kind_checkpoint_and_group(finished):
    assert len(seen(finished, kinds=events.CHECKPOINT_STORED_KIND)) == 2
    assert len(seen(finished, correlation_ids=["chat"])) == 2
    assert seen(finished, checkpoint="other") == []


@pytest.mark.parametrize(
    "wrong",
    [{"kinds": [" "]}, {"kinds": [1]}, {"checkpoint": ""}, {"correlation_ids": 5}, {"since": "x"}, {"since": 3}],
)
def test_filters_that_cannot_be_are_refused_at_once(finished, wrong):
    with pytest.raises(KitaruUsageError):
        KitaruClient().executions.events(finished, **wrong)


def test_an_unknown_execution_cannot_be_watched():
    with pytest.raises(KitaruNotFoundError):
        KitaruClient().executions.events("nope")


def test_a_failure_tells_its_type_and_not_its_text():
    handle = flow(lambda: breaks()).run()
    with pytest.raises(kitaru.KitaruExecutionError):
        handle.wait(10)
    failed = seen(handle.exec_id)[-1]
    assert failed.kind == events.CHECKPOINT_FAILED_KIND
    assert failed.payload["data"]["exception_type"] == "builtins:ValueError"
    assert "hunter2" not in str(failed)


def test_events_are_seen_while_the_checkpoint_runs():
    go_on = threading.Event()

    @checkpoint
    def waits():
        events.publish("here", flush=True)
        assert go_on.wait(10)

    handle = flow(lambda: waits()).run()
    kinds = []
    for event in KitaruClient().executions.events(handle.exec_id):
        kinds.append(event.kind)
        if event.kind == "here":
            go_on.set()
    assert (kinds.count("here"), kinds[-1]) == (1, "kitaru.checkpoint.stored")
    handle.wait(10)


def test_a_reused_call_tells_nothing(finished):
    handle = talks.replay(finished, from_="tells_2")
    handle.wait(10)
    assert {event.step_name for event in seen(handle.exec_id, kinds=ENDS)} == {"tells_2"}


@pytest.mark.parametrize("call", [lambda: events.publish("x"), lambda: progress("x")])
def test_publishing_needs_a_checkpoint(call):
    with pytest.raises(KitaruContextError):
        call()


@pytest.mark.parametrize("kind", ["", "end", "two\nlines", 3])
def test_kinds_that_cannot_be_are_refused_in_the_checkpoint(kind):
    @checkpoint
    def publishes():
        with pytest.raises(KitaruUsageError):
            events.publish(kind)

    flow(lambda: publishes()).run().wait(10)


def test_flushing_needs_no_scope():
    assert events.flush()
    assert events.flush(timeout=1)
    with pytest.raises(KitaruUsageError):
        events.flush(timeout=-1)


@checkpoint
def tells_half_an_emoji():
    events.publish("said", {"word": "\ud83d", "more": ["\udc4d"]}, message="caf\udce9")


@flow
def talks_in_halves():
    tells_half_an_emoji()


def test_texts_that_are_not_utf8_are_told_written_out():
    handle = talks_in_halves.run()
    handle.wait(10)
    (event,) = seen(handle.exec_id, kinds=["said"])
    assert event.payload["data"] == {"word": r"\ud83d", "more": [r"\udc4d"]}
    assert event.payload["message"] == r"caf\udce9"

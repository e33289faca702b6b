"""Why an execution does not go on, and what differs between two."""

from __future__ import annotations

import shlex
import threading

import pytest

from kitaru import KitaruExecutionError, KitaruNotFoundError, checkpoint, flow, wait


@checkpoint
def first(n):
    return n


@checkpoint
def second(n):
    if n == 13:
        raise ValueError("unlucky")
    return n * 2


@flow
def pair(n):
    return first(1), second(n)


@flow
def asks():
    return wait(name="go", question="Shall we?", timeout=0)


def test_an_open_wait_is_named_with_the_command_that_answers_it(client):
    handle = asks.run()
    client.executions.wait(handle.exec_id, timeout=10)
    why = client.executions.why(handle.exec_id)
    assert (why.kind, why.subject) == ("answer", "go")
    assert "Shall we?" in why.text
    assert handle.exec_id in why.action


@pytest.mark.parametrize("name", ["go", "may it go?; rm -r ."])
def test_the_command_that_answers_takes_a_name_as_one_word(client, name):
    @flow
    def asks_by_name():
        return wait(name=name, timeout=0)

    handle = asks_by_name.run()
    client.executions.wait(handle.exec_id, timeout=10)
    words = shlex.split(client.executions.why(handle.exec_id).action)
    assert words[words.index("--wait") :] == ["--wait", name, "--value", "true"]


def test_an_answered_wait_without_a_runner_waits_for_a_resume(client):
    handle = asks.run()
    client.executions.wait(handle.exec_id, timeout=10)
    client.executions.input(handle.exec_id, wait="go", value=True)
    assert client.executions.why(handle.exec_id).kind == "resume"
    client.executions.resume(handle.exec_id, block=True)
    assert client.executions.why(handle.exec_id).kind == "nothing"


def test_a_failure_names_the_call_and_the_retry(client):
    handle = pair.run(13)
    with pytest.raises(KitaruExecutionError):
        handle.wait(10)
    why = client.executions.why(handle.exec_id)
    assert why.kind == "retry"
    assert "unlucky" in why.text
    assert why.subject == "second"


def test_a_runner_at_work_is_named_by_its_call(client):
    inside, leave = threading.Event(), threading.Event()

    @checkpoint(effect="irreversible")
    def works():
        inside.set()
        leave.wait(10)

    handle = flow(lambda: works()).run()
    inside.wait(10)
    why = client.executions.why(handle.exec_id)
    client.executions.cancel(handle.exec_id)
    cancelled = client.executions.why(handle.exec_id).kind
    leave.set()
    client.executions.wait(handle.exec_id, timeout=10)
    assert (why.kind, why.subject, cancelled) == ("runner", "works", "cancellation")


def test_an_unknown_execution_is_not_found(client):
    with pytest.raises(KitaruNotFoundError):
        client.executions.why("nope")
    with pytest.raises(KitaruNotFoundError):
        client.executions.diff("nope", "nope")


def finished(*args):
    handle = pair.run(*args)
    handle.wait(10)
    return handle.exec_id


def test_equal_executions_are_the_same(client):
    found = client.executions.diff(finished(1), finished(1))
    assert (found.is_same, found.of("same")) == (True, ["first", "second"])


def test_other_inputs_show_where_they_went(client):
    found = client.executions.diff(finished(1), finished(2))
    assert (found.inputs_differ, found.result_differs, found.code_differs) == (True, True, False)
    assert (found.of("same"), found.of("changed")) == (["first"], ["second"])


def test_a_replay_shows_what_it_reused(client):
    source = finished(1)
    replay = pair.replay(source, from_="second", n=3)
    replay.wait(10)
    found = client.executions.diff(source, replay.exec_id)
    assert (found.of("reused"), found.of("changed")) == (["first"], ["second"])


def test_calls_that_only_one_has_are_added_or_removed(client):
    @flow
    def single():
        return first(1)

    handle = single.run()
    handle.wait(10)
    whole = finished(1)
    assert client.executions.diff(handle.exec_id, whole).of("added") == ["second"]
    assert client.executions.diff(whole, handle.exec_id).of("removed") == ["second"]

"""How a run ends: what is recorded last, what is blamed, and that nothing of it stays behind."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
import weakref
from contextlib import suppress

import pytest

import kitaru
from kitaru import KitaruUsageError, checkpoint, flow, wait
from kitaru.crash_points import arm, disarm
from kitaru.engine.journals import default_journal
from kitaru.engine.runner import live_run
from kitaru.engine.signals import ExecutionAborted
from kitaru.seam import Question, ask, automatic_flow, automatic_flow_async, current_call

BEGUN = threading.Event()


class Trouble(Exception):  # noqa: N818 - a plain name, for its message
    """An exception that can be referred to weakly, as built-in ones cannot."""


@checkpoint
def breaks():
    raise ValueError("it was handled")


@checkpoint
def outlives():
    """Goes on until its execution has ended, or long enough to see that it does not end before."""
    journal, exec_id, end = default_journal(), kitaru.current_execution_id(), time.monotonic() + 0.3
    BEGUN.set()
    while journal.execution(exec_id).ended_at is None and time.monotonic() < end:
        time.sleep(0.01)


@flow
def asks_beside():
    outlives.submit()
    wait(name="go", timeout=10)


@flow
def raises(error):
    raise error


@flow
def handles_one_and_raises_another():
    try:
        breaks()
    except ValueError as error:
        place = id(error)
    others = []
    # The interpreter gives the place of what is gone to something else.
    while len(others) < 100_000 and (not others or id(others[-1]) != place):
        others.append(ValueError("of the flow itself"))
    raise others[-1]


def ended(handle):
    live_run(handle.exec_id).done.wait(10)
    return default_journal().execution(handle.exec_id)


def test_a_failure_that_was_handled_is_not_blamed_for_a_later_one(client):
    execution = ended(handles_one_and_raises_another.run())
    (finished,) = [one.fact for one in default_journal().records(execution.id) if one.kind == "execution.finished"]
    assert (finished.culprits, finished.failure.message) == ([], "of the flow itself")


def test_what_an_exception_is_remembered_by_is_no_part_of_its_data(client):
    @flow
    def gives_a_failure_back():
        try:
            breaks()
        except ValueError as error:
            return error

    found = gives_a_failure_back.run().wait(10)
    assert (found.args, [name for name in vars(found) if name != "kitaru_traceback"]) == (("it was handled",), [])


@pytest.mark.parametrize("how", ["abort", "cancel"])
def test_an_execution_ends_after_the_calls_that_have_begun(client, how):
    BEGUN.clear()
    handle = asks_beside.run()
    assert BEGUN.wait(10)
    while not client.executions.pending_waits(handle.exec_id):
        time.sleep(0.01)
    if how == "abort":
        client.executions.abort_wait(handle.exec_id, wait="go")
    else:
        client.executions.cancel(handle.exec_id)
    assert ended(handle).status == "cancelled"
    kinds = [record.kind for record in default_journal().records(handle.exec_id)]
    assert (kinds[-1], "checkpoint.completed" in kinds) == ("execution.finished", True)


def test_a_failure_whose_text_is_not_utf8_is_recorded():
    handle = raises.run(ValueError("no file caf\udce9.txt"))
    assert (ended(handle).status, ended(handle).status_reason) == ("failed", r"no file caf\udce9.txt")


def test_a_run_that_cannot_begin_is_not_recorded(monkeypatch, client):
    monkeypatch.setenv("KITARU_CAPTURE_LOGS", "perhaps")
    with pytest.raises(KitaruUsageError, match="KITARU_CAPTURE_LOGS"):
        raises.run(ValueError("never"))
    assert client.executions.list() == []


def test_a_retry_that_cannot_begin_leaves_the_execution_to_the_next_one(monkeypatch, client):
    exec_id = ended(raises.run(ValueError("it cannot be"))).id
    monkeypatch.setenv("KITARU_CAPTURE_LOGS", "perhaps")
    with pytest.raises(KitaruUsageError, match="KITARU_CAPTURE_LOGS"):
        client.executions.retry(exec_id)
    monkeypatch.delenv("KITARU_CAPTURE_LOGS")
    assert client.executions.retry(exec_id, block=True).failure.message == "it cannot be"


def test_failed_runs_do_not_pile_up():
    first = weakref.ref(live_run(ended(raises.run(Trouble("first"))).id).error)
    for number in range(70):
        ended(raises.run(Trouble(number)))
    gc.collect()
    assert first() is None


def test_a_wait_aborted_in_an_automatic_flow_is_named(client):
    def abort():
        while not (found := client.waits.list()):
            time.sleep(0.01)
        client.executions.abort_wait(found[0].exec_id, wait="go")

    aborting = threading.Thread(target=abort)
    aborting.start()
    with pytest.raises(ExecutionAborted):
        automatic_flow("chat", lambda: ask([Question(name="go", timeout=10)]))
    aborting.join()
    (execution,) = client.executions.list()
    assert (execution.status, execution.status_reason) == ("cancelled", "wait aborted: go")


def test_who_asks_to_hear_of_a_cancellation_that_has_come_hears_of_it_at_once(client):
    heard = []

    @checkpoint
    def listens_late():
        call = current_call()
        client.executions.cancel(call.execution_id)
        while not call.cancelled:
            time.sleep(0.01)
        call.on_cancel(lambda: heard.append(call.name))

    @flow
    def late():
        listens_late()

    assert ended(late.run()).status == "cancelled"
    assert heard == ["listens_late"]


def test_an_automatic_flow_whose_caller_is_cancelled_while_it_is_opened_does_not_run_for_ever(client):
    opening = threading.Event()
    arm("flow.created", action=opening.set)

    async def main():
        task = asyncio.create_task(automatic_flow_async("chat", lambda: asyncio.sleep(0)))
        await asyncio.sleep(0)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    asyncio.run(main())
    disarm()
    assert opening.is_set()
    (execution,) = client.executions.list()
    assert execution.status.is_finished

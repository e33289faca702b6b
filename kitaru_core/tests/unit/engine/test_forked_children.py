"""What a process that was forked in the midst of a run may do: nothing that its parent would not know of."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
import uuid
from contextlib import closing
from pathlib import Path

import pytest

from kitaru import KitaruContextError, checkpoint, flow, log
from kitaru.errors import KitaruJournalError
from kitaru.journal.api import Draft
from kitaru.journal.sqlite import SqliteJournal
from kitaru.journal.verification import verify_execution
from kitaru.records.facts import ExecutionStarted, MetadataLogged

pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")


def in_a_child(work):
    """Run some work in a forked child and return the name of what it raised."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        told = "nothing"
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - whatever it is, the parent is told
            told = type(error).__name__
        finally:
            os.write(writing, told.encode())
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        told = pipe.read()
    os.waitpid(child, 0)
    return told


@checkpoint
def step(number):
    return number


@flow
def forks():
    step(1)
    raised = [in_a_child(lambda: step(2)), in_a_child(lambda: log(lost=True))]
    step(3)
    return raised


def test_a_child_stands_outside_of_its_parents_flow(client):
    handle = forks.run()
    assert handle.wait(10) == [KitaruContextError.__name__] * 2
    assert [call.invocation_id for call in client.executions.get(handle.exec_id).checkpoints] == ["step", "step_2"]
    assert client.executions.verify(handle.exec_id).is_intact


@flow
def is_told(folder):
    for _ in range(1000):
        if (Path(folder) / "go").exists():
            return "told"
        time.sleep(0.01)
    return "not told"


def test_a_child_waits_for_its_parents_run_as_any_other_process_does(tmp_path):
    handle = is_told.run(str(tmp_path))
    child = os.fork()
    if child == 0:
        try:
            (tmp_path / "go").touch()
            (tmp_path / "said").write_text(handle.wait(60))
            (tmp_path / "said").rename(tmp_path / "heard")
        finally:
            os._exit(0)
    assert handle.wait(20) == "told"
    until = time.monotonic() + 5
    while not (tmp_path / "heard").exists() and time.monotonic() < until:
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert (tmp_path / "heard").read_text() == "told"


def test_a_child_cannot_write_through_its_parents_connection(tmp_path):
    with closing(SqliteJournal(tmp_path / "journal.db")) as journal:
        name = str(uuid.uuid4())
        started = ExecutionStarted(at=time.time(), execution_id=name, flow="f", module="m", qualname="f")
        lease = journal.create(Draft(started), flow="f", stack=None)
        noted = Draft(MetadataLogged(at=time.time(), values={"n": 1}))
        assert in_a_child(lambda: journal.append(lease, noted)) == KitaruJournalError.__name__
        assert in_a_child(journal.close) == "nothing"
        journal.append(lease, noted)
        assert verify_execution(journal, name).records == 2


def test_a_journal_that_served_coroutines_closes_while_a_child_lives(tmp_path):
    name = str(uuid.uuid4())
    started = ExecutionStarted(at=time.time(), execution_id=name, flow="f", module="m", qualname="f")
    journal = SqliteJournal(tmp_path / "journal.db")
    lease = journal.create(Draft(started), flow="f", stack=None)

    async def append():
        await journal.append_async(lease, Draft(MetadataLogged(at=time.time(), values={"n": 1})))

    asyncio.run(append())
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(writing)
        os.read(reading, 1)  # until the parent lets go
        os._exit(0)
    closing_thread = threading.Thread(target=journal.close, daemon=True)
    closing_thread.start()
    closing_thread.join(10)
    stuck = closing_thread.is_alive()
    os.close(writing)
    os.waitpid(child, 0)
    os.close(reading)
    assert not stuck

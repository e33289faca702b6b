"""What a process that was forked in the midst of a run may do: nothing that its parent would not know of."""

from __future__ import annotations

import os
import time
import uuid
from contextlib import closing

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

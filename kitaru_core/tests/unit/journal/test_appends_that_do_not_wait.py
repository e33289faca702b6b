"""Records that a journal commits for callers that do not wait for it."""

from __future__ import annotations

import sqlite3
import time
import uuid
from concurrent.futures import Future, wait
from contextlib import closing

import pytest

from kitaru.errors import KitaruLeaseLostError
from kitaru.journal.api import Draft
from kitaru.journal.sqlite import SqliteJournal
from kitaru.records.facts import ExecutionStarted, MetadataLogged, RunnerStarted


@pytest.fixture
def journal(tmp_path):
    with closing(SqliteJournal(tmp_path / "journal.db")) as opened:
        yield opened


@pytest.fixture
def lease(journal):
    name = str(uuid.uuid4())
    started = ExecutionStarted(at=time.time(), execution_id=name, flow="f", module="m", qualname="f")
    return journal.create(Draft(started), flow="f", stack=None)


def appended(journal, lease, number, then=lambda: None):
    told = Future()

    def done(error):
        told.set_result((error, then()))

    journal.append_then(lease, [Draft(MetadataLogged(at=time.time(), values={"n": number}))], done)
    return told


def test_the_caller_is_told_only_when_another_connection_can_read_the_record(journal, lease, tmp_path):
    def count():
        with closing(sqlite3.connect(tmp_path / "journal.db")) as other:
            return other.execute("SELECT count(*) FROM records").fetchone()[0]

    assert appended(journal, lease, 1, count).result(timeout=5) == (None, 2)


def test_many_keep_their_order(journal, lease):
    told = [appended(journal, lease, number) for number in range(200)]
    assert not wait(told, timeout=10).not_done
    kept = [record.fact.values["n"] for record in journal.records(lease.execution_id, after=0)]
    assert kept == [*range(200)]


def test_a_runner_that_was_replaced_is_told_so_and_nothing_is_written(journal, lease):
    taken = Draft(RunnerStarted(at=time.time(), generation=0, reason="resume"))
    journal.acquire(lease.execution_id, lambda _row: taken)
    error, _ = appended(journal, lease, 1).result(timeout=5)
    assert isinstance(error, KitaruLeaseLostError)
    assert [record.kind for record in journal.records(lease.execution_id)] == ["execution.started", "runner.started"]


def test_closing_the_journal_leaves_nobody_waiting(tmp_path, lease, journal):
    told = [appended(journal, lease, number) for number in range(50)]
    journal.close()
    assert [future.result(timeout=0)[0] for future in told] == [None] * 50

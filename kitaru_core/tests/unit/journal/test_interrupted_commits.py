"""Commits that are interrupted or fail half-way: nothing is acknowledged that is not there, nothing is there twice."""

from __future__ import annotations

import sqlite3
import time
import uuid
from concurrent.futures import Future
from contextlib import closing

import pytest

from kitaru.journal.api import Draft
from kitaru.journal.commit import GroupCommit
from kitaru.journal.files import open_database, pregrow
from kitaru.journal.sqlite import SqliteJournal
from kitaru.records.facts import ExecutionStarted, MetadataLogged


class Interruptible(sqlite3.Connection):
    """Has Ctrl-C strike right after a statement, which is when Python notices what came while SQLite was waiting."""

    after = "nothing"

    def execute(self, sql, *values):
        cursor = super().execute(sql, *values)
        if sql.startswith(self.after):
            self.after = "nothing"
            raise KeyboardInterrupt
        return cursor


@pytest.fixture
def path(tmp_path):
    return tmp_path / "journal.db"


@pytest.fixture
def journal(path):
    with closing(SqliteJournal(path)) as opened:
        yield opened


@pytest.fixture
def lease(journal):
    name = str(uuid.uuid4())
    started = ExecutionStarted(at=time.time(), execution_id=name, flow="f", module="m", qualname="f")
    return journal.create(Draft(started), flow="f", stack=None)


@pytest.fixture
def connection(path, journal):
    opened = sqlite3.connect(path, isolation_level=None, check_same_thread=False, factory=Interruptible)
    with closing(opened):
        yield opened


@pytest.fixture
def commit(connection):
    committing = GroupCommit(connection, "sqlite:///journal.db")
    yield committing
    committing.close()


def noted(number, payload=None):
    return Draft(MetadataLogged(at=time.time(), values={"n": number}), payload=payload)


@pytest.fixture
def kept(journal, lease):
    """The numbers that another connection can read."""
    return lambda: [record.fact.values["n"] for record in journal.records(lease.execution_id, after=0)]


@pytest.mark.parametrize("statement", ["BEGIN", "INSERT", "COMMIT"])
def test_an_interrupted_record_is_written_once_with_the_next_one(commit, connection, lease, kept, statement):
    connection.after = statement
    with pytest.raises(KeyboardInterrupt):
        commit.append(lease, [noted(1)])
    assert not connection.in_transaction
    commit.append(lease, [noted(2)])
    assert kept() == [1, 2]


@pytest.mark.parametrize("statement", ["BEGIN", "COMMIT"])
def test_whoever_waits_for_a_record_hears_of_it_although_another_thread_was_interrupted(
    commit, connection, lease, kept, statement
):
    told = Future()
    with commit.mutex:
        commit.append_then(lease, [noted(1)], told.set_result)
        connection.after = statement
        with pytest.raises(KeyboardInterrupt):
            commit.flush()
    assert told.result(timeout=5) is None
    assert kept() == [1]


def test_observers_are_shown_what_an_interrupted_commit_has_written(connection, lease):
    shown = []
    commit = GroupCommit(connection, "sqlite:///journal.db", shown.extend)
    connection.after = "COMMIT"
    with pytest.raises(KeyboardInterrupt):
        commit.append(lease, [noted(1)])
    commit.flush()
    assert [seq for _, seq, *_ in shown] == [1]


def full(connection):
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages}")


def test_growing_the_log_on_a_full_disk_leaves_no_transaction_open(path, journal):
    with closing(open_database(path, "sqlite:///journal.db")) as connection:
        full(connection)
        with pytest.raises(sqlite3.OperationalError, match="full"):
            pregrow(connection)
        assert not connection.in_transaction


def test_a_record_nobody_waits_for_is_kept_until_the_disk_has_room(commit, connection, lease, kept):
    full(connection)
    commit.append_later(lease, [noted(1, b"x" * 200_000)])
    commit.flush()
    assert kept() == []
    connection.execute("PRAGMA max_page_count = 100000")
    commit.flush()
    assert kept() == [1]


def test_a_record_nobody_waits_for_that_can_never_be_written_is_named_in_the_log(commit, lease, kept, caplog):
    commit.append_later(lease, [noted("\udce9")])
    commit.append(lease, [noted(2)])
    assert kept() == [2]
    assert f"execution {lease.execution_id} could not be kept" in caplog.text

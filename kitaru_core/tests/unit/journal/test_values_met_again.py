"""Values that an execution stores again and again: written once, and never lost over being known."""

from __future__ import annotations

import sqlite3
import time
import uuid
from contextlib import closing
from hashlib import sha256

import pytest

from kitaru.errors import KitaruJournalError
from kitaru.journal.api import Draft
from kitaru.journal.commit import GroupCommit
from kitaru.journal.sqlite import SqliteJournal
from kitaru.records.facts import ExecutionFinished, ExecutionStarted, MetadataLogged

VALUE = b'{"role":"tool","content":"%s"}' % (b"the same words " * 60)
DIGEST = sha256(VALUE).hexdigest()


@pytest.fixture
def journal(tmp_path):
    with closing(SqliteJournal(tmp_path / "journal.db")) as opened:
        yield opened


def start(journal):
    name = str(uuid.uuid4())
    fact = ExecutionStarted(at=time.time(), execution_id=name, flow="f", module="m", qualname="f")
    return journal.create(Draft(fact), flow="f", stack=None)


def saying(value=VALUE):
    return Draft(MetadataLogged(at=time.time(), values={}), None, [(sha256(value).hexdigest(), value)], packed=True)


def end(journal, lease):
    journal.append(lease, Draft(ExecutionFinished(at=time.time(), status="completed")))
    journal.release(lease)


def test_a_value_that_is_said_again_is_looked_up_no_more(journal, tmp_path):
    lease = start(journal)
    seen = []
    with closing(sqlite3.connect(tmp_path / "journal.db", isolation_level=None, check_same_thread=False)) as connection:
        commit = GroupCommit(connection, journal.url)
        connection.set_trace_callback(seen.append)
        commit.append(lease, [saying()])
        first = sum("blob" in statement for statement in seen)
        commit.append(lease, [saying()])
    assert first > 0
    assert sum("blob" in statement for statement in seen) == first


def test_a_value_of_two_executions_outlives_the_first(journal):
    first, second = start(journal), start(journal)
    for lease in (first, second, first, second):
        journal.append(lease, saying())
    end(journal, first)
    journal.delete(first.execution_id)
    journal.append(second, saying())
    assert journal.blob(DIGEST) == VALUE


def test_an_execution_under_a_deleted_ones_number_writes_its_values_itself(journal):
    first = start(journal)
    journal.append(first, saying())
    end(journal, first)
    journal.delete(first.execution_id)
    with pytest.raises(KitaruJournalError):
        journal.blob(DIGEST)
    journal.append(start(journal), saying())
    assert journal.blob(DIGEST) == VALUE


def test_a_value_whose_commit_failed_is_written_by_the_next_one(journal, tmp_path):
    lease = start(journal)
    with closing(sqlite3.connect(tmp_path / "journal.db", isolation_level=None, timeout=0)) as other:
        other.execute("BEGIN IMMEDIATE")
        with closing(sqlite3.connect(tmp_path / "journal.db", isolation_level=None, timeout=0)) as connection:
            commit = GroupCommit(connection, journal.url)
            with pytest.raises(KitaruJournalError):
                commit.append(lease, [saying()])
            other.execute("ROLLBACK")
            commit.append(lease, [saying()])
    assert journal.blob(DIGEST) == VALUE


def test_more_values_than_are_remembered_are_all_there(journal):
    lease = start(journal)
    values = [VALUE + b"%d" % number for number in range(1100)]
    for _ in range(2):
        for begin in range(0, len(values), 100):
            journal.append(lease, *map(saying, values[begin : begin + 100]))
    assert all(journal.blob(sha256(value).hexdigest()) == value for value in values)

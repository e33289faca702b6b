"""A runner that leaves in the very moment in which somebody looks is not taken for a lost one."""

from __future__ import annotations

import sqlite3

import pytest

from kitaru import flow
from kitaru.engine.executions import StartOptions, create_run
from kitaru.errors import KitaruJournalError
from kitaru.journal.api import Draft
from kitaru.journal.registry import close_all, open_journal
from kitaru.records.facts import CancelRequested


@pytest.fixture
def leased(store):
    """A journal that holds the lease of a fresh execution."""

    @flow
    def nothing():
        return None

    journal = open_journal(str(store))
    run, _ = create_run(journal, nothing.code(), {"args": [], "kwargs": {}}, StartOptions())
    yield journal, run.lease
    journal.release(run.lease)


def test_a_lease_that_is_given_back_while_the_row_is_read_was_alive(leased):
    journal, lease = leased
    with journal._reading() as reading:
        journal.release(lease)
        assert not reading.execution(lease.execution_id).runner_lost
    assert journal.execution(lease.execution_id).runner_lost


def test_a_record_for_a_journal_this_process_closed_says_so(leased):
    journal, lease = leased
    close_all()
    with pytest.raises(KitaruJournalError, match="this process closed it while a run still went on") as caught:
        journal.append(lease, Draft(CancelRequested(at=0.0)))
    assert caught.value.reason == "closed"


def test_a_reader_that_comes_back_to_a_closed_journal_is_closed(leased):
    journal, lease = leased
    with journal._reading() as reading:
        close_all()
        assert reading.execution(lease.execution_id).status == "running"
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        reading.execution(lease.execution_id)

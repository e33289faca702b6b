"""A runner that leaves in the very moment in which somebody looks is not taken for a lost one."""

from __future__ import annotations

import pytest

from kitaru import flow
from kitaru.engine.executions import StartOptions, create_run
from kitaru.journal.registry import open_journal


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

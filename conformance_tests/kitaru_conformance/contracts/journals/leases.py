"""Leases: one runner at a time, and no way back for one that was replaced."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import NoReturn

import pytest

from kitaru.errors import KitaruLeaseLostError, KitaruStateError
from kitaru.journal.api import ExecutionRow, Journal, effective_status
from kitaru.records.facts import RunnerStarted
from kitaru_conformance.contracts.journals.cases import JournalCases, assert_chain, facts, numbers
from kitaru_conformance.contracts.journals.drafts import begin, completed, finished, logged, takeover
from kitaru_conformance.requirements import requirement

__all__ = ["Leases"]


class Leases(JournalCases):
    """Cases about who may append."""

    @requirement("J-30")
    def test_taking_over_begins_a_generation(self, journal: Journal) -> None:
        """Taking an execution over gives the next generation, and records it whatever the caller's draft says.

        If this fails: repair J-02 first; then look at `acquire`.
        """
        begin(journal)
        lease = journal.acquire("e1", lambda _row: takeover("resume"))
        assert lease.generation == journal.execution("e1").generation == 2
        found = facts(journal)[1]
        assert isinstance(found, RunnerStarted)
        assert (found.generation, found.reason) == (2, "resume")
        journal.append(lease, logged(1))
        assert numbers(journal) == [1]

    @requirement("J-31")
    def test_a_replaced_runner_is_fenced(self, journal: Journal) -> None:
        """An append of a runner that was replaced raises KitaruLeaseLostError and writes nothing.

        If this fails: repair J-30 first; the generation is checked in the transaction that writes.
        """
        old = begin(journal)
        journal.acquire("e1", lambda _row: takeover())
        before = journal.stored("e1")
        with pytest.raises(KitaruLeaseLostError) as caught:
            journal.append(old, completed())
        assert (caught.value.exec_id, caught.value.generation) == ("e1", 1)
        assert journal.stored("e1") == before
        assert old.lost

    @requirement("J-32")
    def test_a_fenced_batch_writes_none_of_its_records(self, journal: Journal) -> None:
        """An append of several records by a replaced runner writes none of them.

        If this fails: repair J-31 first; one append is one transaction.
        """
        old = begin(journal)
        journal.acquire("e1", lambda _row: takeover())
        with pytest.raises(KitaruLeaseLostError):
            journal.append(old, logged(1), completed(b"x" * 600, inline=False), logged(2))
        assert numbers(journal) == []

    @requirement("J-33")
    def test_a_fenced_coroutine_is_told(self, journal: Journal) -> None:
        """An awaited append of a replaced runner raises KitaruLeaseLostError at the await.

        If this fails: repair J-31 and J-15 first.
        """
        old = begin(journal)
        journal.acquire("e1", lambda _row: takeover())

        async def append() -> None:
            await journal.append_async(old, logged(1))

        with pytest.raises(KitaruLeaseLostError):
            asyncio.run(append())
        assert numbers(journal) == []

    @requirement("J-34")
    def test_a_fenced_runner_takes_nobody_along(self, journal: Journal) -> None:
        """A refused append does not keep the appends of other executions from being written.

        If this fails: repair J-31 first; records that are committed together are refused one by one.
        """
        old, other = begin(journal), begin(journal, "e2")
        journal.acquire("e1", lambda _row: takeover())
        journal.append_later(old, logged(1))
        journal.append(other, logged(2))
        assert (numbers(journal), numbers(journal, "e2")) == ([], [2])

    @requirement("J-35")
    def test_whoever_decides_sees_the_execution_and_may_refuse(self, journal: Journal) -> None:
        """The deciding function sees the execution as it is, and by raising leaves everything as it was.

        If this fails: repair J-30 first; the function runs inside the transaction.
        """
        journal.append(begin(journal), finished("failed"))
        seen: list[ExecutionRow] = []

        def refuse(row: ExecutionRow) -> NoReturn:
            seen.append(row)
            msg = "not now"
            raise KitaruStateError(msg)

        before = journal.execution("e1")
        with pytest.raises(KitaruStateError, match="not now"):
            journal.acquire("e1", refuse)
        assert seen == [before]
        assert journal.execution("e1") == before

    @requirement("J-36")
    def test_taking_over_opens_what_had_ended(self, journal: Journal) -> None:
        """An execution that had ended runs again after it was taken over, without its old end.

        If this fails: repair J-30 first; look at the columns that the end of an execution fills.
        """
        lease = begin(journal)
        journal.append(lease, finished("failed"))
        journal.release(lease)
        journal.acquire("e1", lambda _row: takeover())
        row = journal.execution("e1")
        assert (row.status, row.status_reason, row.ended_at, row.cancel_requested) == ("running", None, None, False)
        assert (row.attached, row.runner_lost) == (True, False)

    @requirement("J-37")
    def test_a_runner_that_let_go_is_lost(self, journal: Journal) -> None:
        """An execution that is running by its records and released by its runner reads as failed.

        If this fails: repair J-02 first; look at how `release` and `runner_lost` fit together.
        """
        lease = begin(journal)
        assert effective_status(journal.execution("e1")) == "running"
        journal.release(lease)
        assert effective_status(journal.execution("e1")) == "failed"

    @requirement("J-38")
    def test_of_many_rivals_the_last_may_append(self, journal: Journal) -> None:
        """Runners that take over at the same time get generations of their own, and only the last may append.

        If this fails: repair J-31 first; taking over is one transaction.
        """
        begin(journal)
        with ThreadPoolExecutor(6) as pool:
            leases = list(pool.map(lambda _: journal.acquire("e1", lambda _row: takeover()), range(6)))
        leases.sort(key=lambda lease: lease.generation)
        assert [lease.generation for lease in leases] == [2, 3, 4, 5, 6, 7]
        for lease in leases[:-1]:
            with pytest.raises(KitaruLeaseLostError):
                journal.append(lease, completed())
        journal.append(leases[-1], completed())
        assert_chain(journal)

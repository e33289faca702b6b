"""State derived from records: executions, waits, and what operators do to both."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from kitaru.journal.api import Draft, Journal, Lease
from kitaru.records.facts import CancelRequested, ExecutionPaused, WaitAborted, WaitOpened, decode_fact
from kitaru_conformance.contracts.journals.cases import JournalCases, assert_chain, numbers
from kitaru_conformance.contracts.journals.drafts import answered, asked, begin, completed, finished, logged
from kitaru_conformance.requirements import requirement

__all__ = ["Waiting"]


class Waiting(JournalCases):
    """Cases about the state of executions and waits."""

    @requirement("J-40")
    @pytest.mark.parametrize("status", ["completed", "failed", "cancelled"])
    def test_an_end_is_seen(self, journal: Journal, status: str) -> None:
        """An execution that ended shows its status, reason, time and totals, and has no runner.

        If this fails: repair J-02 first; state changes in the transaction that writes the record.
        """
        journal.append(begin(journal), finished(status))
        row = journal.execution("e1")
        assert (row.status, row.status_reason, row.ended_at, row.summary) == (status, "because", 7.0, {"calls": 2})
        assert not row.attached

    @requirement("J-41")
    def test_a_wait_is_opened(self, journal: Journal) -> None:
        """An opened wait is listed with all that its record says, and its execution waits.

        If this fails: repair J-40 first.
        """
        journal.append(begin(journal, flow="greet"), asked("ok"))
        (wait,) = journal.waits()
        assert (wait.id, wait.execution_id, wait.flow, wait.name) == ("w-ok", "e1", "greet", "ok")
        assert (wait.state, wait.opened_at) == ("open", 5.0)
        opened = decode_fact(wait.opened)
        assert isinstance(opened, WaitOpened)
        assert (opened.question, opened.metadata) == ("Go on?", {"k": 1})
        assert (journal.execution("e1").status, journal.execution("e1").open_waits) == ("waiting", 1)

    @requirement("J-42")
    def test_the_last_answer_lets_a_living_run_go_on(self, journal: Journal) -> None:
        """With the last of several waits answered, an execution whose runner is there runs again; not before.

        If this fails: repair J-41 first.
        """
        lease = begin(journal)
        journal.append(lease, asked("a"), asked("b"))
        journal.append(lease, answered("a"))
        assert (journal.execution("e1").status, journal.execution("e1").open_waits) == ("waiting", 1)
        journal.append(lease, answered("b"))
        assert (journal.execution("e1").status, journal.execution("e1").open_waits) == ("running", 0)

    @requirement("J-43")
    def test_an_answer_does_not_start_a_paused_run(self, journal: Journal) -> None:
        """An execution that its runner left stays waiting when its wait is answered, until somebody takes it over.

        If this fails: repair J-42 first; nobody runs it, so it is not running.
        """
        lease = begin(journal)
        journal.append(lease, asked("ok"))
        journal.append(lease, Draft(ExecutionPaused(at=5.5, waits=["ok"])))
        journal.release(lease)
        assert not journal.execution("e1").attached
        with journal.transact("e1") as transaction:
            transaction.append(answered("ok"))
        assert journal.execution("e1").status == "waiting"

    @requirement("J-44")
    def test_waits_are_listed_oldest_first_and_by_state(self, journal: Journal) -> None:
        """Waits are listed oldest first, of one execution or of all, in one state or in any.

        If this fails: repair J-41 first.
        """
        lease, other = begin(journal), begin(journal, "e2")
        journal.append(lease, asked("late", at=9.0), asked("early", at=3.0))
        journal.append(other, asked("middle", at=5.0))
        journal.append(lease, answered("late"))
        assert [wait.name for wait in journal.waits()] == ["early", "middle"]
        assert [wait.name for wait in journal.waits(state=None)] == ["early", "middle", "late"]
        assert [wait.name for wait in journal.waits(state="resolved")] == ["late"]
        assert [wait.name for wait in journal.waits(execution_id="e1", state=None)] == ["early", "late"]

    @requirement("J-45")
    def test_an_aborted_wait_and_a_void_one_are_told_apart(self, journal: Journal) -> None:
        """A wait that was replaced by a new question is void; one that was aborted is aborted.

        If this fails: repair J-41 first; look at the field `void`.
        """
        lease = begin(journal)
        journal.append(lease, asked("a"), asked("b"))
        journal.append(lease, Draft(WaitAborted(at=6.0, wait_id="w-a", name="a", void=True)))
        journal.append(lease, Draft(WaitAborted(at=6.0, wait_id="w-b", name="b")))
        assert {wait.name: wait.state for wait in journal.waits(state=None)} == {"a": "void", "b": "aborted"}

    @requirement("J-46")
    def test_an_end_closes_open_waits(self, journal: Journal) -> None:
        """An execution that ended has no open wait.

        If this fails: repair J-40 and J-41 first.
        """
        lease = begin(journal)
        journal.append(lease, asked("a"), finished("cancelled"))
        assert journal.waits() == []
        assert journal.execution("e1").open_waits == 0

    @requirement("J-47")
    def test_an_operator_appends_beside_the_runner(self, journal: Journal) -> None:
        """An operator appends without the lease, and the runner goes on after it.

        If this fails: repair J-10 first; the runner's next place is not the one it knew.
        """
        lease = begin(journal)
        for number in range(0, 6, 2):
            journal.append(lease, logged(number))
            with journal.transact("e1") as transaction:
                transaction.append(logged(number + 1))
        journal.append(lease, completed())
        assert numbers(journal) == list(range(6))
        assert_chain(journal)

    @requirement("J-48")
    def test_an_operator_sees_the_execution_and_its_waits(self, journal: Journal) -> None:
        """Inside a transaction an operator sees the execution and its waits as they are.

        If this fails: repair J-47 first.
        """
        journal.append(begin(journal), asked("b", at=5.0), asked("a", at=4.0), answered("b"))
        with journal.transact("e1") as transaction:
            assert (transaction.row.id, transaction.row.open_waits) == ("e1", 1)
            assert [wait.name for wait in transaction.waits()] == ["a"]
            assert [wait.name for wait in transaction.waits("resolved")] == ["b"]

    @requirement("J-49")
    def test_a_failed_transaction_leaves_nothing(self, journal: Journal) -> None:
        """A transaction that is left by an exception leaves nothing behind, and the exception goes on.

        If this fails: repair J-47 first; look at the rollback.
        """
        lease = begin(journal)
        journal.append(lease, asked("ok"))
        before = journal.stored("e1")
        with pytest.raises(ZeroDivisionError):
            _answer_and_fail(journal)
        assert journal.stored("e1") == before
        assert journal.execution("e1").open_waits == 1
        journal.append(lease, logged(1))
        assert_chain(journal)

    @requirement("J-50")
    def test_of_two_answers_one_counts(self, journal: Journal) -> None:
        """Of several operators that answer a wait at once, one finds it open.

        If this fails: repair J-48 first; transactions on one execution come one after the other.
        """
        journal.append(begin(journal), asked("ok"))

        def answer(_: int) -> bool:
            with journal.transact("e1") as transaction:
                found = transaction.waits()
                if found:
                    transaction.append(answered("ok"))
            return bool(found)

        with ThreadPoolExecutor(6) as pool:
            assert sum(pool.map(answer, range(6))) == 1
        assert [record.kind for record in journal.records("e1")].count("wait.resolved") == 1

    @requirement("J-51")
    def test_a_runner_is_told_of_a_cancellation(self, journal: Journal) -> None:
        """A request to cancel shows on the execution and on the lease, whose listeners are called.

        If this fails: repair J-47 first.
        """
        lease = begin(journal)
        calls: list[Lease] = []
        lease.on_change.append(lambda: calls.append(lease))
        with journal.transact("e1") as transaction:
            transaction.append(Draft(CancelRequested(at=6.0)))
        assert journal.execution("e1").cancel_requested
        assert lease.cancelled
        assert calls

    @requirement("J-52")
    def test_a_runner_is_told_of_an_answer(self, journal: Journal) -> None:
        """An answer given beside the runner calls the listeners of its lease, once it can be read.

        If this fails: repair J-51 first.
        """
        lease = begin(journal)
        journal.append(lease, asked("ok"))
        seen: list[int] = []
        lease.on_change.append(lambda: seen.append(journal.execution("e1").open_waits))
        with journal.transact("e1") as transaction:
            transaction.append(answered("ok"))
        assert seen[-1:] == [0]
        assert not lease.cancelled


def _answer_and_fail(journal: Journal) -> None:
    with journal.transact("e1") as transaction:
        transaction.append(answered("ok"))
        raise ZeroDivisionError

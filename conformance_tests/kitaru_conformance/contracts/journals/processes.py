"""What other processes see and do, and what is left when one of them is killed."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from contextlib import closing
from subprocess import Popen
from typing import IO

import pytest

from kitaru.errors import KitaruLeaseLostError
from kitaru.journal.api import Durability, ListQuery, effective_status
from kitaru_conformance.contracts.journals.cases import JournalCases, assert_chain, facts, numbers
from kitaru_conformance.contracts.journals.desk import Desk
from kitaru_conformance.contracts.journals.drafts import (
    asked,
    begin,
    completed,
    digest,
    finished,
    logged,
    reference,
    takeover,
)
from kitaru_conformance.requirements import requirement

__all__ = ["Processes"]


class Processes(JournalCases):
    """Cases for a journal that outlives its process; they need the capability `persistent`."""

    @requirement("J-75")
    @pytest.mark.parametrize("durability", ["power", "process"])
    def test_either_durability_keeps_the_same(self, desk: Desk, durability: Durability) -> None:
        """At either level of durability, what was appended can be read.

        If this fails: repair J-05 first; then look at what the opener does with its second argument.
        """
        journal = desk.open(durability)
        lease = begin(journal)
        journal.append(lease, *(logged(number) for number in range(3)))
        assert numbers(journal) == [0, 1, 2]
        assert_chain(journal)

    @requirement("J-76")
    def test_closing_twice_is_harmless(self, desk: Desk) -> None:
        """A journal can be closed twice.

        If this fails: look at what closing lets go of first.
        """
        journal = desk.open()
        journal.append(begin(journal), logged(1))
        journal.close()
        journal.close()

    @requirement("J-80", needs={"persistent"})
    def test_everything_is_there_after_reopening(self, desk: Desk) -> None:
        """A journal that was closed and opened again has everything it had.

        If this fails: repair J-68 first; look for state that lives in the process only.
        """
        with closing(desk.open()) as journal:
            lease = begin(journal, stack="s")
            journal.append(lease, completed(b"in its row"), completed(b"beside" * 200, inline=False), asked("ok"))
            journal.publish("e1", "progress", b"{}")
            journal.append(begin(journal, "e2"), finished())
            stored, waits = journal.stored("e1"), journal.waits()
        with closing(desk.open()) as again:
            assert (again.stored("e1"), again.waits()) == (stored, waits)
            assert again.payload("e1", 1, reference(b"in its row")) == b"in its row"
            assert again.blob(digest(b"beside" * 200)) == b"beside" * 200
            assert [row.status for row in again.executions(ListQuery())] == ["completed", "waiting"]
            assert len(again.events("e1")) == 1

    @requirement("J-81", needs={"persistent"})
    def test_closing_writes_what_is_queued(self, desk: Desk) -> None:
        """Closing writes what was to be written later.

        If this fails: repair J-16 and J-80 first.
        """
        with closing(desk.open()) as journal:
            journal.append_later(begin(journal), logged(1))
        assert numbers(desk.open()) == [1]

    @requirement("J-82", needs={"persistent"})
    def test_a_second_opening_sees_each_append_at_once(self, desk: Desk) -> None:
        """What an append has returned for is seen by a reader who opened the journal before.

        If this fails: repair J-80 first; look for a cache or for an old snapshot.
        """
        writer, reader = desk.open(), desk.open()
        lease = begin(writer)
        for number in range(5):
            writer.append(lease, logged(number))
            assert numbers(reader) == list(range(number + 1))
            assert reader.execution("e1").records == number + 2

    @requirement("J-83", needs={"persistent"})
    def test_a_takeover_elsewhere_fences_here(self, desk: Desk) -> None:
        """A runner that was replaced by another process cannot append any more.

        If this fails: repair J-31 and J-82 first; the check belongs into the store, not into the process.
        """
        journal = desk.open()
        lease = begin(journal)
        assert desk.run("take_over", "e1").strip() == "2"
        with pytest.raises(KitaruLeaseLostError):
            journal.append(lease, logged(1))
        assert numbers(journal) == []
        assert_chain(journal)

    @requirement("J-84", needs={"persistent"})
    def test_processes_write_side_by_side(self, desk: Desk) -> None:
        """Several processes run executions of one journal at once, and none loses a record.

        If this fails: repair J-82 first; look at how writers of different processes wait for each other.
        """
        journal = desk.open()
        lease = begin(journal, "mine")
        children = [desk.start("run_through", f"child-{number}", "40") for number in range(2)]
        for number in range(40):
            journal.append(lease, logged(number))
        assert [child.wait(30) for child in children] == [0, 0]
        assert numbers(journal, "mine") == list(range(40))
        for number in range(2):
            assert (journal.execution(f"child-{number}").status, len(facts(journal, f"child-{number}"))) == (
                "completed",
                42,
            )
            assert_chain(journal, f"child-{number}")

    @requirement("J-85", needs={"persistent"})
    def test_what_was_acknowledged_survives_a_kill(self, desk: Desk) -> None:
        """Every record whose append had returned is there after the process was killed with SIGKILL.

        If this fails: repair J-80 first; an append returns when its record is durable.
        """
        child = desk.start("write_for_ever", "e1")
        said = [int(_line(child)) for _ in range(30)]
        _kill(child)
        said += [int(line) for line in _rest(child)]
        journal = desk.open()
        found = numbers(journal)
        assert found == list(range(len(found)))
        # The record that was on its way when the process died may be there or not.
        assert len(found) in {len(said), len(said) + 1}
        assert_chain(journal)

    @requirement("J-86", needs={"persistent"})
    def test_a_killed_append_is_whole_or_not_there(self, desk: Desk) -> None:
        """Of an append during which the process is killed, all records are there or none.

        If this fails: repair J-07 and J-85 first; one append is one transaction.
        """
        child = desk.start("write_batches", "e1", "25", "100000")
        acknowledged = int(_line(child))
        _kill(child)
        acknowledged = max([acknowledged, *(int(line) for line in _rest(child))])
        journal = desk.open()
        found = numbers(journal)
        assert len(found) % 25 == 0
        assert len(found) // 25 in {acknowledged + 1, acknowledged + 2}
        assert_chain(journal)

    @requirement("J-87", needs={"persistent", "crash_points"})
    @pytest.mark.parametrize(
        ("point", "kept"),
        [("journal.before_commit", 1), ("journal.in_transaction", 1), ("journal.after_commit", 2)],
    )
    def test_a_kill_at_a_commit_leaves_it_done_or_undone(self, desk: Desk, point: str, kept: int) -> None:
        """A process killed right before, inside or right after a commit leaves it undone, undone or done.

        If this fails: repair J-86 first; look where the journal passes its crash points.
        """
        said = desk.run("write_batches", "e1", "3", "5", KITARU_CRASH_AT=f"{point}:3")
        assert said.split() == ["0"]
        journal = desk.open()
        assert numbers(journal) == [batch for batch in range(kept) for _ in range(3)]
        assert_chain(journal)

    @requirement("J-88", needs={"persistent"})
    def test_a_killed_runner_is_found_lost_and_replaced(self, desk: Desk) -> None:
        """A runner in another process counts as alive until it is killed, then as lost, and can be replaced.

        If this fails: repair J-37 and J-83 first; look at how a lease names its holder.
        """
        child = desk.start("hold", "e1", KITARU_LEASE_TTL="2")
        assert _line(child) == "ready"
        journal = desk.open()
        assert effective_status(journal.execution("e1")) == "running"
        _kill(child)
        assert _soon(lambda: effective_status(journal.execution("e1")) == "failed")
        lease = journal.acquire("e1", lambda _row: takeover())
        journal.append(lease, logged(1))
        assert numbers(journal) == [1]

    @requirement("J-89", needs={"persistent", "heartbeat"})
    def test_an_idle_runner_keeps_its_lease(self, desk: Desk) -> None:
        """A living runner that appends nothing for longer than a lease lasts keeps it.

        If this fails: repair J-88 first; the lease is renewed while its holder lives.
        """
        child = desk.start("hold", "e1", KITARU_LEASE_TTL="1")
        assert _line(child) == "ready"
        journal = desk.open()
        end = time.monotonic() + 2.0
        while time.monotonic() < end:
            assert not journal.execution("e1").runner_lost
            time.sleep(0.05)

    @requirement("J-90", needs={"persistent", "heartbeat"})
    def test_a_runner_that_woke_up_too_late_is_refused(self, desk: Desk) -> None:
        """A runner that was stopped for longer than its lease counts as lost; replaced, it is refused when it wakes up.

        If this fails: repair J-88 and J-89 first.
        """
        child = desk.start("hold", "e1", KITARU_LEASE_TTL="0.4")
        assert _line(child) == "ready"
        journal = desk.open()
        child.send_signal(signal.SIGSTOP)
        assert _soon(lambda: journal.execution("e1").runner_lost)
        lease = journal.acquire("e1", lambda _row: takeover())
        child.send_signal(signal.SIGCONT)
        said, _ = child.communicate("go\n", timeout=20)
        assert said.strip() == "refused"
        journal.append(lease, logged(1))
        assert numbers(journal) == [1]

    @requirement("J-91", needs={"persistent"})
    def test_an_answer_from_elsewhere_reaches_the_runner(self, desk: Desk) -> None:
        """A wait is answered by another process, once; the runner is told and goes on.

        If this fails: repair J-50 and J-52 first; look at how a runner notices what others did.
        """
        journal = desk.open()
        lease = begin(journal)
        changes: list[int] = []
        lease.on_change.append(lambda: changes.append(1))
        journal.append(lease, asked("ok"))
        assert [desk.run("answer", "e1", "ok").strip() for _ in range(2)] == ["answered", "closed"]
        assert _soon(lambda: bool(changes))
        assert journal.execution("e1").status == "running"
        journal.append(lease, completed(), logged(1))
        assert numbers(journal) == [1]
        assert_chain(journal)

    @requirement("J-92", needs={"persistent"})
    def test_a_cancellation_from_elsewhere_reaches_the_runner(self, desk: Desk) -> None:
        """A request to cancel made by another process shows on the runner's lease soon.

        If this fails: repair J-51 and J-91 first.
        """
        journal = desk.open()
        lease = begin(journal)
        desk.run("cancel", "e1")
        assert _soon(lambda: lease.cancelled)
        assert not lease.lost


def _line(child: Popen[str]) -> str:
    return _out(child).readline().strip()


def _rest(child: Popen[str]) -> list[str]:
    """Return the whole lines that a child has said; the last one may have been cut off."""
    text = _out(child).read()
    return text.split("\n")[:-1]


def _out(child: Popen[str]) -> IO[str]:
    assert child.stdout is not None
    return child.stdout


def _kill(child: Popen[str]) -> None:
    child.send_signal(signal.SIGKILL)
    child.wait(20)


def _soon(happened: Callable[[], bool], seconds: float = 5.0) -> bool:
    end = time.monotonic() + seconds
    while not happened() and time.monotonic() < end:
        time.sleep(0.01)
    return happened()

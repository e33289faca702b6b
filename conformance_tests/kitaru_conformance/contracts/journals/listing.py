"""Lists of executions, and the live events that nobody needs for a rerun."""

from __future__ import annotations

import pytest

from kitaru.journal.api import Journal, ListQuery
from kitaru.records.facts import MetadataLogged
from kitaru_conformance.contracts.journals.cases import JournalCases
from kitaru_conformance.contracts.journals.drafts import asked, begin, finished, logged, started
from kitaru_conformance.requirements import requirement

__all__ = ["Listing"]


class Listing(JournalCases):
    """Cases about lists and live events."""

    @pytest.fixture
    def filled(self, journal: Journal) -> Journal:
        """Give a journal with six executions: two flows, two stacks, replays, three statuses."""
        for number in range(6):
            flow, stack = ("even", "a") if number % 2 == 0 else ("odd", "b")
            source = "e0" if number >= 4 else None
            draft = started(f"e{number}", flow=flow, source=source, at=float(number))
            lease = journal.create(draft, flow=flow, stack=stack)
            if number < 4:
                journal.append(lease, finished(["completed", "failed"][number // 2]))
            journal.release(lease) if number == 5 else None
        return journal

    @requirement("J-55")
    def test_executions_are_listed_newest_first(self, filled: Journal) -> None:
        """Executions are listed newest first, with numbers that grow.

        If this fails: repair J-02 first.
        """
        rows = filled.executions(ListQuery())
        assert [row.id for row in rows] == ["e5", "e4", "e3", "e2", "e1", "e0"]
        assert sorted((row.no for row in rows), reverse=True) == [row.no for row in rows]

    @requirement("J-56")
    @pytest.mark.parametrize(
        ("query", "found"),
        [
            (ListQuery(flow="even"), ["e4", "e2", "e0"]),
            (ListQuery(stack="b"), ["e5", "e3", "e1"]),
            (ListQuery(original_id="e0"), ["e5", "e4"]),
            (ListQuery(since=3.0), ["e5", "e4", "e3"]),
            (ListQuery(statuses=("completed",)), ["e1", "e0"]),
            (ListQuery(statuses=("completed", "running")), ["e4", "e1", "e0"]),
            (ListQuery(flow="odd", statuses=("completed",), since=1.0), ["e1"]),
            (ListQuery(flow="none"), []),
        ],
        ids=["flow", "stack", "source", "since", "status", "statuses", "several", "none"],
    )
    def test_a_list_is_filtered(self, filled: Journal, query: ListQuery, found: list[str]) -> None:
        """A list holds what fits all its conditions, and nothing else.

        If this fails: repair J-55 first.
        """
        assert [row.id for row in filled.executions(query)] == found

    @requirement("J-57")
    def test_a_lost_runner_is_listed_as_failed(self, filled: Journal) -> None:
        """An execution whose runner vanished is found among the failed ones and not among the running ones.

        If this fails: repair J-37 first; the recorded status says `running`, and the reader is told `failed`.
        """
        assert [row.id for row in filled.executions(ListQuery(statuses=("failed",)))] == ["e5", "e3", "e2"]
        assert [row.id for row in filled.executions(ListQuery(statuses=("running",)))] == ["e4"]

    @requirement("J-58")
    @pytest.mark.parametrize("statuses", [(), ("failed", "completed")], ids=["all", "filtered"])
    def test_pages_make_up_the_list(self, filled: Journal, statuses: tuple[str, ...]) -> None:
        """Pages of any size are the pieces of the list.

        If this fails: repair J-56 first; `offset` counts what fits the conditions.
        """
        whole = [row.id for row in filled.executions(ListQuery(statuses=statuses))]
        for size in (1, 2, 4, 100):
            for start in range(0, 8, size):
                page = filled.executions(ListQuery(statuses=statuses, limit=size, offset=start))
                assert [row.id for row in page] == whole[start : start + size]

    @requirement("J-59")
    def test_a_list_of_none_is_empty(self, filled: Journal) -> None:
        """A list of at most no executions is empty.

        If this fails: repair J-58 first; 0 is a limit, and only `None` is none.
        """
        assert filled.executions(ListQuery(limit=0)) == []
        assert filled.executions(ListQuery(limit=0, statuses=("failed",))) == []

    @requirement("J-60")
    def test_rows_count_records_and_waits(self, journal: Journal) -> None:
        """A row counts the execution's records and its open waits.

        If this fails: repair J-41 first.
        """
        lease, _ = begin(journal), begin(journal, "e2")
        journal.append(lease, logged(1), asked("a"), asked("b"))
        rows = {row.id: (row.records, row.open_waits) for row in journal.executions(ListQuery())}
        assert rows == {"e1": (4, 2), "e2": (1, 0)}

    @requirement("J-61")
    def test_live_events_come_back_in_order(self, journal: Journal) -> None:
        """Live events of an execution come back in the order in which they were published, byte for byte.

        If this fails: look at the queue between `publish` and `events`.
        """
        begin(journal), begin(journal, "e2")
        for number in range(5):
            journal.publish("e1", "progress", b'{"n": %d}' % number)
            journal.publish("e2", "other", b"{}")
        events = journal.events("e1")
        assert [(event.kind, event.body) for event in events] == [("progress", b'{"n": %d}' % n) for n in range(5)]
        assert [event.cursor for event in events] == sorted({event.cursor for event in events})

    @requirement("J-62")
    def test_live_events_go_on_after_a_cursor(self, journal: Journal) -> None:
        """Asking with the cursor of an event gives those after it, also those published since.

        If this fails: repair J-61 first.
        """
        begin(journal)
        journal.publish("e1", "a", b"1")
        (first,) = journal.events("e1")
        journal.publish("e1", "b", b"2")
        (second,) = journal.events("e1", after=first.cursor)
        assert second.body == b"2"
        assert journal.events("e1", after=second.cursor) == []

    @requirement("J-63")
    def test_publishing_never_raises_and_is_no_record(self, journal: Journal) -> None:
        """Publishing for an execution that is not there raises nothing; no event becomes a record.

        If this fails: repair J-61 first.
        """
        begin(journal)
        journal.publish("e2", "lost", b"{}")
        journal.publish("e1", "kept", b"{}")
        assert len(journal.events("e1")) == 1
        assert not any(isinstance(record.fact, MetadataLogged) for record in journal.records("e1"))
        assert journal.execution("e1").records == 1

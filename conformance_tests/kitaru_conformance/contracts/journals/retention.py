"""Deleting executions, and bringing archived ones back."""

from __future__ import annotations

from hashlib import sha256

import msgspec
import pytest

from kitaru.errors import KitaruJournalError, KitaruNotFoundError, KitaruStateError
from kitaru.journal.api import Journal, ListQuery, StoredRecord
from kitaru.records.facts import UnknownFact
from kitaru_conformance.contracts.journals.cases import JournalCases, assert_chain, facts, numbers
from kitaru_conformance.contracts.journals.drafts import asked, begin, completed, digest, finished, logged, takeover
from kitaru_conformance.requirements import requirement

__all__ = ["Retention"]

_DATA = b"a value beside its record " * 40


class Retention(JournalCases):
    """Cases about what leaves a journal and what comes back."""

    @pytest.fixture
    def archived(self, journal: Journal) -> list[StoredRecord]:
        """Give the records of an execution that ended and was deleted."""
        lease = begin(journal)
        journal.append(lease, completed(b"1"), completed(_DATA, inline=False), logged(7), asked("ok"))
        journal.append(lease, finished("failed"))
        journal.release(lease)
        stored = journal.stored("e1")
        journal.delete("e1")
        return stored

    @requirement("J-65")
    def test_a_deleted_execution_is_gone(self, journal: Journal) -> None:
        """A deleted execution is gone with its records, waits, events and values.

        If this fails: look for a table that `delete` leaves out.
        """
        lease = begin(journal)
        journal.append(lease, completed(_DATA, inline=False), asked("ok"))
        journal.publish("e1", "progress", b"{}")
        journal.append(lease, finished())
        journal.release(lease)
        journal.delete("e1")
        assert journal.executions(ListQuery()) == []
        assert journal.waits(state=None) == []
        with pytest.raises(KitaruNotFoundError):
            journal.records("e1")
        with pytest.raises(KitaruJournalError):
            journal.blob(digest(_DATA))

    @requirement("J-66")
    def test_a_running_execution_is_not_deleted(self, journal: Journal) -> None:
        """Deleting an execution that is being run raises KitaruStateError and deletes nothing.

        If this fails: repair J-65 first; look at the lease before deleting.
        """
        lease = begin(journal)
        journal.append(lease, completed(_DATA, inline=False))
        with pytest.raises(KitaruStateError):
            journal.delete("e1")
        journal.append(lease, logged(1))
        assert journal.blob(digest(_DATA)) == _DATA

    @requirement("J-67")
    def test_values_that_others_use_stay(self, journal: Journal) -> None:
        """Deleting an execution keeps the values that another one uses.

        If this fails: repair J-24 and J-65 first; count who uses a value.
        """
        for name in ("e1", "e2"):
            lease = begin(journal, name)
            journal.append(lease, completed(_DATA, inline=False), finished())
            journal.release(lease)
        journal.delete("e1")
        assert journal.blob(digest(_DATA)) == _DATA
        journal.delete("e2")
        with pytest.raises(KitaruJournalError):
            journal.blob(digest(_DATA))

    @requirement("J-68")
    def test_an_archived_execution_comes_back(self, journal: Journal, archived: list[StoredRecord]) -> None:
        """An execution that is imported is what it was: records, hashes, values, status, waits.

        If this fails: repair J-65 first; derived state is made from the records again.
        """
        journal.import_records("e1", archived, [(digest(_DATA), _DATA)])
        assert journal.stored("e1") == archived
        assert_chain(journal)
        assert journal.blob(digest(_DATA)) == _DATA
        row = journal.execution("e1")
        assert (row.status, row.flow, row.ended_at, row.attached) == ("failed", "flow", 7.0, False)
        assert [wait.state for wait in journal.waits(state=None)] == ["aborted"]

    @requirement("J-69")
    def test_an_imported_execution_can_go_on(self, journal: Journal, archived: list[StoredRecord]) -> None:
        """An imported execution can be taken over and appended to.

        If this fails: repair J-68 and J-30 first.
        """
        journal.import_records("e1", archived, [(digest(_DATA), _DATA)])
        lease = journal.acquire("e1", lambda _row: takeover())
        journal.append(lease, logged(8))
        assert numbers(journal) == [7, 8]
        assert_chain(journal)

    @requirement("J-70")
    @pytest.mark.parametrize("damage", ["altered", "missing", "swapped", "foreign", "value"])
    def test_a_damaged_archive_is_refused(self, journal: Journal, archived: list[StoredRecord], damage: str) -> None:
        """Importing a history that is not whole raises KitaruJournalError and writes nothing.

        If this fails: repair J-68 first; check the chain, the owner and the values before writing.
        """
        records = {
            "altered": [*archived[:2], msgspec.structs.replace(archived[2], body=archived[3].body), *archived[3:]],
            "missing": [*archived[:2], *archived[3:]],
            "swapped": [archived[0], archived[2], archived[1], *archived[3:]],
            "foreign": archived,
            "value": archived,
        }[damage]
        name = "e2" if damage == "foreign" else "e1"
        blob = b"another" if damage == "value" else _DATA
        with pytest.raises(KitaruJournalError):
            journal.import_records(name, records, [(digest(_DATA), blob)])
        assert journal.executions(ListQuery()) == []

    @requirement("J-71")
    def test_an_execution_that_is_there_is_not_imported(self, journal: Journal, archived: list[StoredRecord]) -> None:
        """Importing an execution that the journal has raises KitaruStateError and changes nothing.

        If this fails: repair J-68 first.
        """
        journal.append(begin(journal), logged(1))
        with pytest.raises(KitaruStateError):
            journal.import_records("e1", archived, [(digest(_DATA), _DATA)])
        assert numbers(journal) == [1]

    @requirement("J-72")
    def test_a_run_that_was_archived_halfway_has_failed(self, journal: Journal, archived: list[StoredRecord]) -> None:
        """An execution that was archived while it ran is not running where it is imported.

        If this fails: repair J-68 first; its runner is not here.
        """
        journal.import_records("e1", archived[:4], [(digest(_DATA), _DATA)])
        row = journal.execution("e1")
        assert (row.status, row.attached) == ("failed", False)

    @requirement("J-73")
    def test_a_record_of_a_later_release_is_kept(self, journal: Journal, archived: list[StoredRecord]) -> None:
        """A record of a kind that this release does not know is kept as it is, and handed out with all its fields.

        If this fails: repair J-68 first; never decode and encode a stored record again.
        """
        raw = {"kind": "rocket.launched", "v": 3, "at": 12.5, "crew": ["a", "b"], "deep": {"er": None}}
        body = msgspec.json.encode(raw)
        strange = StoredRecord(4, body, sha256(archived[3].hash + body).digest(), None)
        journal.import_records("e1", [*archived[:4], strange], [(digest(_DATA), _DATA)])
        assert facts(journal)[4] == UnknownFact(kind="rocket.launched", raw=raw, at=12.5)
        assert journal.stored("e1")[4] == strange

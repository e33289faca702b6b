"""Live events are written with the records behind them, so what is recorded as done has shown what it showed."""

from __future__ import annotations

import sqlite3
from contextlib import closing, contextmanager

import pytest

from kitaru.errors import KitaruJournalError
from kitaru.journal.api import Draft
from kitaru.journal.sqlite import SqliteJournal
from kitaru.records.facts import ExecutionStarted, NoteWritten
from kitaru.records.payload import PayloadRef

VALUE = PayloadRef(hash="0" * 64, size=0, codec="json/1")


@pytest.fixture
def running(tmp_path):
    """A journal whose housekeeper, which writes events by itself, has stopped; the lease; what another one sees."""
    file = tmp_path / "kitaru.db"
    with closing(SqliteJournal(file)) as journal, closing(SqliteJournal(file)) as other:
        fact = ExecutionStarted(at=0.0, execution_id="e1", flow="f", module="m", qualname="f", inputs=VALUE)
        lease = journal.create(Draft(fact), flow="f", stack=None)
        journal._housekeeper.stop()
        yield journal, lease, lambda: [event.body for event in other.events("e1")]


def _note(name="said"):
    return Draft(NoteWritten(at=0.0, call_id="c", invocation_id="i", name=name, value=VALUE))


@pytest.mark.parametrize("drafts", [1, 2])
def test_a_record_takes_along_what_was_published_before_it(running, drafts):
    journal, lease, seen = running
    journal.publish("e1", "kind", b"one")
    journal.publish("e1", "kind", b"two")
    assert seen() == []
    journal.append(lease, *[_note() for _ in range(drafts)])
    assert seen() == [b"one", b"two"]


def test_what_a_record_took_along_is_not_written_again(running):
    journal, lease, seen = running
    journal.publish("e1", "kind", b"one")
    journal.append(lease, _note())
    journal.append(lease, _note())
    assert len(journal.events("e1")) == len(seen()) == 1


@pytest.fixture
def refusing(running):
    """A way to have the database refuse events for a while."""

    @contextmanager
    def refuse():
        with closing(sqlite3.connect(running[0]._path)) as db:
            db.execute("CREATE TRIGGER no BEFORE INSERT ON events BEGIN SELECT RAISE(ABORT, 'no room'); END")
            yield
            db.execute("DROP TRIGGER no")

    return refuse


def test_a_record_does_not_suffer_for_events_that_cannot_be_written(running, refusing, caplog):
    journal, lease, seen = running
    with refusing():
        journal.publish("e1", "kind", b"one")
        journal.append(lease, _note("kept"))
    assert "Live events" in caplog.text
    journal.publish("e1", "kind", b"two")
    journal.append(lease, _note())
    assert seen() == [b"two"]
    assert [record.fact.name for record in journal.records("e1")[1:]] == ["kept", "said"]


def test_events_that_cannot_be_written_by_themselves_are_said_and_given_up(running, refusing):
    journal, _, seen = running
    journal.publish("e1", "kind", b"one")
    with refusing(), pytest.raises(KitaruJournalError, match="no room"):
        journal.events("e1")
    journal.publish("e1", "kind", b"two")
    assert [event.body for event in journal.events("e1")] == seen() == [b"two"]


def test_events_wait_while_another_process_writes(running):
    journal, _, seen = running
    journal.publish("e1", "kind", b"one")
    journal._commit.connection.execute("PRAGMA busy_timeout = 1")
    with closing(sqlite3.connect(journal._path)) as db:
        db.execute("BEGIN IMMEDIATE")
        with pytest.raises(KitaruJournalError, match="locked"):
            journal.events("e1")
    journal.events("e1")
    assert seen() == [b"one"]


def test_events_of_a_closed_journal_say_what_is_wrong(running):
    journal, _, _ = running
    journal.close()
    journal.publish("e1", "kind", b"one")
    with pytest.raises(KitaruJournalError, match="this process closed it"):
        journal.events("e1")

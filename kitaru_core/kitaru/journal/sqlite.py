"""The embedded journal: one SQLite file in write-ahead mode, or a private database in memory.

Durability `power` syncs the log at each commit (`synchronous=FULL`): what was acknowledged survives the loss of power.
`process` leaves the sync to the operating system (`synchronous=NORMAL`): it survives the death of the process, not of
the machine.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakSet

import msgspec

from kitaru.crash_points import hit
from kitaru.deferred import asyncio
from kitaru.errors import KitaruJournalError
from kitaru.journal.api import (
    Committed,
    Draft,
    Durability,
    ExecutionRow,
    Lease,
    ListQuery,
    LiveEvent,
    StoredRecord,
    WaitRow,
)
from kitaru.journal.blobs import store_blob
from kitaru.journal.commit import LAST_RECORD, GroupCommit
from kitaru.journal.faults import journal_error
from kitaru.journal.files import configure, connect, open_database, pregrow, prepare
from kitaru.journal.housekeeper import Housekeeper, heartbeat_seconds, lease_seconds
from kitaru.journal.operators import OperatorTransaction
from kitaru.journal.owner import clock, current_owner
from kitaru.journal.packing import pack
from kitaru.journal.projection import project
from kitaru.journal.reading import Reading
from kitaru.journal.retention import delete_execution, import_execution
from kitaru.journal.schema import SEQUENCE_BITS
from kitaru.records.facts import ExecutionStarted, RunnerStarted, encode_fact

if TYPE_CHECKING:
    from kitaru.records.payload import PayloadRef
    from kitaru.records.record import Record

__all__ = ["SqliteJournal"]

_log = logging.getLogger("kitaru.journal")
_GENESIS = b"\0" * 32
_LOG_COMMITS = 300
_PREGROW_AFTER = 50


class SqliteJournal:
    """A journal in one SQLite database.

    Args:
        path: The file, or `None` for a database in memory.
        durability: What a returned append survives.
        on_committed: Called after each commit, in order, with the records that became durable.
    """

    def __init__(
        self,
        path: Path | None,
        *,
        durability: Durability = "power",
        on_committed: Callable[[list[Committed]], None] | None = None,
    ) -> None:
        self.url: str = "memory:" if path is None else f"sqlite:///{path}"
        self._path = path
        self._leases: dict[int, Lease] = {}
        self._readers: list[sqlite3.Connection] = []
        self._closed = False
        self._housekeeper = Housekeeper(self, self._report)
        connection = connect(":memory:") if path is None else open_database(path, self.url)
        try:
            configure(connection, durability)
            if path is None:
                prepare(connection, self.url)
        except sqlite3.Error as error:
            connection.close()
            raise journal_error(error, self.url) from error
        self._commit = GroupCommit(connection, self.url, on_committed)
        self._mutex = self._commit.mutex
        self._version = 0
        self._tended = self._commit.commits
        self._pregrown = path is None
        _opened.add(self)

    # Executions and leases

    def create(self, draft: Draft, *, flow: str, stack: str | None) -> Lease:
        """Record a new execution, owned by this process; see `Journal.create`."""
        fact = draft.fact
        if not isinstance(fact, ExecutionStarted):
            msg = f"A new execution begins with an ExecutionStarted record, not with {type(fact).__name__}."
            raise TypeError(msg)
        with self._recording() as (connection, append):
            cursor = connection.execute(
                "INSERT INTO executions (id, flow, status, stack, original_id, created_at, started_at, owner, "
                "until_clock,"
                " until_wall) VALUES (?, ?, 'running', ?, ?, ?, ?, ?, ?, ?)",
                (fact.execution_id, flow, stack, fact.original_exec_id, fact.at, fact.at, *_term()),
            )
            lease = Lease(fact.execution_id, int(cursor.lastrowid or 0), 1, 0, _GENESIS)
            append(lease, draft)
            self._leases[lease.no] = lease
        self._housekeeper.ensure_running()
        return lease

    def acquire(self, execution_id: str, decide: Callable[[ExecutionRow], Draft]) -> Lease:
        """Take over an execution that nobody runs; see `Journal.acquire`."""
        with self._recording() as (connection, append):
            reading = Reading(connection, self.url, self._leases)
            row = reading.execution(execution_id)
            draft = decide(row)
            generation = row.generation + 1
            connection.execute(
                "UPDATE executions SET generation = ?, status = 'running', status_reason = NULL, ended_at = NULL, "
                "cancel = 0,"
                " owner = ?, until_clock = ?, until_wall = ? WHERE no = ?",
                (generation, *_term(), row.no),
            )
            next_seq, head = _head(connection, row.no)
            lease = Lease(execution_id, row.no, generation, next_seq, head)
            if isinstance(draft.fact, RunnerStarted):
                fact = msgspec.structs.replace(draft.fact, generation=generation)
                draft = msgspec.structs.replace(draft, fact=fact)
            append(lease, draft)
            self._leases[lease.no] = lease
        self._housekeeper.ensure_running()
        return lease

    def release(self, lease: Lease) -> None:
        """Stop renewing a lease; see `Journal.release`."""
        self._commit.flush()
        if self._leases.get(lease.no) is lease:
            del self._leases[lease.no]

    # Appending

    def append(self, lease: Lease, *drafts: Draft) -> None:
        """Append records durably; see `Journal.append`."""
        self._commit.append(lease, drafts)

    def append_async(self, lease: Lease, *drafts: Draft) -> Awaitable[None]:
        """Append records durably without blocking the event loop; see `Journal.append_async`."""
        future = asyncio.get_running_loop().create_future()
        self._commit.append_async(lease, drafts, future)
        return future

    def append_then(self, lease: Lease, drafts: Sequence[Draft], done: Callable[[Exception | None], None]) -> None:
        """Append records durably without waiting for it; see `DefersAppends.append_then`."""
        self._commit.append_then(lease, drafts, done)

    def append_later(self, lease: Lease, *drafts: Draft) -> None:
        """Append with the next durable record; see `Journal.append_later`."""
        self._commit.append_later(lease, drafts)

    @contextmanager
    def transact(self, execution_id: str) -> Iterator[OperatorTransaction]:
        """Open an operator's transaction; see `Journal.transact`."""
        with self._recording() as (connection, append):
            reading = Reading(connection, self.url, self._leases)
            row = reading.execution(execution_id)
            own = self._leases.get(row.no)
            next_seq, head = _head(connection, row.no)
            lease = Lease(execution_id, row.no, row.generation, next_seq, head)
            transaction = OperatorTransaction(row, reading, lambda draft: append(lease, draft))
            yield transaction
        if own is not None:
            self._tell(own)

    # Reading

    def execution(self, execution_id: str) -> ExecutionRow:
        """Return one execution; see `Journal.execution`."""
        with self._reading() as reading:
            return reading.execution(execution_id)

    def executions(self, query: ListQuery) -> list[ExecutionRow]:
        """Return executions, newest first; see `Journal.executions`."""
        with self._reading() as reading:
            return reading.executions(query)

    def find_by_prefix(self, prefix: str) -> list[str]:
        """Return execution ids by their beginning; see `Journal.find_by_prefix`."""
        with self._reading() as reading:
            return reading.find_by_prefix(prefix)

    def records(self, execution_id: str, *, after: int = -1) -> list[Record]:
        """Return an execution's records; see `Journal.records`."""
        self._commit.flush()
        with self._reading() as reading:
            return reading.records(execution_id, after)

    def stored(self, execution_id: str) -> list[StoredRecord]:
        """Return an execution's stored records; see `Journal.stored`."""
        self._commit.flush()
        with self._reading() as reading:
            return reading.stored(execution_id)

    def payload(self, execution_id: str, seq: int, ref: PayloadRef) -> bytes:
        """Return the bytes a reference names; see `Journal.payload`."""
        with self._reading() as reading:
            data = reading.payload(execution_id, seq, ref)
        return self._checked(data, ref.hash)

    def blob(self, digest: str) -> bytes:
        """Return stored bytes by digest; see `Journal.blob`."""
        with self._reading() as reading:
            data = reading.blob(digest)
        return self._checked(data, digest)

    def _checked(self, data: bytes | None, digest: str) -> bytes:
        if data is not None and sha256(data).hexdigest() == digest:
            return data
        what = "is missing from" if data is None else "was altered in"
        msg = f"The value with digest {digest[:12]}... {what} {self.url}. Restore the journal from a backup."
        raise KitaruJournalError(msg, url=self.url, reason="corrupt")

    def waits(self, *, execution_id: str | None = None, state: str | None = "open") -> list[WaitRow]:
        """Return waits; see `Journal.waits`."""
        with self._reading() as reading:
            return reading.waits(execution_id, state)

    # Live events

    def publish(self, execution_id: str, kind: str, body: bytes) -> None:
        """Keep a live event; it is durable no later than the next record; see `Journal.publish`."""
        self._commit.published.append((time.time(), kind, body, execution_id))

    def events(self, execution_id: str, *, after: int = 0) -> list[LiveEvent]:
        """Return live events; see `Journal.events`."""
        with self._mutex:  # another thread may be writing what is no longer queued
            self._write_events()
        with self._reading() as reading:
            return reading.events(execution_id, after)

    def _write_events(self) -> None:
        if not self._commit.published:
            return
        with self._mutex:
            self._commit.flush()  # which may take them along
            if self._commit.published:
                self._commit.write_published()

    # Keeping house

    def delete(self, execution_id: str) -> None:
        """Delete an execution; see `Journal.delete`."""
        with self._writing() as connection:
            delete_execution(connection, Reading(connection, self.url, self._leases).execution(execution_id))

    def import_records(
        self, execution_id: str, records: Sequence[StoredRecord], blobs: Sequence[tuple[str, bytes]]
    ) -> None:
        """Write an archived execution; see `Journal.import_records`."""
        with self._writing() as connection:
            import_execution(connection, execution_id, records, blobs)

    def close(self) -> None:
        """Write what is queued and close; see `Journal.close`."""
        with self._mutex:
            if self._closed:
                return
            self._closed = True
        self._housekeeper.stop()
        try:
            self._commit.close()
            self._write_last_events()
        finally:
            with self._mutex:
                self._close_readers()
                self._commit.connection.close()

    def _close_readers(self) -> None:
        """Close the idle readers; another thread may bring one back or take one meanwhile."""
        with suppress(IndexError):
            while True:
                self._readers.pop().close()

    def _write_last_events(self) -> None:
        """Write the live events that are left; as they are for people who watch, no one fails for them."""
        try:
            self._write_events()
        except KitaruJournalError as error:
            _log.warning("The last live events of %s were not written: %s", self.url, error)

    def leave_to_the_parent(self) -> None:
        """Let go of everything without touching it, in a forked child; what it asks of this journal then fails."""
        self._inherited, self._readers = self._readers, []
        self._leases = {}
        self._commit.leave_to_the_parent()
        self._mutex = self._commit.mutex
        self._housekeeper = Housekeeper(self, self._report)

    def has_leases(self) -> bool:
        """Whether this process runs executions of this journal."""
        return bool(self._leases)

    def write_overdue(self, started_before: float) -> None:
        """Write queued records, and the starts of calls older than a monotonic moment."""
        self._commit.queue_overdue(list(self._leases.values()), started_before)
        self._commit.flush()
        self._write_events()

    def look_around(self) -> None:
        """Notice what other processes changed: cancellations, answers, a lease taken away."""
        with self._mutex:
            if self._closed:
                return
            (version,) = self._commit.connection.execute("PRAGMA data_version").fetchone()
            if version == self._version:
                return
            self._version = version
            leases = list(self._leases.values())
            states = {lease.no: self._state(lease.no) for lease in leases}
        for lease in leases:
            generation, cancelled = states[lease.no]
            lease.cancelled = lease.cancelled or cancelled
            lease.lost = lease.lost or generation != lease.generation
            self._tell(lease, lease.cancelled)

    def _state(self, no: int) -> tuple[int, bool]:
        row = self._commit.connection.execute(
            "SELECT generation, cancel FROM executions WHERE no = ?", (no,)
        ).fetchone()
        return (0, False) if row is None else (int(row[0]), bool(row[1]))

    def _tell(self, lease: Lease, cancelled: bool | None = None) -> None:  # noqa: FBT001 - private, one caller
        if cancelled is None:
            with self._mutex:
                lease.cancelled = self._state(lease.no)[1]
        for listener in list(lease.on_change):
            listener()

    def renew_leases(self) -> None:
        """Give the leases of this process a new term."""
        _, until_clock, until_wall = _term()
        for lease in list(self._leases.values()):
            with self._mutex:
                cursor = self._commit.connection.execute(
                    "UPDATE executions SET until_clock = ?, until_wall = ? WHERE no = ? AND generation = ?",
                    (until_clock, until_wall, lease.no, lease.generation),
                )
            if cursor.rowcount != 1:
                lease.lost = True
                self._tell(lease, lease.cancelled)

    def tend_log(self) -> None:
        """Pre-grow the write-ahead log once, and move it into the database when it has grown.

        Both happen under the commit lock: SQLite before 3.51.3 may damage a database when a checkpoint and a write of
        two connections of one process meet at the wrong instant.
        """
        if not self._pregrown and self._commit.commits >= _PREGROW_AFTER:
            self._pregrown = True
            with self._mutex:
                pregrow(self._commit.connection)
        if self._commit.commits - self._tended >= _LOG_COMMITS:
            self._tended = self._commit.commits
            with self._mutex:
                self._commit.connection.execute("PRAGMA wal_checkpoint(PASSIVE)")

    def _report(self, error: Exception) -> None:
        _log.warning("The journal's housekeeping failed and will try again: %s", error)

    @contextmanager
    def _recording(self) -> Iterator[tuple[sqlite3.Connection, Callable[[Lease, Draft], None]]]:
        """Open a transaction that appends records, and show them to whoever watches once they are durable."""
        appended: list[Committed] = []
        with self._mutex:
            with self._writing() as connection:
                yield connection, lambda lease, draft: appended.append(chain(connection, lease, draft))
            self._commit.announce(appended)

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._mutex:
            self._commit.flush()
            connection = self._commit.connection
            try:
                hit("journal.before_commit")
                connection.execute("BEGIN IMMEDIATE")
                yield connection
                hit("journal.in_transaction")
                connection.execute("COMMIT")
                hit("journal.after_commit")
                self._commit.commits += 1
            except sqlite3.Error as error:
                raise journal_error(error, self.url) from error
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")

    @contextmanager
    def _reading(self) -> Iterator[Reading]:
        if self._path is None:
            with self._mutex:
                yield Reading(self._commit.connection, self.url, self._leases)
            return
        try:
            connection = self._take_reader()
            try:
                yield Reading(connection, self.url, self._leases)
            finally:
                self._readers.append(connection)
                if self._closed:  # meanwhile, by another thread
                    self._close_readers()
        except sqlite3.Error as error:
            raise journal_error(error, self.url) from error

    def _take_reader(self) -> sqlite3.Connection:
        with suppress(IndexError):  # none is idle
            return self._readers.pop()
        connection = connect(str(self._path))
        connection.execute("PRAGMA query_only = 1")
        return connection


_opened: WeakSet[SqliteJournal] = WeakSet()


def _leave_to_the_parent() -> None:
    for journal in list(_opened):
        journal.leave_to_the_parent()


os.register_at_fork(after_in_child=_leave_to_the_parent)


def chain(connection: sqlite3.Connection, lease: Lease, draft: Draft) -> Committed:
    """Append a record inside an open transaction, advance the lease, and return what was written."""
    body = encode_fact(draft.fact)
    lease.head = sha256(lease.head + body).digest()
    connection.execute(
        "INSERT INTO records (key, body, hash, payload) VALUES (?, ?, ?, ?)",
        ((lease.no << SEQUENCE_BITS) | lease.next_seq, pack(body), lease.head, draft.payload),
    )
    for digest, data in draft.blobs:
        store_blob(connection, lease.no, digest, data, packed=draft.packed)
    for sql, values in project(lease.no, draft.fact):
        connection.execute(sql, values)
    lease.next_seq += 1
    return lease, lease.next_seq - 1, draft.fact, lease.head


def _term() -> tuple[str, float, float]:
    heartbeat_seconds()  # one that cannot be is refused here, and not in the thread that would renew the lease
    owner = msgspec.json.encode(current_owner()).decode()
    ttl = lease_seconds()
    return owner, clock() + ttl, time.time() + ttl


def _head(connection: sqlite3.Connection, no: int) -> tuple[int, bytes]:
    first = no << SEQUENCE_BITS
    key, head = connection.execute(LAST_RECORD, (first, first + (1 << SEQUENCE_BITS) - 1)).fetchone()
    return key - first + 1, head

"""Group commit: whoever gets the lock commits everything that is queued, the others find their work done.

A lone caller takes an uncontended lock and pays for its own sync, nothing else. Many callers, threads or coroutines,
share one sync. A record is written by one statement that is also the fence: it inserts only while the lease's
generation is the newest, so no look before the write is needed and a runner that was replaced cannot slip in.

The chain of hashes is computed here, under the lock, because only here is the order of the records decided. An operator
may have appended meanwhile from another process; then the insert meets an existing key, the head of the chain is read
again and the rows are made anew.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections import deque
from contextlib import suppress
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, NoReturn, cast

from kitaru.crash_points import hit
from kitaru.errors import KitaruJournalError, KitaruLeaseLostError
from kitaru.journal.bell import Bell
from kitaru.journal.blobs import store_blob
from kitaru.journal.faults import journal_error
from kitaru.journal.locking import CommitLock
from kitaru.journal.packing import pack, pack_value
from kitaru.journal.projection import project
from kitaru.journal.schema import SEQUENCE_BITS
from kitaru.records.facts import CheckpointCompleted, CheckpointFailed, encode_fact

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Sequence

    from kitaru.journal.api import Committed, Draft, Lease

__all__ = ["INSERT_RECORD", "GroupCommit"]

INSERT_RECORD = (
    "INSERT INTO records (key, body, hash, payload) SELECT ?, ?, ?, ?"
    " WHERE EXISTS (SELECT 1 FROM executions WHERE no = ? AND generation = ?)"
)
LAST_RECORD = "SELECT key, hash FROM records WHERE key BETWEEN ? AND ? ORDER BY key DESC LIMIT 1"
_SAME_RECORD = "SELECT 1 FROM records WHERE key = ? AND hash = ?"

_ATTEMPTS = 20
_REMEMBERED = 512
_PASSING = frozenset({"full", "locked"})
"""Reasons for which a record cannot be written now, and can be later."""

_INSERT_EVENT = "INSERT INTO events (no, at, kind, body) SELECT no, ?, ?, ? FROM executions WHERE id = ?"

Published = tuple[float, str, bytes, str]
"""A live event: when, its kind, its body, the execution."""

Row = tuple[int, bytes, bytes, bytes | None, int, int]
"""What `INSERT_RECORD` takes: key, body, hash, payload, number of the execution, generation."""

_log = logging.getLogger("kitaru.journal")


class _Ticket:
    """Drafts of one caller, and what became of them.

    Attributes:
        rows: What was last tried to be written for it; there before a commit only if one was interrupted or failed.
        unattended: Whether nobody waits to hear what becomes of it.
    """

    __slots__ = ("done", "drafts", "error", "future", "gate", "lease", "overdue", "rows", "settled", "unattended")

    def __init__(
        self,
        lease: Lease,
        drafts: Sequence[Draft],
        future: asyncio.Future[None] | None = None,
        *,
        overdue: Sequence[str] = (),
        done: Callable[[Exception | None], None] | None = None,
        unattended: bool = False,
    ) -> None:
        self.lease = lease
        self.done = done
        self.drafts = drafts
        self.future = future
        self.overdue = overdue
        self.error: Exception | None = None
        self.settled = False
        self.gate: threading.Lock | None = None
        self.rows: Sequence[tuple[Draft, Row]] = ()
        self.unattended = unattended

    def wake(self) -> None:
        """Wake the caller that sleeps until this ticket is settled, if one does."""
        if self.gate is not None:
            # Two wakers may meet here; the second finds the gate open.
            with suppress(RuntimeError):
                self.gate.release()


class GroupCommit:
    """The one writing connection of a process, and the queue in front of it.

    Args:
        connection: A connection in autocommit mode that may be used from any thread.
        url: The journal's address, for errors.
        on_committed: Called after each commit, in order, with the records that became durable.

    Attributes:
        connection: The connection.
        mutex: Held by whoever writes.
        commits: How many there were.
        published: Live events that are to be written; the next commit takes them along.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        url: str,
        on_committed: Callable[[list[Committed]], None] | None = None,
    ) -> None:
        self.connection: sqlite3.Connection = connection
        self.mutex: CommitLock = CommitLock(self._pass_on)
        self.commits: int = 0
        self.published: deque[Published] = deque()
        self._url = url
        self._on_committed = on_committed
        self._queue: deque[_Ticket] = deque()
        self._bell: Bell | None = None
        self._flusher: threading.Thread | None = None

    def append(self, lease: Lease, drafts: Sequence[Draft]) -> None:
        """Write drafts durably, together with whatever else is queued."""
        if self.mutex.try_acquire():
            try:
                if len(drafts) == 1 and not self._queue and self._append_alone(lease, drafts[0]):
                    return
                ticket = _Ticket(lease, drafts)
                self._queue.append(ticket)
                self._commit_queue()
            finally:
                self.mutex.release()
        else:
            ticket = self._stand_in_line(lease, drafts)
        if ticket.error is not None:
            raise ticket.error

    def _stand_in_line(self, lease: Lease, drafts: Sequence[Draft]) -> _Ticket:
        """Leave drafts to whoever is committing, and sleep until they are settled or it is this caller's turn."""
        ticket = _Ticket(lease, drafts)
        ticket.gate = gate = threading.Lock()
        gate.acquire()
        self._queue.append(ticket)
        while not ticket.settled:
            if self.mutex.try_acquire():
                try:
                    if not ticket.settled:
                        self._commit_queue()
                finally:
                    self.mutex.release()
            else:
                # Whoever holds the lock settles this ticket, or passes the turn on after letting go.
                gate.acquire()
        return ticket

    def _pass_on(self) -> None:
        """Wake one caller that waits in line, if records are left in the queue."""
        if self._queue:
            waiting = next((ticket for ticket in list(self._queue) if ticket.gate is not None), None)
            if waiting is not None:
                waiting.wake()

    def _append_alone(self, lease: Lease, draft: Draft) -> bool:
        """Write the one record of a lone caller by a single statement, which is what almost every checkpoint does.

        Returns:
            Whether it was written; if not, it needs the long way.

        Raises:
            KitaruLeaseLostError: Another runner owns the execution.
            KitaruJournalError: The journal could not be written.
        """
        fact, starting, seq = draft.fact, lease.starting, lease.next_seq
        if draft.blobs or lease.lost or seq + 1 >= 1 << SEQUENCE_BITS:
            return False
        if self.published or not isinstance(fact, _UNPROJECTED):
            return False
        if starting:
            starting.pop(fact.call_id, None)
            if any(entry[2] for entry in list(starting.values())):
                return False
        body = encode_fact(fact)
        head = sha256(lease.head + body).digest()
        row = ((lease.no << SEQUENCE_BITS) | seq, pack(body), head, _payload(draft), lease.no, lease.generation)
        hit("journal.before_commit")
        try:
            written = self.connection.execute(INSERT_RECORD, row).rowcount
        except sqlite3.IntegrityError:
            return False
        except sqlite3.Error as error:
            raise journal_error(error, self._url) from error
        if written != 1:
            lease.lost = True
            raise _lost(lease)
        hit("journal.after_commit")
        self.commits += 1
        lease.next_seq, lease.head = seq + 1, head
        if self._on_committed is not None:
            self._on_committed([(lease, seq, fact, head)])
        return True

    def append_async(self, lease: Lease, drafts: Sequence[Draft], future: asyncio.Future[None]) -> None:
        """Queue drafts and have a thread commit them; the future is done when they are durable."""
        self._have_committed(_Ticket(lease, drafts, future))

    def append_then(self, lease: Lease, drafts: Sequence[Draft], done: Callable[[Exception | None], None]) -> None:
        """Queue drafts and have a thread commit them; that thread calls `done`, with the error if there was one."""
        self._have_committed(_Ticket(lease, drafts, done=done))

    def _have_committed(self, ticket: _Ticket) -> None:
        self._queue.append(ticket)
        if self._flusher is None:
            self._start_flusher()
        self._ring()

    def _ring(self) -> None:
        if self._bell is not None:
            self._bell.ring()

    def append_later(self, lease: Lease, drafts: Sequence[Draft]) -> None:
        """Queue drafts for the next commit."""
        self._queue.append(_Ticket(lease, drafts, unattended=True))

    def flush(self) -> None:
        """Commit what is queued."""
        if not self._queue:
            return
        with self.mutex:
            self._commit_queue()

    def queue_overdue(self, leases: Sequence[Lease], started_before: float) -> None:
        """Queue the `checkpoint.started` records of calls that have been running for a while.

        Which of them still run is decided at the commit, so that no start is written after the end of its call.
        """
        for lease in leases:
            overdue = [call_id for call_id, (began, *_) in list(lease.starting.items()) if began <= started_before]
            if overdue:
                self._queue.append(_Ticket(lease, (), overdue=overdue, unattended=True))

    def close(self) -> None:
        """Commit what is queued and stop the thread that serves coroutines."""
        if self._flusher is not None and self._bell is not None:
            self._bell.stop()
            self._flusher.join()
            self._flusher = None
        self.flush()

    def leave_to_the_parent(self) -> None:
        """Take the connection away, in a forked child: SQLite must not use one there that its parent opened."""
        self._inherited = self.connection  # closing it here would do harm as well
        self.connection = cast("sqlite3.Connection", _OfTheParent())
        self.mutex = CommitLock(self._pass_on)
        self._flusher = self._bell = None
        self._queue.clear()
        self.published.clear()

    def _start_flusher(self) -> None:
        with self.mutex:
            if self._flusher is None:
                bell = Bell()
                serve = partial(self._serve_coroutines, bell)
                flusher = threading.Thread(target=serve, name="kitaru-commit", daemon=True)
                flusher.start()  # which a program that ends may refuse
                self._bell, self._flusher = bell, flusher

    def _serve_coroutines(self, bell: Bell) -> None:
        while bell.wait():
            if self._queue:
                with self.mutex:
                    self._commit_queue()

    def _commit_queue(self) -> None:
        """Commit all queued tickets in one transaction; if that fails, each alone, so none suffers for another."""
        tickets: list[_Ticket] = []
        while self._queue:
            tickets.append(self._queue.popleft())
        if not tickets:
            return
        committed: list[Committed] = []
        try:
            fresh: list[_Ticket] = []
            for ticket in tickets:
                if ticket.rows and self._is_written(ticket):
                    committed += _committed(ticket)
                else:
                    fresh.append(ticket)
            committed += self._write_apart(fresh)
        except BaseException:
            # Ctrl-C hits one thread, and what it was committing may be others': that waits for the next commit.
            self._queue.extendleft(reversed(tickets))
            self._ring()
            raise
        again = [ticket for ticket in tickets if _is_worth_keeping(ticket)]
        self._queue.extendleft(reversed(again))
        _settle([ticket for ticket in tickets if ticket not in again])
        self.announce(committed)

    def announce(self, committed: list[Committed]) -> None:
        """Show records that became durable to whoever watches; called with the lock held, so in their order."""
        if committed and self._on_committed is not None:
            self._on_committed(committed)

    def _is_written(self, ticket: _Ticket) -> bool:
        """Tell whether an interrupted commit came as far as the disk; a ticket's rows are written all or none."""
        key, _, digest, *_ = ticket.rows[-1][1]
        try:
            return self.connection.execute(_SAME_RECORD, (key, digest)).fetchone() is not None
        except sqlite3.Error:
            return False  # writing it says what is wrong

    def _write_apart(self, tickets: Sequence[_Ticket]) -> list[Committed]:
        """Write all tickets together; if that fails, each alone."""
        try:
            return self._write(tickets) if tickets else []
        except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to the callers, not to this thread
            if len(tickets) == 1:
                tickets[0].error = error
                return []
        return [record for ticket in tickets for record in self._write_apart([ticket])]

    def _write(self, tickets: Sequence[_Ticket]) -> list[Committed]:
        try:
            for _ in range(_ATTEMPTS):
                with suppress(sqlite3.IntegrityError):
                    return self._write_once(tickets)
                self._reread_heads(tickets)
        except sqlite3.Error as error:
            raise journal_error(error, self._url) from error
        msg = f"The journal {self._url} could not be written: other writers kept appending to the same executions."
        raise KitaruJournalError(msg, url=self._url, reason="locked")

    def _write_once(self, tickets: Sequence[_Ticket]) -> list[Committed]:
        heads: dict[Lease, tuple[int, bytes]] = {}
        for ticket in tickets:
            ticket.rows = _rows(ticket, heads)
        connection = self.connection
        hit("journal.before_commit")
        published = self.published.copy()
        alone = not published and len(tickets) == 1 and len(tickets[0].rows) == 1 and _is_plain(tickets[0].rows[0][0])
        try:
            if not alone:
                connection.execute("BEGIN IMMEDIATE")
            committed = [record for ticket in tickets for record in self._insert(ticket)]
            if published:
                self._carry(published)
            if not alone:
                hit("journal.in_transaction")
                connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        hit("journal.after_commit")
        self.commits += 1
        self._drop(published)
        for lease, (next_seq, head) in heads.items():
            if not lease.lost:
                lease.next_seq, lease.head = next_seq, head
        for ticket in tickets:
            _remember(ticket)
        return committed

    def _insert(self, ticket: _Ticket) -> list[Committed]:
        lease, execute = ticket.lease, self.connection.execute
        ticket.error = None
        for draft, row in ticket.rows:
            if lease.lost or execute(INSERT_RECORD, row).rowcount != 1:
                lease.lost = True
                ticket.error = _lost(lease)
                return []
            for digest, data in draft.blobs:
                if digest not in lease.stored:
                    store_blob(self.connection, lease.no, digest, data, packed=draft.packed)
            for sql, values in project(lease.no, draft.fact):
                execute(sql, values)
        return _committed(ticket)

    def _carry(self, published: deque[Published]) -> None:
        """Write live events in the open transaction; where that cannot be done, no record suffers for them."""
        connection = self.connection
        connection.execute("SAVEPOINT events")
        try:
            connection.executemany(_INSERT_EVENT, published)
        except sqlite3.Error as error:
            if not connection.in_transaction:
                raise  # SQLite took everything back, as it does when the disk is full
            connection.execute("ROLLBACK TO events")
            _log.warning("Live events of %s were not written: %s", self._url, error)
        connection.execute("RELEASE events")

    def write_published(self) -> None:
        """Write the live events that wait, in a transaction of their own; called with the lock held.

        Raises:
            KitaruJournalError: They could not be written. They wait on if that may pass, and are given up if not.
        """
        published = self.published.copy()
        connection = self.connection
        try:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(_INSERT_EVENT, published)
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            found = journal_error(error, self._url)
            if found.reason not in _PASSING:
                self._drop(published)
            raise found from error
        finally:
            with suppress(sqlite3.ProgrammingError):  # it was closed meanwhile
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
        self.commits += 1
        self._drop(published)

    def _drop(self, published: deque[Published]) -> None:
        for _ in published:
            self.published.popleft()

    def _reread_heads(self, tickets: Sequence[_Ticket]) -> None:
        for lease in {ticket.lease for ticket in tickets}:
            first = lease.no << SEQUENCE_BITS
            found = self.connection.execute(LAST_RECORD, (first, first + (1 << SEQUENCE_BITS) - 1)).fetchone()
            if found is None:
                lease.lost = True
            else:
                lease.next_seq, lease.head = found[0] - first + 1, found[1]


class _OfTheParent:
    """Stands in a forked child where the parent's connection stood."""

    in_transaction = False

    def execute(self, *_statement: object) -> NoReturn:
        msg = "this process was forked from the one that opened it, and must open it itself"
        raise sqlite3.ProgrammingError(msg)

    def close(self) -> None:
        """Leave the connection to the parent."""


def _is_plain(draft: Draft) -> bool:
    return not draft.blobs and isinstance(draft.fact, _UNPROJECTED)


_UNPROJECTED = (CheckpointCompleted, CheckpointFailed)


def _committed(ticket: _Ticket) -> list[Committed]:
    """Return a ticket's records as observers are shown them."""
    places = (1 << SEQUENCE_BITS) - 1
    return [(ticket.lease, row[0] & places, draft.fact, row[2]) for draft, row in ticket.rows]


def _remember(ticket: _Ticket) -> None:
    """Note which values are durable and known to be used by the execution, as long as it keeps its lease."""
    stored = ticket.lease.stored
    digests = [digest for draft, _ in ticket.rows for digest, _ in draft.blobs]
    if digests and ticket.error is None:
        if len(stored) >= _REMEMBERED:
            stored.clear()
        stored.update(digests)


def _is_worth_keeping(ticket: _Ticket) -> bool:
    """Tell whether a record nobody waits for failed for a reason that passes; what is lost for good is said."""
    error = ticket.error
    if error is None or not ticket.unattended or isinstance(error, KitaruLeaseLostError):
        return False
    if isinstance(error.__cause__, sqlite3.Error) and getattr(error, "reason", None) in _PASSING:
        return True
    _log.error("A record of execution %s could not be kept: %s", ticket.lease.execution_id, error)
    return False


def _rows(ticket: _Ticket, heads: dict[Lease, tuple[int, bytes]]) -> list[tuple[Draft, Row]]:
    """Give a ticket's drafts their places and hashes; started calls of the same execution ride along."""
    lease = ticket.lease
    seq, head = heads.get(lease) or (lease.next_seq, lease.head)
    if seq + len(ticket.drafts) >= 1 << SEQUENCE_BITS:
        msg = (
            f"Execution {lease.execution_id} has {seq} records, the most one execution can hold. Split the flow in two."
        )
        raise KitaruJournalError(msg, reason="full")
    rows: list[tuple[Draft, Row]] = []
    for draft in _with_started(lease, ticket):
        body = encode_fact(draft.fact)
        head = sha256(head + body).digest()
        rows.append(
            (draft, ((lease.no << SEQUENCE_BITS) | seq, pack(body), head, _payload(draft), lease.no, lease.generation))
        )
        seq += 1
    heads[lease] = (seq, head)
    return rows


def _payload(draft: Draft) -> bytes | None:
    return pack_value(draft.payload) if draft.packed else draft.payload


def _with_started(lease: Lease, ticket: _Ticket) -> Sequence[Draft]:
    starting = lease.starting
    if not starting:
        return ticket.drafts
    if ticket.overdue:
        late = [starting.pop(call_id, None) for call_id in ticket.overdue]
        ticket.overdue = ()
        ticket.drafts = [*ticket.drafts, *(draft for entry in late if entry is not None for draft in entry[1]())]
        return ticket.drafts
    finishes = False
    for draft in ticket.drafts:
        if isinstance(draft.fact, CheckpointCompleted | CheckpointFailed):
            starting.pop(draft.fact.call_id, None)
            finishes = True
    if not finishes or not starting:
        return ticket.drafts
    # Calls without a key whose order is not certain are told apart by their inputs, so none of those that run at this
    # moment may be missing from the journal.
    others = [starting.pop(call_id, None) for call_id, entry in list(starting.items()) if entry[2]]
    if others:
        ticket.drafts = [*(draft for other in others if other is not None for draft in other[1]()), *ticket.drafts]
    return ticket.drafts


def _lost(lease: Lease) -> KitaruLeaseLostError:
    msg = (
        f"A record of execution {lease.execution_id} was refused: another runner took the execution over (this one "
        f"held generation {lease.generation}). This runner stops; the other one goes on."
    )
    return KitaruLeaseLostError(msg, exec_id=lease.execution_id, generation=lease.generation)


def _settle(tickets: Sequence[_Ticket]) -> None:
    waiting: dict[asyncio.AbstractEventLoop, list[_Ticket]] = {}
    for ticket in tickets:
        ticket.settled = True
        ticket.wake()
        if ticket.done is not None:
            ticket.done(ticket.error)
        if ticket.future is not None:
            waiting.setdefault(ticket.future.get_loop(), []).append(ticket)
    for loop, served in waiting.items():
        try:
            loop.call_soon_threadsafe(_resolve, served)
        except RuntimeError:
            # The loop was closed while its record was on the way; the record is durable, and nobody waits for it.
            continue


def _resolve(tickets: Sequence[_Ticket]) -> None:
    for ticket in tickets:
        future = ticket.future
        if future is None or future.done():
            continue
        if ticket.error is None:
            future.set_result(None)
        else:
            future.set_exception(ticket.error)

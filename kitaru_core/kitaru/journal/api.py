"""What a journal promises, and the types by which the engine speaks to one.

A journal holds, for each execution, an append-only chain of records, and derives from them in the same transaction what
lists and waits need. One runner at a time may append, guarded by a lease with a generation number; operators (somebody
who answers a wait, or asks to cancel) append through `transact`.

Every driver passes the published `JournalContract`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

import msgspec

if TYPE_CHECKING:
    from kitaru.records.facts import Fact
    from kitaru.records.payload import PayloadRef
    from kitaru.records.record import Record

__all__ = [
    "Committed",
    "DefersAppends",
    "Draft",
    "ExecutionRow",
    "Journal",
    "Lease",
    "ListQuery",
    "LiveEvent",
    "Opener",
    "StoredRecord",
    "Transaction",
    "WaitRow",
    "effective_status",
]

Durability = Literal["power", "process"]


class Draft(msgspec.Struct):
    """A fact on its way into the journal.

    Attributes:
        fact: The fact.
        payload: Bytes that stand in the record's own row, named by a `PayloadRef` in the fact.
        blobs: Content-addressed bytes to store beside it, as `(hex digest, bytes)`.
        packed: Whether the blobs are likely to have much in common with others, so that looking for it is worth while.
    """

    fact: Fact
    payload: bytes | None = None
    blobs: Sequence[tuple[str, bytes]] = ()
    packed: bool = False


@dataclass(slots=True, eq=False)
class Lease:
    """The right to append to one execution, as this process holds it.

    Attributes:
        execution_id: The execution.
        no: The journal's own number for it.
        generation: Generation of the lease; a later one makes this one void.
        next_seq: Place of the next record.
        head: Hash of the last record.
        lost: Set once another runner was seen to own the execution.
        cancelled: Set once somebody asked to cancel.
        starting: Started calls that are not written yet, by call id: the monotonic time they began, what makes their
            record and what they told so far, and whether that must not come after the end of a call beside it.
        on_change: Called, from any thread, when somebody else changed the execution.
        made: How many ids of each kind were made under this generation.
        stored: Digests of values that were written lately under this lease: a conversation says them again.
    """

    execution_id: str
    no: int
    generation: int
    next_seq: int
    head: bytes
    lost: bool = False
    cancelled: bool = False
    starting: dict[str, tuple[float, Callable[[], Sequence[Draft]], bool]] = field(default_factory=dict)
    on_change: list[Callable[[], None]] = field(default_factory=list)
    made: list[int] = field(default_factory=lambda: [0, 0, 0])
    stored: set[str] = field(default_factory=set)


class ExecutionRow(msgspec.Struct, frozen=True, kw_only=True):
    """One execution as lists show it.

    Attributes:
        no: The journal's own number; newer executions have higher ones.
        id: Execution id.
        flow: Flow name.
        status: Recorded status; a vanished runner is not seen here, see `runner_lost`.
        status_reason: Why, in words.
        stack: Stack name.
        original_id: Source of a replay.
        created_at: When it was created, seconds since 1970.
        started_at: When it first ran.
        ended_at: When it ended.
        generation: Generation of the lease.
        attached: Whether a runner holds the lease, alive or not.
        runner_lost: Whether the runner that holds the lease is gone.
        cancel_requested: Whether somebody asked to cancel.
        summary: Totals written when the execution last came to rest.
        open_waits: Number of open waits.
        records: Number of records.
    """

    no: int
    id: str
    flow: str
    status: str
    status_reason: str | None
    stack: str | None
    original_id: str | None
    created_at: float
    started_at: float | None
    ended_at: float | None
    generation: int
    attached: bool
    runner_lost: bool
    cancel_requested: bool
    summary: dict[str, object]
    open_waits: int
    records: int


class WaitRow(msgspec.Struct, frozen=True, kw_only=True):
    """One wait.

    Attributes:
        id: Wait id.
        execution_id: Its execution.
        flow: The execution's flow.
        name: Its name, with suffix.
        state: `open`, `resolved`, `aborted` or `void`.
        opened_at: When it was opened.
        opened: The fact that opened it, as JSON.
    """

    id: str
    execution_id: str
    flow: str
    name: str
    state: str
    opened_at: float
    opened: bytes


class ListQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which executions to list, newest first.

    Attributes:
        flow: Only of this flow.
        statuses: Only with one of these effective statuses.
        original_id: Only replays of this execution.
        stack: Only on this stack.
        since: Only created at or after this time, seconds since 1970.
        limit: At most this many.
        offset: Leave out this many first.
    """

    flow: str | None = None
    statuses: tuple[str, ...] = ()
    original_id: str | None = None
    stack: str | None = None
    since: float | None = None
    limit: int | None = None
    offset: int = 0


class StoredRecord(msgspec.Struct, frozen=True):
    """A record with the bytes as they are stored, for checks and archives.

    Attributes:
        seq: Place in the execution's journal.
        body: The JSON object.
        hash: SHA-256 over the hash before it and the body.
        payload: The bytes in its row, if any.
    """

    seq: int
    body: bytes
    hash: bytes
    payload: bytes | None


class LiveEvent(msgspec.Struct, frozen=True):
    """A live event with its cursor.

    Attributes:
        cursor: Place in the stream; events after it are asked for with it.
        at: When it was published.
        kind: Its kind.
        body: The event as a JSON object.
    """

    cursor: int
    at: float
    kind: str
    body: bytes


class Transaction(Protocol):
    """What an operator may look at and append while nobody else can."""

    @property
    def row(self) -> ExecutionRow:
        """The execution at the beginning of the transaction."""

    def waits(self, state: str = "open") -> list[WaitRow]:
        """Return the execution's waits in a state, oldest first."""

    def append(self, draft: Draft) -> None:
        """Append a record."""


class Journal(Protocol):
    """A store of executions."""

    @property
    def url(self) -> str:
        """The address it was opened with, without credentials."""

    def create(self, draft: Draft, *, flow: str, stack: str | None) -> Lease:
        """Record a new execution, owned by this process.

        Args:
            draft: An `ExecutionStarted` fact.
            flow: Name of the flow.
            stack: Name of the stack.

        Returns:
            The lease by which further records are appended.
        """

    def acquire(self, execution_id: str, decide: Callable[[ExecutionRow], Draft]) -> Lease:
        """Take over an execution that nobody runs.

        Args:
            execution_id: The execution.
            decide: Sees the execution with nobody else able to change it; returns the `RunnerStarted` record or raises
                to leave everything as it is. The record's generation is set by the journal.

        Returns:
            A lease of the next generation.

        Raises:
            KitaruNotFoundError: There is no such execution.
        """

    def append(self, lease: Lease, *drafts: Draft) -> None:
        """Append records; they are durable when this returns.

        Raises:
            KitaruLeaseLostError: Another runner owns the execution; nothing was written.
            KitaruJournalError: The journal could not be written; nothing was.
        """

    def append_async(self, lease: Lease, *drafts: Draft) -> Awaitable[None]:
        """Append as `append` does, without blocking the running event loop."""

    def append_later(self, lease: Lease, *drafts: Draft) -> None:
        """Append with the next durable record, or within 50 ms; never blocks and never raises."""

    def transact(self, execution_id: str) -> AbstractContextManager[Transaction]:
        """Open a transaction on one execution for an operator; it commits on a normal exit."""

    def release(self, lease: Lease) -> None:
        """Stop renewing a lease whose last record ended or paused the execution."""

    def execution(self, execution_id: str) -> ExecutionRow:
        """Return one execution.

        Raises:
            KitaruNotFoundError: There is no such execution.
        """

    def executions(self, query: ListQuery) -> list[ExecutionRow]:
        """Return executions, newest first."""

    def find_by_prefix(self, prefix: str) -> list[str]:
        """Return the ids of executions that begin with a text; serves look-ups by call or artifact id."""

    def records(self, execution_id: str, *, after: int = -1) -> list[Record]:
        """Return an execution's records in order."""

    def stored(self, execution_id: str) -> list[StoredRecord]:
        """Return an execution's records as they are stored."""

    def payload(self, execution_id: str, seq: int, ref: PayloadRef) -> bytes:
        """Return the bytes a reference of a record names.

        Raises:
            KitaruJournalError: They are gone or do not have that content.
        """

    def blob(self, digest: str) -> bytes:
        """Return stored bytes by their digest."""

    def waits(self, *, execution_id: str | None = None, state: str | None = "open") -> list[WaitRow]:
        """Return waits, oldest first."""

    def publish(self, execution_id: str, kind: str, body: bytes) -> None:
        """Keep a live event; never blocks on a sync and never raises."""

    def events(self, execution_id: str, *, after: int = 0) -> list[LiveEvent]:
        """Return live events after a cursor."""

    def delete(self, execution_id: str) -> None:
        """Delete an execution and every payload that no other execution uses."""

    def import_records(
        self, execution_id: str, records: Sequence[StoredRecord], blobs: Sequence[tuple[str, bytes]]
    ) -> None:
        """Write an archived execution that this journal does not have."""

    def close(self) -> None:
        """Write what is queued and close the journal."""


class DefersAppends(Protocol):
    """What a journal may offer beside a `Journal`: it commits for callers that do not wait."""

    def append_then(self, lease: Lease, drafts: Sequence[Draft], done: Callable[[Exception | None], None]) -> None:
        """Append as `Journal.append` does, and return before the records are durable.

        Args:
            lease: The right to append.
            drafts: The records; none of them has blobs.
            done: Called exactly once, from any thread: with `None` when the records are durable, or with the error that
                `append` would have raised. It is quick and does not raise.
        """


Committed = tuple[Lease, int, "Fact", bytes]
"""A record that became durable: lease, place, fact, hash."""

Opener = Callable[[str, Durability, Callable[[list[Committed]], None] | None], Journal]
"""What the card of a journal driver loads: opens an address at a level of durability. The last argument, if given, is
called after each commit, in order, with the records that became durable."""


def effective_status(row: ExecutionRow) -> str:
    """Return the status a reader is told: a `running` execution whose runner is gone has failed."""
    return "failed" if row.status == "running" and row.runner_lost else row.status

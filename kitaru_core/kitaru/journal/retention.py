"""Deleting executions and bringing archived ones back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING

import msgspec

from kitaru.errors import KitaruJournalError, KitaruStateError
from kitaru.journal.blobs import store_blob
from kitaru.journal.packing import pack
from kitaru.journal.projection import project
from kitaru.journal.schema import SEQUENCE_BITS
from kitaru.records.facts import (
    ExecutionStarted,
    Fact,
    RunnerStarted,
    WaitAborted,
    WaitOpened,
    WaitResolved,
    decode_fact,
)

if TYPE_CHECKING:
    import sqlite3

    from kitaru.journal.api import ExecutionRow, StoredRecord
    from kitaru.records.facts import Known, UnknownFact

__all__ = ["delete_execution", "import_execution"]

_MOST_GENERATIONS = 1 << 28


def delete_execution(connection: sqlite3.Connection, row: ExecutionRow) -> None:
    """Delete an execution and every value that no other execution uses.

    Args:
        connection: A connection inside a transaction.
        row: The execution.

    Raises:
        KitaruStateError: A runner is at work on it.
    """
    if row.attached and not row.runner_lost:
        msg = f"Execution {row.id} is being run; cancel it, or wait until it has ended, before deleting it."
        raise KitaruStateError(msg)
    first, last = row.no << SEQUENCE_BITS, ((row.no + 1) << SEQUENCE_BITS) - 1
    connection.execute("DELETE FROM records WHERE key BETWEEN ? AND ?", (first, last))
    connection.execute(
        "DELETE FROM blobs WHERE hash IN (SELECT hash FROM blob_uses u WHERE u.no = ? AND NOT EXISTS"
        " (SELECT 1 FROM blob_uses o WHERE o.hash = u.hash AND o.no <> u.no))",
        (row.no,),
    )
    for table in ("blob_uses", "waits", "events", "executions"):
        connection.execute(f"DELETE FROM {table} WHERE no = ?", (row.no,))  # noqa: S608 - a constant


def import_execution(
    connection: sqlite3.Connection,
    execution_id: str,
    records: Sequence[StoredRecord],
    blobs: Sequence[tuple[str, bytes]],
) -> None:
    """Write an archived execution, after checking its chain of hashes.

    Args:
        connection: A connection inside a transaction.
        execution_id: The execution.
        records: Its stored records, in order.
        blobs: The values it uses, as `(hex digest, bytes)`.

    Raises:
        KitaruStateError: The journal has this execution.
        KitaruJournalError: The archive is damaged; nothing is written.
    """
    if connection.execute("SELECT 1 FROM executions WHERE id = ?", (execution_id,)).fetchone() is not None:
        msg = f"Execution {execution_id} is here already; delete it first to import it again."
        raise KitaruStateError(msg)
    facts = _checked(execution_id, records)
    started = _started(execution_id, facts)
    _check_waits(connection, execution_id, facts)
    no = _enter(connection, started, _last_generation(execution_id, facts))
    for digest, data in blobs:
        if sha256(data).hexdigest() != digest:
            raise _damaged(execution_id, f"a value does not match its digest {digest[:12]}...")
        store_blob(connection, no, digest, data, packed=True)
    for record, fact in zip(records, facts, strict=True):
        connection.execute(
            "INSERT INTO records (key, body, hash, payload) VALUES (?, ?, ?, ?)",
            ((no << SEQUENCE_BITS) | record.seq, pack(record.body), record.hash, record.payload),
        )
        for sql, values in project(no, fact) if isinstance(fact, Fact) else ():
            connection.execute(sql, values)
    # A run that was archived while it was going on is a run without a runner: it can be retried here.
    connection.execute(
        "UPDATE executions SET status = 'failed', status_reason = 'imported while running' WHERE no = ? AND status = "
        "'running'",
        (no,),
    )


def _checked(execution_id: str, records: Sequence[StoredRecord]) -> list[Known | UnknownFact]:
    head = b"\0" * 32
    facts: list[Known | UnknownFact] = []
    if len(records) >= 1 << SEQUENCE_BITS:
        raise _damaged(execution_id, f"no execution has {len(records)} records")
    for expected, record in enumerate(records):
        if record.seq != expected or sha256(head + record.body).digest() != record.hash:
            raise _damaged(execution_id, f"record {expected} is missing or was altered")
        try:
            facts.append(decode_fact(record.body))
        except msgspec.DecodeError as error:
            raise _damaged(execution_id, f"record {expected} cannot be read ({error})") from error
        head = record.hash
    return facts


def _started(execution_id: str, facts: Sequence[Known | UnknownFact]) -> ExecutionStarted:
    started = facts[0] if facts else None
    if not isinstance(started, ExecutionStarted):
        raise _damaged(execution_id, "its first record is missing")
    if started.execution_id != execution_id:
        raise _damaged(execution_id, "it belongs to another execution")
    return started


def _check_waits(connection: sqlite3.Connection, execution_id: str, facts: Iterable[Known | UnknownFact]) -> None:
    """Check that all answers are to questions of the archive's own, which no other execution asks."""
    asked: dict[str, str] = {}
    for fact in facts:
        if isinstance(fact, WaitOpened):
            asked[fact.wait_id] = fact.name
        elif isinstance(fact, WaitResolved | WaitAborted) and asked.get(fact.wait_id) != fact.name:
            raise _damaged(execution_id, f"it answers {fact.name!r}, which it never asked")
    for wait_id, name in asked.items():
        if connection.execute("SELECT 1 FROM waits WHERE id = ?", (wait_id,)).fetchone() is not None:
            raise _damaged(execution_id, f"its question {name!r} is that of another execution")


def _enter(connection: sqlite3.Connection, started: ExecutionStarted, generation: int) -> int:
    """Make the row of an execution and return its number."""
    stack = started.spec.get("stack")
    cursor = connection.execute(
        "INSERT INTO executions (id, flow, status, stack, original_id, created_at, started_at, generation)"
        " VALUES (?, ?, 'running', ?, ?, ?, ?, ?)",
        (
            *(started.execution_id, started.flow, None if stack is None else str(stack), started.original_exec_id),
            *(started.at, started.at, generation),
        ),
    )
    return int(cursor.lastrowid or 0)


def _last_generation(execution_id: str, facts: Iterable[Known | UnknownFact]) -> int:
    """Return the generation of the last runner: ids of calls contain it, so the next runner must have a later one."""
    last = max((fact.generation for fact in facts if isinstance(fact, RunnerStarted)), default=1)
    if not 0 < last < _MOST_GENERATIONS:
        raise _damaged(execution_id, f"no runner has the generation {last}")
    return last


def _damaged(execution_id: str, what: str) -> KitaruJournalError:
    msg = f"The archive of execution {execution_id} is damaged: {what}. Nothing was imported; make the archive again."
    return KitaruJournalError(msg, reason="corrupt")

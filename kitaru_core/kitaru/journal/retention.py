"""Deleting executions and bringing archived ones back."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import TYPE_CHECKING

import msgspec

from kitaru.errors import KitaruJournalError, KitaruStateError
from kitaru.journal.blobs import store_blob
from kitaru.journal.packing import pack
from kitaru.journal.projection import project
from kitaru.journal.schema import SEQUENCE_BITS
from kitaru.records.facts import ExecutionStarted, UnknownFact, decode_fact

if TYPE_CHECKING:
    import sqlite3

    from kitaru.journal.api import ExecutionRow, StoredRecord

__all__ = ["delete_execution", "import_execution"]


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
    started = facts[0]
    cursor = connection.execute(
        "INSERT INTO executions (id, flow, status, stack, original_id, created_at, started_at)"
        " VALUES (?, ?, 'running', ?, ?, ?, ?)",
        (execution_id, started.flow, started.spec.get("stack"), started.original_exec_id, started.at, started.at),
    )
    no = int(cursor.lastrowid or 0)
    for digest, data in blobs:
        if sha256(data).hexdigest() != digest:
            raise _damaged(execution_id, f"a value does not match its digest {digest[:12]}...")
        store_blob(connection, no, digest, data, packed=True)
    for record, fact in zip(records, facts, strict=True):
        connection.execute(
            "INSERT INTO records (key, body, hash, payload) VALUES (?, ?, ?, ?)",
            ((no << SEQUENCE_BITS) | record.seq, pack(record.body), record.hash, record.payload),
        )
        for sql, values in project(no, fact):
            connection.execute(sql, values)
    # A run that was archived while it was going on is a run without a runner: it can be retried here.
    connection.execute(
        "UPDATE executions SET status = 'failed', status_reason = 'imported while running' WHERE no = ? AND status = "
        "'running'",
        (no,),
    )


def _checked(execution_id: str, records: Sequence[StoredRecord]) -> list[ExecutionStarted]:
    head = b"\0" * 32
    facts: list[ExecutionStarted] = []
    for expected, record in enumerate(records):
        if record.seq != expected or sha256(head + record.body).digest() != record.hash:
            raise _damaged(execution_id, f"record {expected} is missing or was altered")
        try:
            fact = decode_fact(record.body)
        except msgspec.DecodeError as error:
            raise _damaged(execution_id, f"record {expected} cannot be read ({error})") from error
        facts.append(fact)  # type: ignore[arg-type]  # the first one is checked below; the others only go to `project`
        head = record.hash
    if not facts or not isinstance(facts[0], ExecutionStarted) or isinstance(facts[0], UnknownFact):
        raise _damaged(execution_id, "its first record is missing")
    if facts[0].execution_id != execution_id:
        raise _damaged(execution_id, "it belongs to another execution")
    return facts


def _damaged(execution_id: str, what: str) -> KitaruJournalError:
    msg = f"The archive of execution {execution_id} is damaged: {what}. Nothing was imported; make the archive again."
    return KitaruJournalError(msg, reason="corrupt")

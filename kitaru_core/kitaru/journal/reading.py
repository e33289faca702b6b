"""Reading a SQLite journal: executions, records, waits, payloads."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import msgspec

from kitaru.errors import KitaruJournalError, KitaruNotFoundError
from kitaru.journal.api import ExecutionRow, ListQuery, LiveEvent, StoredRecord, WaitRow, effective_status
from kitaru.journal.blobs import load_blob
from kitaru.journal.housekeeper import lease_seconds
from kitaru.journal.owner import Owner, current_owner, owner_is_alive
from kitaru.journal.packing import may_be_packed, unpack, unpack_value
from kitaru.journal.schema import SEQUENCE_BITS
from kitaru.records.facts import decode_fact
from kitaru.records.payload import payload_refs
from kitaru.records.record import Record

if TYPE_CHECKING:
    from collections.abc import Collection

    from kitaru.records.payload import PayloadRef

__all__ = ["Reading"]

_COLUMNS = (
    "no, id, flow, status, status_reason, stack, original_id, created_at, started_at, ended_at, generation, owner,"  # noqa: S608 - column names are constants
    " until_clock, until_wall, cancel, summary,"
    " (SELECT count(*) FROM waits w WHERE w.no = e.no AND w.state = 'open'),"
    f" ifnull((SELECT key FROM records r WHERE r.key < (e.no + 1) << {SEQUENCE_BITS} ORDER BY key DESC LIMIT 1)"
    f" - (e.no << {SEQUENCE_BITS}) + 1, 0)"
)
_BY_ID = f"SELECT {_COLUMNS} FROM executions e WHERE id = ?"  # noqa: S608 - constants only
_PAGE = 200


def _stored(seq: int, body: bytes, digest: bytes, payload: bytes | None) -> StoredRecord:
    """Return a record as bytes, with the value in its row as it was before it was packed."""
    if payload is not None and may_be_packed(payload):
        try:
            refs = list(payload_refs(decode_fact(body)))
        except (msgspec.DecodeError, TypeError, AttributeError):
            refs = []  # whoever reads the record is told what is wrong with it
        values = (unpack_value(payload, ref.size) for ref in refs)
        hashes = {ref.hash for ref in refs}
        payload = next((value for value in values if sha256(value).hexdigest() in hashes), payload)
    return StoredRecord(seq, body, digest, payload)


class Reading:
    """Answers questions about a journal through one connection.

    Args:
        connection: Any open connection to the database.
        url: The journal's address, for errors.
        own: Numbers of the executions that this very process runs.
    """

    def __init__(self, connection: sqlite3.Connection, url: str, own: Collection[int] = ()) -> None:
        self._connection = connection
        self._url = url
        self._own = own
        # A runner that leaves between the look into the database and the look at its lease is not a lost one.
        self._own_before = frozenset(own)

    def execution(self, execution_id: str) -> ExecutionRow:
        """Return one execution, or raise `KitaruNotFoundError`."""
        row = self._connection.execute(_BY_ID, (execution_id,)).fetchone()
        if row is None:
            raise not_found(execution_id, self._url)
        return self._row(row)

    def executions(self, query: ListQuery) -> list[ExecutionRow]:
        """Return executions, newest first, filtered by their effective status."""
        if not query.statuses:
            return [self._row(row) for row in self._select(query, query.limit, query.offset)]
        found: list[ExecutionRow] = []
        wanted = None if query.limit is None else query.offset + query.limit
        start = 0
        while wanted is None or len(found) < wanted:
            rows = list(self._select(query, _PAGE, start))
            found += [row for row in map(self._row, rows) if effective_status(row) in query.statuses]
            if len(rows) < _PAGE:
                break
            start += _PAGE
        return found[query.offset : wanted]

    def _select(self, query: ListQuery, limit: int | None, offset: int) -> sqlite3.Cursor:
        conditions: list[str] = []
        values: list[object] = []
        equal = (("flow", query.flow), ("original_id", query.original_id), ("stack", query.stack))
        for column, value in equal:
            if value is not None:
                conditions.append(f"{column} = ?")
                values.append(value)
        if query.since is not None:
            conditions.append("created_at >= ?")
            values.append(query.since)
        if query.statuses:
            # A runner that vanished leaves `running` behind, which reads as `failed`.
            recorded = sorted({*query.statuses, *(["running"] if "failed" in query.statuses else [])})
            conditions.append(f"status IN ({', '.join('?' * len(recorded))})")
            values += recorded
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        sql = f"SELECT {_COLUMNS} FROM executions e{where} ORDER BY no DESC LIMIT ? OFFSET ?"  # noqa: S608 - column names are constants
        return self._connection.execute(sql, (*values, -1 if limit is None else limit, offset))

    def _row(self, row: Sequence[Any]) -> ExecutionRow:
        try:
            owner = None if row[11] is None else msgspec.json.decode(row[11], type=Owner)
            summary = {} if row[15] is None else msgspec.json.decode(_summary(row[15]), type=dict[str, object])
        except msgspec.DecodeError as error:
            msg = f"The row of execution {row[1]} in {self._url} is damaged ({error}); restore it from a backup."
            raise KitaruJournalError(msg, url=self._url, reason="corrupt") from error
        return ExecutionRow(
            no=row[0],
            id=row[1],
            flow=row[2],
            status=row[3],
            status_reason=row[4],
            stack=row[5],
            original_id=row[6],
            created_at=row[7],
            started_at=row[8],
            ended_at=row[9],
            generation=row[10],
            attached=owner is not None,
            runner_lost=owner is not None and not self._alive(row[0], owner, row[12], row[13]),
            cancel_requested=bool(row[14]),
            summary=summary,
            open_waits=row[16],
            records=row[17],
        )

    def _alive(self, no: int, owner: Owner, until_clock: float, until_wall: float) -> bool:
        if owner.token == current_owner().token:
            return no in self._own or no in self._own_before
        return owner_is_alive(owner, until_clock=until_clock, until_wall=until_wall, ttl=lease_seconds())

    def number(self, execution_id: str) -> int:
        """Return the journal's number of an execution."""
        row = self._connection.execute("SELECT no FROM executions WHERE id = ?", (execution_id,)).fetchone()
        if row is None:
            raise not_found(execution_id, self._url)
        return int(row[0])

    def find_by_prefix(self, prefix: str) -> list[str]:
        """Return the execution ids that begin with a text."""
        sql = "SELECT id FROM executions WHERE id >= ? AND id < ? ORDER BY id"
        return [row[0] for row in self._connection.execute(sql, (prefix, prefix + "\x7f"))]

    def records(self, execution_id: str, after: int = -1) -> list[Record]:
        """Return an execution's records after a place, in order."""
        first = self.number(execution_id) << SEQUENCE_BITS
        sql = "SELECT key, body, hash FROM records WHERE key > ? AND key < ? ORDER BY key"
        rows = self._connection.execute(sql, (first + after, first + (1 << SEQUENCE_BITS)))
        try:
            return [
                Record(execution_id, key - first, decode_fact(unpack(body)), hash_.hex()) for key, body, hash_ in rows
            ]
        except msgspec.DecodeError as error:
            msg = (
                f"A record of execution {execution_id} in {self._url} cannot be read ({error}). "
                f"`kitaru executions verify {execution_id}` says which; restore the journal from a backup."
            )
            raise KitaruJournalError(msg, url=self._url, reason="corrupt") from error

    def stored(self, execution_id: str) -> list[StoredRecord]:
        """Return an execution's records as stored bytes."""
        first = self.number(execution_id) << SEQUENCE_BITS
        sql = "SELECT key, body, hash, payload FROM records WHERE key >= ? AND key < ? ORDER BY key"
        rows = self._connection.execute(sql, (first, first + (1 << SEQUENCE_BITS)))
        return [_stored(key - first, unpack(body), hash_, payload) for key, body, hash_, payload in rows]

    def payload(self, execution_id: str, seq: int, ref: PayloadRef) -> bytes | None:
        """Return the bytes in a record's row or in the blob table, or `None` when they are in neither."""
        key = (self.number(execution_id) << SEQUENCE_BITS) | seq
        row = self._connection.execute("SELECT payload FROM records WHERE key = ?", (key,)).fetchone()
        if row is not None and row[0] is not None:
            data = unpack_value(bytes(row[0]), ref.size)
            if sha256(data).hexdigest() == ref.hash:
                return data
        return self.blob(ref.hash)

    def blob(self, digest: str) -> bytes | None:
        """Return stored bytes by digest, or `None`."""
        return load_blob(self._connection, digest)

    def waits(self, execution_id: str | None, state: str | None) -> list[WaitRow]:
        """Return waits, oldest first."""
        conditions = ["1"]
        values: list[object] = []
        if execution_id is not None:
            conditions.append("w.no = ?")
            values.append(self.number(execution_id))
        if state is not None:
            conditions.append("w.state = ?")
            values.append(state)
        sql = (
            "SELECT w.id, e.id, e.flow, w.name, w.state, w.opened_at, w.body FROM waits w JOIN executions e ON e.no "  # noqa: S608 - column names are constants
            "= w.no"
            f" WHERE {' AND '.join(conditions)} ORDER BY w.opened_at, w.name"
        )
        return [
            WaitRow(
                id=row[0], execution_id=row[1], flow=row[2], name=row[3], state=row[4], opened_at=row[5], opened=row[6]
            )
            for row in self._connection.execute(sql, values)
        ]

    def events(self, execution_id: str, after: int) -> list[LiveEvent]:
        """Return live events after a cursor."""
        sql = "SELECT id, at, kind, body FROM events WHERE no = ? AND id > ? ORDER BY id"
        return [LiveEvent(*row) for row in self._connection.execute(sql, (self.number(execution_id), after))]


def _summary(stored: str | bytes) -> str | bytes:
    return stored if isinstance(stored, str) else unpack(stored)


def not_found(execution_id: str, url: str) -> KitaruNotFoundError:
    """Build the error for an unknown execution."""
    msg = (
        f"There is no execution {execution_id!r} in {url}. Ids are matched exactly; `kitaru executions list` shows "
        "those "
        "that exist, and KITARU_STORE names the store."
    )
    return KitaruNotFoundError(msg)

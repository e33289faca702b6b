"""The tables behind `KitaruCheckpointSaver`: threads of graphs in one SQLite file.

A channel's value is stored once for each version of the channel, and a list is stored as a chain of its elements: a
conversation of a thousand messages stands there once, not once for each step that made it longer.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import threading
import weakref
import zlib
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

from kitaru.errors import KitaruJournalError

__all__ = ["Encoded", "Row", "ThreadStore"]

Encoded = tuple[str, bytes]
"""Type name and bytes, as LangGraph's serializers give them."""

Row: TypeAlias = tuple[Any, ...]
"""What one row of a query holds; the query says which columns."""

_APPLICATION_ID = 0x4B544852
_SCHEMA = """
CREATE TABLE IF NOT EXISTS checkpoints (
    thread TEXT NOT NULL, ns TEXT NOT NULL, id TEXT NOT NULL, parent TEXT, run_id TEXT,
    type TEXT NOT NULL, body BLOB NOT NULL, meta_type TEXT NOT NULL, meta BLOB NOT NULL,
    PRIMARY KEY (thread, ns, id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS checkpoints_by_run ON checkpoints (run_id) WHERE run_id IS NOT NULL;
CREATE TABLE IF NOT EXISTS versions (
    thread TEXT NOT NULL, ns TEXT NOT NULL, channel TEXT NOT NULL, version TEXT NOT NULL,
    kind TEXT NOT NULL, content BLOB,
    PRIMARY KEY (thread, ns, channel, version)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS writes (
    thread TEXT NOT NULL, ns TEXT NOT NULL, checkpoint TEXT NOT NULL, task TEXT NOT NULL, idx INTEGER NOT NULL,
    path TEXT NOT NULL, channel TEXT NOT NULL, part BLOB NOT NULL,
    PRIMARY KEY (thread, ns, checkpoint, task, idx)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS chain (
    node BLOB PRIMARY KEY, parent BLOB, part BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS parts (
    hash BLOB PRIMARY KEY, type TEXT NOT NULL, packed INTEGER NOT NULL, data BLOB NOT NULL
);
"""
_COMPRESS = 1024
_WINDOW = 400
_NEAR = 3
_LISTS = 8

_ORDERED_CHAIN = """
WITH RECURSIVE walk (node, depth) AS (
    SELECT ?, 0 UNION ALL
    SELECT chain.parent, walk.depth + 1 FROM walk JOIN chain ON chain.node = walk.node WHERE chain.parent IS NOT NULL
)
SELECT parts.type, parts.packed, parts.data FROM walk
JOIN chain ON chain.node = walk.node JOIN parts ON parts.hash = chain.part ORDER BY walk.depth DESC
"""
_SWEEP = """
DELETE FROM chain WHERE node NOT IN (
    WITH RECURSIVE reachable (node) AS (
        SELECT content FROM versions WHERE kind = 'list' UNION SELECT part FROM writes UNION
        SELECT chain.parent FROM reachable JOIN chain ON chain.node = reachable.node WHERE chain.parent IS NOT NULL
    )
    SELECT node FROM reachable
);
DELETE FROM parts WHERE hash NOT IN (
    SELECT part FROM chain UNION SELECT part FROM writes UNION SELECT content FROM versions WHERE kind = 'value'
);
"""


class ThreadStore:
    """One SQLite file with the threads of any number of graphs; safe to use from several threads.

    Args:
        path: The file; it is created with access for its owner only.

    Raises:
        KitaruJournalError: The file belongs to something else.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=30)
        # A saver is often made in passing and never closed; its file is, when nobody has the saver any more.
        weakref.finalize(self, self._db.close)
        self._lock = threading.RLock()
        self._lists: OrderedDict[tuple[str, ...], tuple[Sequence[Encoded], list[bytes]]] = OrderedDict()
        found = self._db.execute("PRAGMA application_id").fetchone()[0]
        if found not in {0, _APPLICATION_ID} or (found == 0 and self._has_tables()):
            self._db.close()
            msg = f"{path} is no file of kitaru's checkpoint saver, so nothing was written to it. Give another path."
            raise KitaruJournalError(msg, url=str(path), reason="foreign")
        self._db.executescript(
            f"PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA application_id={_APPLICATION_ID};{_SCHEMA}"
        )

    def _has_tables(self) -> bool:
        return bool(self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0])

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Open a transaction; it is durable when the block ends, and undone if the block raises."""
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> list[Row]:
        """Return the rows of a query."""
        with self._lock:
            return self._db.execute(sql, parameters).fetchall()

    def add_part(self, encoded: Encoded) -> bytes:
        """Store bytes by their content, inside a transaction.

        Args:
            encoded: Type and bytes.

        Returns:
            The address of the part.
        """
        kind, data = encoded
        address = _address(kind, data)
        packed = zlib.compress(data) if len(data) > _COMPRESS else data
        row = (address, kind, int(packed is not data), packed)
        self._db.execute("INSERT OR IGNORE INTO parts VALUES (?, ?, ?, ?)", row)
        return address

    def add(self, value: Encoded | list[Encoded], name: tuple[str, ...] = ()) -> bytes:
        """Store a value, or the elements of a list, inside a transaction.

        Args:
            value: Its bytes, or those of its elements.
            name: Where a list grows from one call to the next: the name of that place.

        Returns:
            The address; `get` takes it.
        """
        return self.add_list(value, name) if isinstance(value, list) else self.add_part(value)

    def add_list(self, elements: Sequence[Encoded], name: tuple[str, ...] = ()) -> bytes:
        """Store a list as an extension of the longest list that is stored already, inside a transaction.

        Args:
            elements: Its elements; there must be one at least.
            name: Where it grows, as for `add`.

        Returns:
            The address of the list.
        """
        nodes = self._nodes(elements, name)
        known = self._longest_known(nodes)
        for index in range(known, len(nodes)):
            parent = nodes[index - 1] if index else None
            row = (nodes[index], parent, self.add_part(elements[index]))
            self._db.execute("INSERT OR IGNORE INTO chain VALUES (?, ?, ?)", row)
        return nodes[-1]

    def _nodes(self, elements: Sequence[Encoded], name: tuple[str, ...]) -> list[bytes]:
        """Return the address of the list up to each element; what is as it was the last time is not digested again."""
        before, nodes = self._lists.get(name, ((), []))
        pairs = enumerate(zip(before, elements, strict=False))
        same = next((place for place, (old, new) in pairs if old != new), min(len(before), len(elements)))
        nodes = nodes[:same]
        for kind, data in elements[same:]:
            part = _address(kind, data)
            nodes.append(hashlib.sha256((nodes[-1] if nodes else b"") + part).digest())
        if name:
            self._lists[name] = elements, nodes
            self._lists.move_to_end(name)
            while len(self._lists) > _LISTS:
                self._lists.popitem(last=False)
        return nodes

    def _longest_known(self, nodes: list[bytes]) -> int:
        for end in range(len(nodes), max(0, len(nodes) - _NEAR), -1):  # mostly a list has grown by an element or two
            if self._db.execute("SELECT 1 FROM chain WHERE node = ?", (nodes[end - 1],)).fetchone():
                return end
        for end in range(len(nodes), 0, -_WINDOW):
            window = nodes[max(0, end - _WINDOW) : end]
            marks = ",".join("?" * len(window))
            sql = f"SELECT node FROM chain WHERE node IN ({marks})"  # noqa: S608 - nothing but question marks
            found = {row[0] for row in self._db.execute(sql, window)}
            for index in range(len(window) - 1, -1, -1):
                if window[index] in found:
                    return end - len(window) + index + 1
        return 0

    def get(self, address: object) -> Encoded | list[Encoded]:
        """Return what `add` stored: bytes, or those of each element.

        Raises:
            KitaruJournalError: It is not there.
        """
        rows = self.rows("SELECT type, packed, data FROM parts WHERE hash = ?", (address,))
        found = _unpacked(*rows[0]) if rows else self.elements(address)
        if not found:
            msg = f"{self._path} lacks a value that a thread names. Restore the file from a backup."
            raise KitaruJournalError(msg, url=str(self._path), reason="corrupt")
        return found

    def elements(self, address: object) -> list[Encoded]:
        """Return the elements of a stored list."""
        return [_unpacked(*row) for row in self.rows(_ORDERED_CHAIN, (address,))]

    def sweep(self) -> None:
        """Delete values that no checkpoint names any more, inside a transaction."""
        for statement in _SWEEP.split(";"):
            if statement.strip():
                self._db.execute(statement)


def _address(kind: str, data: bytes) -> bytes:
    return hashlib.sha256(kind.encode() + b"\0" + data).digest()


def _unpacked(kind: str, packed: int, data: bytes) -> Encoded:
    return kind, zlib.decompress(data) if packed else data

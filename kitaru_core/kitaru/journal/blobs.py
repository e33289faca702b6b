"""Content-addressed bytes: each distinct content stands once in the journal, however many executions use it."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3

__all__ = ["load_blob", "store_blob"]

_DEFLATE_FROM = 512
_DEFLATE_TO = 32 * 1024
_WORTH = 0.85


def store_blob(connection: sqlite3.Connection, no: int, digest: str, data: bytes) -> None:
    """Store bytes unless they are there already, and note that an execution uses them.

    Messages of a conversation compress well and quickly; short bytes do not, and long ones would cost more time than
    their sync.

    Args:
        connection: A connection inside a transaction.
        no: The execution's number.
        digest: SHA-256 of the bytes, in hexadecimal.
        data: The bytes.
    """
    key = bytes.fromhex(digest)
    deflated = 0
    if _DEFLATE_FROM <= len(data) <= _DEFLATE_TO:
        packed = zlib.compress(data, 1)
        if len(packed) < len(data) * _WORTH:
            deflated, data = 1, packed
    connection.execute("INSERT OR IGNORE INTO blobs (hash, deflated, data) VALUES (?, ?, ?)", (key, deflated, data))
    connection.execute("INSERT OR IGNORE INTO blob_uses (no, hash) VALUES (?, ?)", (no, key))


def load_blob(connection: sqlite3.Connection, digest: str) -> bytes | None:
    """Return stored bytes by their digest, or `None`."""
    row = connection.execute("SELECT deflated, data FROM blobs WHERE hash = ?", (bytes.fromhex(digest),)).fetchone()
    if row is None:
        return None
    # No more than was ever deflated comes out, whatever the row claims.
    return zlib.decompressobj().decompress(row[1], _DEFLATE_TO) if row[0] else bytes(row[1])

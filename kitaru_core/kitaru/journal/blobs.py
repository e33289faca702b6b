"""Content-addressed bytes: each distinct content stands once in the journal, however many executions use it.

What a framework hands over says the same things again and again: a tool's result comes back inside the next message,
and a whole conversation inside the result of a run. Bytes of this sort are *packed*: long ones are cut where their
elements meet, so that a longer conversation shares the pieces of a shorter one, and bytes that contain much of others
are deflated with those as their dictionary.
"""

from __future__ import annotations

import re
import zlib
from collections import Counter, OrderedDict
from hashlib import sha256
from typing import TYPE_CHECKING

from kitaru.journal.packing import deflate

if TYPE_CHECKING:
    import sqlite3

__all__ = ["load_blob", "store_blob"]

_DEFLATE_FROM = 512
_DEFLATE_TO = 32 * 1024
_WORTH = 0.85
_DIGEST = 32

# How the data of a row is to be read: as it is, deflated, as the digest of another blob and what was deflated with
# that one as dictionary, or as the digests of the pieces that it is made of.
_PLAIN, _DEFLATED, _ALIKE, _PIECES = range(4)


def store_blob(connection: sqlite3.Connection, no: int, digest: str, data: bytes, *, packed: bool = False) -> None:
    """Store bytes unless they are there already, and note that an execution uses them.

    Messages of a conversation compress well and quickly; short bytes do not, and long ones would cost more time than
    their sync.

    Args:
        connection: A connection inside a transaction.
        no: The execution's number.
        digest: SHA-256 of the bytes, in hexadecimal.
        data: The bytes.
        packed: Whether to look for what the bytes have in common with others.
    """
    key = bytes.fromhex(digest)
    connection.execute(_USE, (no, key))
    if packed:
        if not _use_again(connection, no, key):
            _store_packed(connection, no, key, data)
        return
    form, stored = _deflated(data)
    if connection.execute(_INSERT, (key, form, stored)).rowcount == 0:
        _use_again(connection, no, key)


_INSERT = "INSERT OR IGNORE INTO blobs (hash, deflated, data) VALUES (?, ?, ?)"
_USE = "INSERT OR IGNORE INTO blob_uses (no, hash) VALUES (?, ?)"
_SELECT = "SELECT deflated, data FROM blobs WHERE hash = ?"
# Only what is made of other blobs is looked into; a megabyte that is met again need not be read.
_SELECT_PARTS = "SELECT deflated, CASE WHEN deflated >= ? THEN data END FROM blobs WHERE hash = ?"


def load_blob(connection: sqlite3.Connection, digest: str) -> bytes | None:
    """Return stored bytes by their digest, or `None`; of damaged ones nothing, which does not have that digest."""
    try:
        return _load(connection, bytes.fromhex(digest))
    except (zlib.error, RecursionError):
        return b""


def _load(connection: sqlite3.Connection, key: bytes) -> bytes | None:
    row = connection.execute(_SELECT, (key,)).fetchone()
    if row is None or row[0] == _PLAIN:
        return None if row is None else bytes(row[1])
    form, data = row
    if form == _DEFLATED:
        return _inflated(data)
    parts = [_load(connection, part) for part in _parts(form, data)]
    if None in parts:
        return None
    if form == _PIECES:
        return b"".join(part or b"" for part in parts)
    return _inflated(data[_DIGEST:], parts[0] or b"")


def _inflated(data: bytes, dictionary: bytes = b"") -> bytes:
    # No more than was ever deflated comes out, whatever the row claims.
    return zlib.decompressobj(zdict=dictionary).decompress(data, _DEFLATE_TO)


def _parts(form: int, data: bytes) -> list[bytes]:
    """Return the blobs without which a row cannot be read."""
    end = {_ALIKE: _DIGEST, _PIECES: len(data)}.get(form, 0)
    return [data[start : start + _DIGEST] for start in range(0, end, _DIGEST)]


def _use_again(connection: sqlite3.Connection, no: int, key: bytes) -> bool:
    """Note that an execution also uses what a stored blob cannot be read without; say whether there is such a blob."""
    row = connection.execute(_SELECT_PARTS, (_ALIKE, key)).fetchone()
    if row is None:
        return False
    for part in _parts(row[0], row[1] or b""):
        connection.execute(_USE, (no, part))
        _use_again(connection, no, part)
    return True


def _deflated(data: bytes) -> tuple[int, bytes]:
    if _DEFLATE_FROM <= len(data) <= _DEFLATE_TO:
        packed = deflate(data)
        if len(packed) < len(data) * _WORTH:
            return _DEFLATED, packed
    return _PLAIN, data


_MEETING = re.compile(rb"(?<=[}\]]),(?=[{\[])")
_PIECE_FROM = 2 * 1024


def _store_packed(connection: sqlite3.Connection, no: int, key: bytes, data: bytes) -> None:
    pieces = _cut(data) if len(data) > _DEFLATE_TO else [data]
    if len(pieces) > 1:
        keys = [sha256(piece).digest() for piece in pieces]
        for part, piece in zip(keys, pieces, strict=True):
            store_blob(connection, no, part.hex(), piece, packed=True)
        connection.execute(_INSERT, (key, _PIECES, b"".join(keys)))
        return
    form, stored = _deflated(data)
    base = _likeness.find(data) if _DEFLATE_FROM <= len(data) <= _DEFLATE_TO else None
    alike = None if base is None else _alike(connection, base, data)
    if base is not None and alike is not None and len(alike) < len(stored) * _WORTH:
        connection.execute(_USE, (no, base))
        form, stored = _ALIKE, alike
    connection.execute(_INSERT, (key, form, stored))
    if form != _ALIKE and len(data) <= _DEFLATE_TO:
        _likeness.add(key, data)


def _alike(connection: sqlite3.Connection, base: bytes, data: bytes) -> bytes | None:
    """Deflate bytes with another blob as the dictionary, if that one is here and readable by itself."""
    row = connection.execute(_SELECT, (base,)).fetchone()
    if row is None or row[0] not in {_PLAIN, _DEFLATED}:
        return None
    return base + deflate(data, bytes(row[1]) if row[0] == _PLAIN else _inflated(row[1]))


def _cut(data: bytes) -> list[bytes]:
    """Cut JSON into pieces where two elements meet; equal elements end up in equal pieces."""
    starts = [0]
    for found in _MEETING.finditer(data):
        if found.end() - starts[-1] >= _PIECE_FROM:
            starts.append(found.end())
    return [data[start:end] for start, end in zip(starts, [*starts[1:], len(data)], strict=True)]


class _Likeness:
    """Remembers a little of each blob stored lately in this process, to find those that others contain.

    It is a hint only: whether a blob is really there is asked of the database.
    """

    _RUN = re.compile(rb"[\w ,.:;/()-]{24,}")
    _LENGTH = 24
    _EACH = 8
    _MOST = 8192

    def __init__(self) -> None:
        self._known: OrderedDict[bytes, bytes] = OrderedDict()

    def _marks(self, data: bytes) -> dict[bytes, int]:
        """Return the ends of the longest plain runs, and how long each run is.

        Escapes of JSON end a run in a text and in a message alike.
        """
        runs = sorted(self._RUN.findall(data), key=len)
        return {run[-self._LENGTH :]: len(run) for run in runs[-self._EACH :]}

    def add(self, key: bytes, data: bytes) -> None:
        """Remember a blob."""
        for mark in self._marks(data):
            self._known[mark] = key
        while len(self._known) > self._MOST:
            self._known.popitem(last=False)

    def find(self, data: bytes) -> bytes | None:
        """Return the blob that has most in common with these bytes, if there is one."""
        votes: Counter[bytes] = Counter()
        for mark, length in self._marks(data).items():
            if mark in self._known:
                votes[self._known[mark]] += length
        return max(votes, key=votes.__getitem__, default=None)


_likeness = _Likeness()

"""How entries lie in the files of diskcache: as raw bytes, or not at all.

diskcache unpickles keys and values whose row says so, and opens and removes the files that rows name. Whoever can write
one row of its database could therefore run code, or have any file read or deleted. Here a row is data that may be
hostile: only raw bytes are read, and only files that this class itself would have named are touched.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from diskcache import Disk
from diskcache.core import MODE_BINARY, MODE_RAW, UNKNOWN

__all__ = ["BytesDisk", "ForeignEntryError"]

_FILE: Final = re.compile(r"[0-9a-f]{2}/[0-9a-f]{2}/[0-9a-f]{28}\.val\Z")


class ForeignEntryError(ValueError):
    """A row holds something that this cache never writes."""


class BytesDisk(Disk):  # type: ignore[misc]  # diskcache ships no types
    """Stores text keys and bytes, and refuses everything else on the way in and on the way out."""

    def put(self, key: object) -> tuple[str, bool]:
        """Return the form of a key in the database.

        Raises:
            ForeignEntryError: The key is no text; diskcache would pickle it.
        """
        if type(key) is not str:
            msg = f"Keys of this cache are text; {type(key).__name__} would have to be pickled."
            raise ForeignEntryError(msg)
        return key, True

    def get(self, key: object, raw: object) -> str:
        """Return a key from its form in the database.

        Raises:
            ForeignEntryError: It is no text, or marked as pickled.
        """
        if not raw or type(key) is not str:
            msg = "The cache holds a key that it did not write; it is not read."
            raise ForeignEntryError(msg)
        return key

    def store(self, value: object, read: object, key: object = UNKNOWN) -> tuple[int, int, str | None, object]:
        """Store a value.

        Raises:
            ForeignEntryError: The value is not bytes; diskcache would pickle it.
        """
        if type(value) is not bytes or read:
            msg = f"Values of this cache are bytes; {type(value).__name__} would have to be pickled."
            raise ForeignEntryError(msg)
        size, mode, filename, stored = super().store(value, read=False, key=key)
        return size, mode, filename, stored

    def fetch(self, mode: object, filename: object, value: object, read: object) -> bytes:
        """Return a stored value.

        Raises:
            ForeignEntryError: The row is pickled, is text, or names a file that this cache did not make.
        """
        if mode == MODE_RAW and type(value) is bytes and not read:
            return value
        if mode == MODE_BINARY and self._is_own(filename) and not read:
            return Path(self._directory, str(filename)).read_bytes()
        msg = "The cache holds an entry that it did not write; it is not read."
        raise ForeignEntryError(msg)

    def remove(self, file_path: object) -> None:
        """Remove the file of an entry; a file that this cache did not make is left alone."""
        if self._is_own(file_path):
            super().remove(file_path)

    def _is_own(self, filename: object) -> bool:
        """Tell whether a name is one that diskcache makes up, of a plain file in plain folders of the cache."""
        if not isinstance(filename, str) or not _FILE.match(filename):
            return False
        path = Path(self._directory, filename)
        return not any(one.is_symlink() for one in (path, path.parent, path.parent.parent))

"""A result cache on diskcache."""

from __future__ import annotations

import hashlib
import logging
import os
import sqlite3
import stat
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

from diskcache import Cache, Timeout

from kitaru.errors import KitaruUsageError
from kitaru_plugins.diskcache_cache.desk import Desk
from kitaru_plugins.diskcache_cache.disk import BytesDisk, ForeignEntryError

__all__ = ["DiskResultCache"]

logger = logging.getLogger("kitaru.plugins.diskcache_cache")

T = TypeVar("T")

_SIZE_LIMIT: Final = 1 << 30
_HEAD: Final = b"kitaru-result/1\n"
_DIGEST_SIZE: Final = hashlib.sha256().digest_size


class DiskResultCache:
    """Results by key in a private folder; the least recently used ones leave when it is full.

    A cache can only save work, so its troubles never fail a run: what cannot be read is a miss, what cannot be written
    is left out, and both are logged. Several processes and threads may use one folder at once.
    """

    def __init__(self, folder: Path, *, size_limit: int = _SIZE_LIMIT) -> None:
        """Open the cache in a folder, which is created if it is missing.

        Args:
            folder: A folder of its own.
            size_limit: Bytes beyond which entries are evicted.

        Raises:
            KitaruUsageError: The folder is a link, belongs to somebody else, or has a name that cannot be used.
        """
        _make_private(folder)
        self._folder = folder
        self._size_limit = size_limit
        self._opening = threading.Lock()
        self._opened_by = 0
        self._open()

    def get(self, key: str) -> bytes | None:
        """Return the bytes kept under `key`, or `None`; an entry that is damaged or foreign is removed."""
        try:
            sealed = self._tolerate("read", lambda: self._cache.get(key), None)
            return None if sealed is None else _unseal(key, sealed)
        except ForeignEntryError as error:
            logger.warning("Result cache %s: %s", self._folder, error)
            self.discard(key)
            return None

    def put(self, key: str, data: bytes) -> None:
        """Keep `data` under `key`, in place of what was there."""
        self._tolerate("written", lambda: self._cache.set(key, _seal(key, data)), None)

    def discard(self, key: str) -> bool:
        """Forget `key`; return whether there was anything."""
        return self._tolerate("changed", lambda: bool(self._cache.delete(key)), False)  # noqa: FBT003 - the answer then

    def clear(self) -> int:
        """Forget everything; return how many entries there were."""
        return self._tolerate("changed", lambda: int(self._cache.clear()), 0)

    def close(self) -> None:
        """Close the database; the cache opens again when it is used again."""
        with self._opening:
            if self._opened_by == os.getpid():
                self._opened_by = 0
                self._desk.close()

    def _open(self) -> None:
        desk = Desk("kitaru-results")
        try:
            self._cache: Cache = desk.ask(self._connect).result()
        except BaseException:
            desk.close()
            raise
        desk.at_close(self._cache.close)
        self._desk, self._opened_by = desk, os.getpid()

    def _connect(self) -> Cache:
        return Cache(
            str(self._folder),
            timeout=1,
            disk=BytesDisk,
            eviction_policy="least-recently-used",
            size_limit=self._size_limit,
            cull_limit=2,
        )

    def _tolerate(self, what: str, work: Callable[[], T], otherwise: T) -> T:
        """Do some work on the database and return what it gives, or something else when the store fails."""
        try:
            with self._opening:
                if self._opened_by != os.getpid():
                    # A forked process has the object but not the thread.
                    self._open()
                waiting = self._desk.ask(work)
            return waiting.result()
        except (OSError, sqlite3.Error, Timeout) as error:
            logger.warning("The result cache could not be %s: %s: %s", what, type(error).__name__, error)
            return otherwise


def _seal(key: str, data: bytes) -> bytes:
    """Return what is stored: a digest over key and data in front, so that damage and mix-ups are noticed."""
    return _HEAD + _digest(key, data) + data


def _unseal(key: str, sealed: bytes) -> bytes:
    start = len(_HEAD) + _DIGEST_SIZE
    data = sealed[start:]
    if sealed[:start] != _HEAD + _digest(key, data):
        msg = "An entry is damaged or belongs to another key; it is not used."
        raise ForeignEntryError(msg)
    return data


def _digest(key: str, data: bytes) -> bytes:
    name = key.encode()
    return hashlib.sha256(len(name).to_bytes(8, "big") + name + data).digest()


def _make_private(folder: Path) -> None:
    if os.path.expandvars(os.path.expanduser(folder)) != str(folder):  # noqa: PTH111 - what diskcache would make of it
        msg = (
            f"The result cache cannot be kept in {str(folder)!r}: diskcache would expand that name. Use another folder."
        )
        raise KitaruUsageError(msg)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        msg = (
            f"The result cache cannot be kept in {str(folder)!r}: it is a link or belongs to another user, who could "
            "put results into it. Remove it, or name another folder."
        )
        raise KitaruUsageError(msg)
    if stat.S_IMODE(found.st_mode) != 0o700:  # noqa: PLR2004 - nobody but its owner
        folder.chmod(0o700)

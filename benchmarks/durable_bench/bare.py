"""Bare commits from an event loop: the least that any engine pays which does not make the loop wait for the disk."""

from __future__ import annotations

import asyncio
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["BareCommits"]

_ROW = b"x" * 600


class BareCommits:
    """A table with one thread that writes to it.

    Args:
        folder: Where the database is made.
    """

    def __init__(self, folder: Path) -> None:
        self._thread = ThreadPoolExecutor(1)
        self._database = sqlite3.connect(folder / "bare.db", isolation_level=None, check_same_thread=False)
        for statement in ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL", "CREATE TABLE rows (data BLOB)"):
            self._database.execute(statement)

    async def commit(self) -> None:
        """Write one row durably while the loop goes on."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._write)

    def _write(self) -> None:
        self._database.execute("INSERT INTO rows (data) VALUES (?)", (_ROW,))

"""The floor: one plain INSERT and commit of SQLite per step, or one file written and synced."""

from __future__ import annotations

import os
import sqlite3
import sys
import time
from typing import TYPE_CHECKING

from durable_bench.meter import Meter

if TYPE_CHECKING:
    from pathlib import Path

Costs = dict[str, float | None]


class Peer:
    """SQLite with a write-ahead log and synchronous=FULL, through the standard library."""

    version = f"sqlite {sqlite3.sqlite_version}"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._rows = 0
        self._db = self._open("raw.db", "FULL")
        self._relaxed = self._open("relaxed.db", "NORMAL")

    def _open(self, name: str, synchronous: str) -> sqlite3.Connection:
        db = sqlite3.connect(self._folder / name, isolation_level=None)
        db.execute("PRAGMA journal_mode=WAL")
        db.execute(f"PRAGMA synchronous={synchronous}")
        db.execute("CREATE TABLE step (id INTEGER PRIMARY KEY, output BLOB)")
        db.execute("CREATE TABLE run (id INTEGER PRIMARY KEY, created REAL, status TEXT)")
        db.execute("CREATE INDEX run_created ON run (created DESC)")
        return db

    def _insert(self, db: sqlite3.Connection, count: int, size: int) -> Costs:
        payload = b"x" * size
        with Meter() as meter:
            for _ in range(count):
                self._rows += 1
                db.execute("INSERT INTO step VALUES (?, ?)", (self._rows, payload))
                meter.lap()
        return meter.result(count)

    def steps(self, count: int, size: int) -> Costs:
        """Insert and commit `count` rows of `size` bytes, each synced to the disk."""
        return self._insert(self._db, count, size)

    def relaxed_steps(self, count: int, size: int) -> Costs:
        """Insert and commit rows that survive the process but not the machine."""
        return self._insert(self._relaxed, count, size)

    def files(self, count: int, size: int) -> Costs:
        """Write and sync one file of `size` bytes per step."""
        payload = b"x" * size
        with Meter() as meter:
            for n in range(count):
                path = self._folder / f"blob{n}"
                with path.open("wb") as file:
                    file.write(payload)
                    file.flush()
                    os.fdatasync(file.fileno())
                meter.lap()
        for n in range(count):
            (self._folder / f"blob{n}").unlink()
        return meter.result(count)

    def flows(self, count: int) -> Costs:
        """Commit a run's start, its one step and its end."""
        with Meter() as meter:
            for n in range(count):
                self._rows += 1
                self._db.execute("INSERT INTO run VALUES (?, ?, 'running')", (self._rows, float(n)))
                self._db.execute("INSERT INTO step VALUES (?, ?)", (self._rows, b"x"))
                self._db.execute("UPDATE run SET status = 'completed' WHERE id = ?", (self._rows,))
                meter.lap()
        return meter.result(count)

    def listing(self, total: int, repeat: int) -> Costs:
        """Read the latest 50 of `total` runs."""
        self._db.execute("BEGIN")
        rows = ((None, time.time(), "completed") for _ in range(total))
        self._db.executemany("INSERT INTO run VALUES (?, ?, ?)", rows)
        self._db.execute("COMMIT")
        with Meter() as meter:
            for _ in range(repeat):
                self._db.execute("SELECT * FROM run ORDER BY created DESC LIMIT 50").fetchall()
                meter.lap()
        return meter.result(repeat)

    def close(self) -> None:
        """Close both databases."""
        self._db.close()
        self._relaxed.close()


if sys.platform != "linux":  # pragma: no cover - the meter reads /proc and fdatasync
    msg = "The benchmarks need Linux: they read /proc and count fdatasync."
    raise SystemExit(msg)

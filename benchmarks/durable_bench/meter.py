"""What a piece of work cost: time on the wall, time on the processor, syncs, memory."""

from __future__ import annotations

import os
import struct
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["Meter", "resident_bytes", "syncs"]

_PAGE = os.sysconf("SC_PAGE_SIZE")


def syncs() -> int | None:
    """Return how many times this worker and its children have called fsync or fdatasync.

    Returns:
        The count, or `None` where the counting library could not be built.
    """
    path = os.environ.get("BENCH_SYNC_COUNTER")
    if not path:
        return None
    return int(struct.unpack("q", Path(path).read_bytes()[:8])[0])


def resident_bytes() -> int:
    """Return the memory this process holds, in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE


class Meter:
    """Measures the work done inside a `with` block.

    Attributes:
        laps: Seconds of each piece, where the work calls `lap` after each one.
    """

    def __init__(self) -> None:
        self.laps: list[float] = []
        self._seconds = self._cpu = 0.0
        self._last = time.perf_counter()
        self._syncs: int | None = None
        self._memory = 0

    def __enter__(self) -> Self:
        """Begin to measure."""
        self._memory = resident_bytes()
        self._syncs = syncs()
        self._cpu = time.process_time()
        self._seconds = self._last = time.perf_counter()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        """End measuring."""
        self._seconds = time.perf_counter() - self._seconds
        self._cpu = time.process_time() - self._cpu
        after = syncs()
        self._syncs = None if after is None or self._syncs is None else after - self._syncs
        self._memory = resident_bytes() - self._memory

    def lap(self) -> None:
        """Note that one more piece is done."""
        now = time.perf_counter()
        self.laps.append(now - self._last)
        self._last = now

    def result(self, count: int) -> dict[str, float | None]:
        """Return the costs of the finished block.

        Args:
            count: How many pieces were done.

        Returns:
            Seconds, the median of one piece, processor seconds and syncs per piece, and growth of memory in bytes.
        """
        each = sorted(self.laps)
        return {
            "count": count,
            "seconds": self._seconds,
            "piece": each[len(each) // 2] if each else self._seconds / count,
            "cpu": self._cpu / count,
            "syncs": None if self._syncs is None else self._syncs / count,
            "memory": self._memory,
        }

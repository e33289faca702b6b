"""The lock in front of the one writing connection."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType

__all__ = ["CommitLock"]


class CommitLock:
    """A re-entrant lock that tells somebody each time it was released.

    Callers who wait for their records to be committed do not queue up at the lock itself, where each would have to be
    woken in turn only to learn that its work is done. They sleep until it is, and one of them is woken here when nobody
    holds the lock any more and there is work left.

    Args:
        on_release: Called after each release, by whoever released it.
    """

    __slots__ = ("_lock", "_on_release")

    def __init__(self, on_release: Callable[[], None]) -> None:
        self._lock = threading.RLock()
        self._on_release = on_release

    def try_acquire(self) -> bool:
        """Take the lock if it is free; say whether it was."""
        return self._lock.acquire(blocking=False)

    def release(self) -> None:
        """Release the lock."""
        self._lock.release()
        self._on_release()

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

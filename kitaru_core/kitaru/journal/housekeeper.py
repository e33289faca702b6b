"""The background care of an open journal.

One daemon thread, alive only while this process runs executions. It writes what may be written a little later, renews
leases, notices what other processes did, and moves the write-ahead log into the database when nobody is waiting. No
caller ever waits for it.
"""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Callable
from typing import Protocol

from kitaru.errors import KitaruUsageError

__all__ = ["Housekeeper", "heartbeat_seconds", "lease_seconds"]

_TICK = 0.02
_LAZY_AFTER = 0.025
_CARE_EVERY = 0.25


def lease_seconds() -> float:
    """Return how long a lease lives without a heartbeat (`KITARU_LEASE_TTL`, 20 s by default).

    Raises:
        KitaruUsageError: The variable is no number of seconds above 0.
    """
    return _seconds("KITARU_LEASE_TTL", 20.0)


def heartbeat_seconds() -> float:
    """Return how often a lease is renewed (`KITARU_LEASE_HEARTBEAT`, a quarter of its life by default).

    Raises:
        KitaruUsageError: A variable is no number of seconds above 0.
    """
    return _seconds("KITARU_LEASE_HEARTBEAT", lease_seconds() / 4)


def _seconds(variable: str, default: float) -> float:
    given = os.environ.get(variable, "").strip()
    if not given:
        return default
    try:
        found = float(given)
    except ValueError:
        found = 0.0
    if not 0 < found < math.inf:
        msg = f"{variable} must be a number of seconds above 0, not {given!r}."
        raise KitaruUsageError(msg)
    return found


class Chores(Protocol):
    """What a housekeeper does for its journal."""

    def has_leases(self) -> bool:
        """Whether this process runs executions."""

    def write_overdue(self, started_before: float) -> None:
        """Write queued records, and the starts of calls older than a monotonic moment."""

    def look_around(self) -> None:
        """Notice what other processes changed."""

    def renew_leases(self) -> None:
        """Renew the leases of this process."""

    def tend_log(self) -> None:
        """Move the write-ahead log into the database if it has grown."""


class Housekeeper:
    """Runs the chores of a journal.

    Args:
        chores: The journal's chores.
        on_fault: Told when a chore failed; the next round tries again.

    Raises:
        KitaruUsageError: The times of leases are set to what cannot be.
    """

    def __init__(self, chores: Chores, on_fault: Callable[[Exception], None]) -> None:
        if heartbeat_seconds() >= lease_seconds():
            msg = "KITARU_LEASE_HEARTBEAT must be below KITARU_LEASE_TTL, or leases end between two signs of life."
            raise KitaruUsageError(msg)
        self._chores = chores
        self._on_fault = on_fault
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def ensure_running(self) -> None:
        """Start the thread unless it runs."""
        with self._lock:
            if self._thread is None and not self._stopping.is_set():
                self._thread = threading.Thread(target=self._run, name="kitaru-housekeeper", daemon=True)
                self._thread.start()

    def stop(self) -> None:
        """End the thread and wait for it."""
        self._stopping.set()
        with self._lock:
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def _run(self) -> None:
        heartbeat, renewed, cared = heartbeat_seconds(), time.monotonic(), 0.0
        idle_since: float | None = None
        while not self._stopping.wait(_TICK):
            now = time.monotonic()
            self._try(lambda: self._chores.write_overdue(time.monotonic() - _LAZY_AFTER))
            self._try(self._chores.look_around)
            if now - renewed >= heartbeat:
                renewed = now
                self._try(self._chores.renew_leases)
            if now - cared >= _CARE_EVERY:
                cared = now
                self._try(self._chores.tend_log)
            idle_since = None if self._chores.has_leases() else idle_since or now
            if idle_since is not None and now - idle_since > 1.0 and self._leave():
                return

    def _leave(self) -> bool:
        with self._lock:
            if self._chores.has_leases():
                return False
            self._thread = None
            return True

    def _try(self, chore: Callable[[], None]) -> None:
        try:
            chore()
        except Exception as error:  # noqa: BLE001 - a failed chore must not end the care of all executions
            self._on_fault(error)

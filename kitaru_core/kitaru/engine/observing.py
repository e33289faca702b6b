"""Showing records to the plugins that watch them: at least once, also when the process is killed in between.

A process notes which executions it writes to before it writes, in a small file of its own beside the journal, and
strikes them out when they have come to rest and everything was delivered. The file is locked as long as the process
lives. Whoever opens the journal next takes over the files of the dead, and shows again what may not have been shown.
Nothing of this is synced, and nothing is written for a single record: a few bytes at the beginning and end of a run,
and now and then in between. Without a plugin that watches, nothing is written at all.
"""

from __future__ import annotations

import fcntl
import logging
import os
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final
from uuid import uuid4
from weakref import WeakSet

from kitaru.engine.hooking import plugins_if_sound
from kitaru.errors import KitaruNotFoundError
from kitaru.records.facts import CheckpointCompleted
from kitaru.records.record import Record
from kitaru.settings.paths import observers_directory

if TYPE_CHECKING:
    from kitaru.journal.api import Committed, Journal

__all__ = ["Observers"]

_log = logging.getLogger("kitaru")
_ADVANCE: Final = 64
"""So many records of an execution may be shown again after a crash, beside those that were not delivered."""
_LONGEST: Final = 1 << 18
_UNFINISHED: Final = ".new"
_alive: WeakSet[Observers] = WeakSet()


class _Debt:
    """What observers may be owed of one execution.

    Attributes:
        after: All records up to this place were delivered, as noted in the file.
        shown: All records up to this place were shown.
        pending: How many are still being delivered.
        failed: Whether one could not be delivered.
        at_rest: Whether this process writes to the execution no more.
    """

    __slots__ = ("after", "at_rest", "failed", "pending", "shown")

    def __init__(self, after: int) -> None:
        self.after = self.shown = after
        self.pending = 0
        self.failed = self.at_rest = False


class Observers:
    """The plugins that watch one journal, and what this process owes them.

    Args:
        url: Address of the journal.
    """

    def __init__(self, url: str) -> None:
        self._folder = observers_directory(url)
        self._path: Path | None = None
        self._file = -1
        self._size = 0
        self._debts: dict[str, _Debt] = {}
        self._lock = threading.Lock()
        _alive.add(self)

    def show(self, committed: list[Committed]) -> None:
        """Show records that became durable; whatever is wrong with a plugin, the records stand.

        Args:
            committed: The records, in the order of the journal.
        """
        manager = plugins_if_sound()
        if manager is None:
            return
        if type(committed[-1][2]) is not CheckpointCompleted:
            # Who began to listen since the last run is noticed at once, though not for every single step.
            manager.attend()
        if not manager.record_hooks_active:
            return
        for lease, seq, fact, digest in committed:
            record = Record(lease.execution_id, seq, fact, digest.hex())  # type: ignore[arg-type]  # every fact written here is a known one
            self._shown(record, manager.record_committed(record))

    def owe(self, execution_id: str, after: int) -> bool:
        """Note that this process is about to write to an execution.

        Args:
            execution_id: The execution.
            after: Place of its last record.

        Returns:
            Whether it was not noted before, so that the caller is to call `rest` in the end.
        """
        manager = plugins_if_sound()
        if manager is None or not manager.record_hooks_owed or self._folder is None:
            return False
        with self._lock:
            if execution_id in self._debts:
                return False
            self._debts[execution_id] = _Debt(after)
            self._note(f"+{execution_id} {after}\n")
        return True

    def rest(self, execution_id: str) -> None:
        """Note that this process writes to an execution no more; all its records have been shown."""
        with self._lock:
            debt = self._debts.get(execution_id)
            if debt is not None:
                debt.at_rest = True
                self._strike_out(execution_id, debt)

    def catch_up(self, journal: Journal) -> None:
        """Show again what processes that died may not have shown.

        Args:
            journal: The journal.
        """
        left = list(self._left_behind())
        if left and plugins_if_sound() is None:
            for _, handle in left:
                os.close(handle)  # and with it the lock: they are left to a process whose plugins are sound
            return
        for path, handle in left:
            debts = _read(handle)
            taken = [execution_id for execution_id, after in debts.items() if self.owe(execution_id, after)]
            # What is owed stands in this process's own file now.
            path.unlink(missing_ok=True)
            os.close(handle)
            for execution_id in taken:
                self._show_again(journal, execution_id, debts[execution_id])
                self.rest(execution_id)

    def close(self) -> None:
        """Remove the file, unless something could not be delivered; then it stays for the next process."""
        with self._lock:
            undelivered = any(debt.pending or debt.failed for debt in self._debts.values())
            if self._path is not None and not undelivered:
                self._path.unlink(missing_ok=True)
            self.leave()

    def leave(self) -> None:
        """Let go of the file as it is."""
        if self._file >= 0:
            os.close(self._file)
        self._file, self._path = -1, None
        self._debts = {}

    def _show_again(self, journal: Journal, execution_id: str, after: int) -> None:
        manager = plugins_if_sound()
        if manager is None:
            return
        with suppress(KitaruNotFoundError):  # it was deleted meanwhile
            for record in journal.records(execution_id, after=after):
                self._shown(record, manager.record_owed(record))

    def _shown(self, record: Record, deliveries: Iterable[Future[object]]) -> None:
        debt = self._debts.get(record.execution_id)
        if debt is None:
            return
        debt.shown = record.seq
        for delivery in deliveries:
            with self._lock:
                debt.pending += 1
            delivery.add_done_callback(lambda done: self._delivered(record.execution_id, debt, done))
        if debt.shown - debt.after >= _ADVANCE and not debt.pending and not debt.failed:
            with self._lock:
                debt.after = debt.shown
                self._note(f"+{record.execution_id} {debt.after}\n")

    def _delivered(self, execution_id: str, debt: _Debt, done: Future[object]) -> None:
        with self._lock:
            debt.pending -= 1
            debt.failed = debt.failed or done.cancelled() or done.exception() is not None
            self._strike_out(execution_id, debt)

    def _strike_out(self, execution_id: str, debt: _Debt) -> None:
        if debt.at_rest and not debt.pending and not debt.failed and self._debts.get(execution_id) is debt:
            del self._debts[execution_id]
            self._note(f"-{execution_id}\n")

    def _note(self, line: str) -> None:
        """Write a line; a file that has become long, and then is mostly struck out, is written anew as a whole."""
        try:
            if self._file < 0 or self._size > _LONGEST:
                self._begin()
            else:
                self._size += os.write(self._file, line.encode())
        except OSError as error:
            _log.warning("After a crash, plugins may miss records of this process: %s", error)

    def _begin(self) -> None:
        assert self._folder is not None  # noqa: S101 - nothing is owed without a folder
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._folder / uuid4().hex
        # Under its final name it is locked from the first moment, so nobody takes it for one that was left behind.
        unfinished = path.with_suffix(_UNFINISHED)
        handle = os.open(unfinished, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
        fcntl.flock(handle, fcntl.LOCK_EX)
        kept = "".join(f"+{execution_id} {debt.after}\n" for execution_id, debt in self._debts.items())
        self._size = os.write(handle, kept.encode())
        unfinished.rename(path)
        before, self._file, old, self._path = self._file, handle, self._path, path
        if before >= 0 and old is not None:
            old.unlink(missing_ok=True)
            os.close(before)

    def _left_behind(self) -> Iterator[tuple[Path, int]]:
        """Yield the files of processes that are gone, open and locked."""
        with suppress(OSError):
            for name in os.listdir(self._folder or os.devnull):  # noqa: PTH208 - almost always there is nothing
                path = Path(str(self._folder), name)
                if path == self._path or path.suffix == _UNFINISHED:
                    continue
                with suppress(OSError):
                    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
                    try:
                        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    except OSError:
                        os.close(handle)
                    else:
                        yield path, handle


def _read(handle: int) -> dict[str, int]:
    """Return what a file says is owed; a last line that was cut short was never followed by a record."""
    debts: dict[str, int] = {}
    with open(handle, encoding="ascii", errors="replace", closefd=False) as file:
        for line in file:
            execution_id, _, after = line[1:].strip().partition(" ")
            if line.startswith("+") and line.endswith("\n") and after.lstrip("-").isdecimal():
                debts[execution_id] = int(after)
            elif line.startswith("-"):
                debts.pop(execution_id, None)
    return debts


def _leave_to_the_parent() -> None:
    # A forked child has journals of its own, and must not keep its parent's file locked when that one dies.
    for observers in list(_alive):
        observers.leave()


os.register_at_fork(after_in_child=_leave_to_the_parent)

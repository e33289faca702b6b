"""The part of `client.executions` that decides what is kept: archives, deleting, pruning."""

from __future__ import annotations

import time
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from kitaru.errors import KitaruNotFoundError, KitaruStateError, KitaruUsageError
from kitaru.journal.api import ListQuery, effective_status
from kitaru.operating.archives import MAX_ARCHIVE_BYTES, read_archive, write_archive
from kitaru.operating.pages import check_count

if TYPE_CHECKING:
    from kitaru.journal.api import ExecutionRow, Journal

__all__ = ["Keeping"]

_ENDS = ("completed", "failed", "cancelled")


class Keeping:
    """Archives and deletes executions.

    Args:
        journal: Where they are recorded.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def export(self, exec_id: str, path: str | Path) -> Path:
        """Write an execution with all its values into one file that only its owner can read.

        Args:
            exec_id: The execution.
            path: The file; it must not exist.

        Returns:
            The file.

        Raises:
            KitaruNotFoundError: There is no such execution.
            KitaruUsageError: The file exists, or cannot be written.
        """
        target = Path(path)
        write_archive(self._journal, exec_id, target)
        return target

    def import_(self, path: str | Path, *, max_bytes: int = MAX_ARCHIVE_BYTES) -> str:
        """Bring an archived execution into this store.

        One that was running becomes a failed one. A replay can be looked at alone; to go on with it, import its source
        as well.

        Args:
            path: An archive that `export` has written.
            max_bytes: How much it may unpack to.

        Returns:
            Id of the execution.

        Raises:
            KitaruUsageError: The file is no archive, or unpacks to too much.
            KitaruStateError: The execution is here already.
            KitaruJournalError: The archive is damaged; nothing was imported.
        """
        return read_archive(self._journal, Path(path), max_bytes=max_bytes)

    def delete(self, exec_id: str) -> None:
        """Delete an execution with everything it has stored; what other executions use as well is kept for them.

        Args:
            exec_id: The execution; nobody must be running it.

        Raises:
            KitaruNotFoundError: There is no such execution.
            KitaruStateError: A runner is at work on it.
        """
        self._journal.delete(exec_id)

    def prune(
        self,
        *,
        older_than: timedelta | None = None,
        keep: int | None = None,
        flow: str | None = None,
        dry_run: bool = False,
    ) -> list[str]:
        """Delete executions that have ended long ago, or that are not among the newest of their flow.

        What is running or waiting is never deleted, nor the source of a replay that may still go on.

        Args:
            older_than: Only those that ended longer ago.
            keep: How many of each flow to keep at least, the newest ones.
            flow: Only of this flow.
            dry_run: Whether only to say which would be deleted.

        Returns:
            Ids of the executions that were deleted, newest first.

        Raises:
            KitaruUsageError: Neither an age nor a number is given, or one is negative.
        """
        _check(older_than, keep)
        before = None if older_than is None else time.time() - older_than.total_seconds()
        needed = {row.original_id for row in self._journal.executions(ListQuery()) if _may_go_on(row)}
        seen: Counter[str] = Counter()
        chosen: list[str] = []
        for row in self._journal.executions(ListQuery(flow=flow)):
            seen[row.flow] += 1
            is_old = before is None or (row.ended_at is not None and row.ended_at < before)
            if effective_status(row) in _ENDS and is_old and seen[row.flow] > (keep or 0) and row.id not in needed:
                chosen.append(row.id)
        return chosen if dry_run else [execution_id for execution_id in chosen if self._delete_still(execution_id)]

    def _delete_still(self, execution_id: str) -> bool:
        """Delete an execution unless somebody has taken it up or deleted it meanwhile; say whether it was deleted."""
        try:
            self._journal.delete(execution_id)
        except (KitaruStateError, KitaruNotFoundError):
            return False
        return True


def _may_go_on(row: ExecutionRow) -> bool:
    return row.original_id is not None and effective_status(row) not in {"completed", "cancelled"}


def _check(older_than: object, keep: object) -> None:
    if older_than is None and keep is None:
        msg = "prune() needs older_than= or keep=, or it would delete every execution that has ended."
        raise KitaruUsageError(msg)
    if older_than is not None and (not isinstance(older_than, timedelta) or older_than < timedelta()):
        msg = f"older_than must be a timedelta that is not negative, not {older_than!r}."
        raise KitaruUsageError(msg)
    check_count("keep", keep, least=0)

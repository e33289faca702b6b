"""Reading what the code of an execution has printed and logged."""

from __future__ import annotations

import itertools
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from kitaru.deferred import asyncio
from kitaru.engine.log_capture import LOG_KIND
from kitaru.errors import KitaruLogRetrievalError, KitaruUsageError
from kitaru.operating.pages import check_count
from kitaru.operating.reading import is_resting, moment
from kitaru.records.plain import JsonObject
from kitaru.settings.environment import captures_logs

if TYPE_CHECKING:
    from kitaru.journal.api import Journal, LiveEvent

__all__ = ["LogEntry", "LogFilter", "follow_logs", "follow_logs_async", "read_logs"]

_EVERY = 0.05
_GRACE = 0.15


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEntry:
    """One line that was printed, or one record that was logged.

    Attributes:
        message: Its text.
        level: Its level; lines of the output streams are `INFO` and `ERROR`.
        timestamp: When.
        source: `step` for a checkpoint, `runner` for the flow's own body.
        checkpoint_name: The checkpoint.
        module: The module that logged it, or the stream it was printed to.
        filename: The file that logged it.
        lineno: The line there.
    """

    message: str
    level: str | None = None
    timestamp: datetime | None = None
    source: str = "step"
    checkpoint_name: str | None = None
    module: str | None = None
    filename: str | None = None
    lineno: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogFilter:
    """Which lines to show.

    Attributes:
        checkpoint: Only of this checkpoint.
        source: `step` or `runner`.
        since: Only what was written after this time.
        limit: At most the first so many.
    """

    checkpoint: str | None = None
    source: str = "step"
    since: datetime | None = None
    limit: int | None = None

    def __post_init__(self) -> None:
        if self.source not in {"step", "runner"}:
            msg = f"source must be `step` or `runner`, not {self.source!r}."
            raise KitaruUsageError(msg)
        if self.checkpoint is not None and self.source == "runner":
            msg = "source='runner' is what the flow's own body wrote, so checkpoint= cannot go with it."
            raise KitaruUsageError(msg)
        if self.since is not None and (not isinstance(self.since, datetime) or self.since.tzinfo is None):
            msg = f"since must be a datetime with a time zone, such as an entry's `timestamp`, not {self.since!r}."
            raise KitaruUsageError(msg)
        check_count("limit", self.limit)

    def shows(self, entry: LogEntry) -> bool:
        """Say whether a line is asked for, the limit left aside."""
        return (
            entry.source == self.source
            and self.checkpoint in {None, entry.checkpoint_name}
            and (self.since is None or (entry.timestamp is not None and entry.timestamp > self.since))
        )


def read_logs(journal: Journal, execution_id: str, wanted: LogFilter) -> list[LogEntry]:
    """Return kept lines in the order in which they were written.

    Args:
        journal: Where they are kept.
        execution_id: The execution.
        wanted: Which lines.

    Returns:
        The lines that there are now.

    Raises:
        KitaruNotFoundError: There is no such execution.
        KitaruLogRetrievalError: None were kept, and none are being kept.
    """
    tail = _Tail(journal, execution_id)
    found = [entry for entry in tail.news() if wanted.shows(entry)]
    tail.check()
    return found[: wanted.limit]


def follow_logs(journal: Journal, execution_id: str, wanted: LogFilter) -> Iterator[LogEntry]:
    """Yield lines as they are written, and end when the execution rests: it has ended, or waits without a runner.

    Args:
        journal: Where they are kept.
        execution_id: The execution.
        wanted: Which lines; with a limit it ends after so many.

    Returns:
        The lines.

    Raises:
        KitaruNotFoundError: There is no such execution.
        KitaruLogRetrievalError: It rests, and no line of it was kept.
    """
    return itertools.islice(_follow(_Tail(journal, execution_id), wanted), wanted.limit)


def _follow(tail: _Tail, wanted: LogFilter) -> Iterator[LogEntry]:
    for pause in tail.looks():
        yield from filter(wanted.shows, tail.news())
        time.sleep(pause)
    tail.check()


async def follow_logs_async(journal: Journal, execution_id: str, wanted: LogFilter) -> AsyncIterator[LogEntry]:
    """Yield lines as `follow_logs` does, without blocking the running event loop."""
    tail, left = _Tail(journal, execution_id), wanted.limit
    looks = tail.looks()
    while (pause := await asyncio.to_thread(next, looks, None)) is not None:
        for entry in filter(wanted.shows, await asyncio.to_thread(tail.news)):
            yield entry
            left = None if left is None else left - 1
            if left == 0:
                return
        await asyncio.sleep(pause)
    tail.check()


class _Tail:
    """Reads what is new among the kept lines of one execution."""

    def __init__(self, journal: Journal, execution_id: str) -> None:
        self._journal = journal
        self._execution_id = execution_id
        self._place = 0
        self._seen = False

    def news(self) -> list[LogEntry]:
        """Return the lines that were not seen before."""
        events = self._journal.events(self._execution_id, after=self._place)
        if events:
            self._place = events[-1].cursor
        found = [_entry(event) for event in events if event.kind == LOG_KIND]
        self._seen = self._seen or bool(found)
        return found

    def looks(self) -> Iterator[float]:
        """Yield once for each look that is worth it, and how long to wait after it."""
        if is_resting(self._journal.execution(self._execution_id)):
            yield 0
            return
        yield _EVERY
        # First whether it rests, then what there is: nothing that was written before is missed.
        while not is_resting(self._journal.execution(self._execution_id)):
            yield _EVERY
        # What another process wrote last may be on its way still when the end is known.
        yield _GRACE
        yield 0

    def check(self) -> None:
        """Raise if there is not one line, and nothing was to be kept.

        Raises:
            KitaruLogRetrievalError: So it is.
        """
        if not self._seen and not captures_logs():
            msg = (
                f"No logs of execution {self._execution_id} were kept. Set KITARU_CAPTURE_LOGS=1 in the process that "
                "runs the flow, before it starts; output of runs before that went to their own terminal only."
            )
            raise KitaruLogRetrievalError(msg)


def _entry(event: LiveEvent) -> LogEntry:
    body = msgspec.json.decode(event.body, type=JsonObject)
    source, data = body.get("kitaru", {}), body.get("data", {})
    return LogEntry(
        message=body.get("message") or "",
        level=data.get("level"),
        timestamp=moment(event.at),
        source=source.get("source") or "step",
        checkpoint_name=source.get("checkpoint_name"),
        module=data.get("module"),
        filename=data.get("filename"),
        lineno=data.get("lineno"),
    )

"""Reading what the code of an execution has printed and logged."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from kitaru.engine.log_capture import LOG_KIND
from kitaru.errors import KitaruLogRetrievalError, KitaruUsageError
from kitaru.operating.reading import moment
from kitaru.settings.environment import captures_logs

if TYPE_CHECKING:
    from kitaru.journal.api import Journal, LiveEvent

__all__ = ["LogEntry", "read_logs"]


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


def read_logs(
    journal: Journal, execution_id: str, *, checkpoint: str | None, source: str, limit: int | None
) -> list[LogEntry]:
    """Return kept lines in the order in which they were written.

    Args:
        journal: Where they are kept.
        execution_id: The execution.
        checkpoint: Only of this checkpoint.
        source: `step` or `runner`.
        limit: At most the first so many.

    Raises:
        KitaruNotFoundError: There is no such execution.
        KitaruUsageError: A filter cannot be.
        KitaruLogRetrievalError: None were kept, and none are being kept.
    """
    if source not in {"step", "runner"}:
        msg = f"source must be `step` or `runner`, not {source!r}."
        raise KitaruUsageError(msg)
    if checkpoint is not None and source == "runner":
        msg = "source='runner' is what the flow's own body wrote, so checkpoint= cannot go with it."
        raise KitaruUsageError(msg)
    if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int) or limit < 1):
        msg = f"limit must be a whole number of at least 1, not {limit!r}."
        raise KitaruUsageError(msg)
    entries = [_entry(event) for event in journal.events(execution_id) if event.kind == LOG_KIND]
    if not entries and not captures_logs():
        msg = (
            f"No logs of execution {execution_id} were kept. Set KITARU_CAPTURE_LOGS=1 in the process that runs the "
            "flow, before it starts; output of runs before that went to their own terminal only."
        )
        raise KitaruLogRetrievalError(msg)
    shown = [one for one in entries if one.source == source and checkpoint in {None, one.checkpoint_name}]
    return shown[:limit]


def _entry(event: LiveEvent) -> LogEntry:
    body = msgspec.json.decode(event.body, type=dict[str, Any])
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

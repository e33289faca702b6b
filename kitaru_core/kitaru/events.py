"""Live events: what a running checkpoint tells whoever watches, and the kinds of those that kitaru tells itself.

Events are for people and programs that look on; nothing depends on them, and trouble on their way never reaches the
code that publishes them. They are watched with `KitaruClient().executions.events(...)`.
"""

from __future__ import annotations

from collections.abc import Mapping

from kitaru.authoring.values import flush_events, progress, publish_event
from kitaru.engine.events import (
    CHECKPOINT_FAILED_KIND,
    CHECKPOINT_PROGRESS_KIND,
    CHECKPOINT_RETURNED_KIND,
    CHECKPOINT_STARTED_KIND,
    CHECKPOINT_STORED_KIND,
)

__all__ = [
    "CHECKPOINT_FAILED_KIND",
    "CHECKPOINT_PROGRESS_KIND",
    "CHECKPOINT_RETURNED_KIND",
    "CHECKPOINT_STARTED_KIND",
    "CHECKPOINT_STORED_KIND",
    "flush",
    "progress",
    "publish",
]


def publish(
    kind: str,
    payload: Mapping[str, object] | None = None,
    *,
    message: str | None = None,
    correlation_id: str | None = None,
    index: int | None = None,
    flush: bool = False,
) -> None:
    """Publish a live event of the present checkpoint.

    Args:
        kind: What happened: one line of text.
        payload: Data of the event; secrets in it are cut out.
        message: A text for people.
        correlation_id: Groups events; one for each attempt by default.
        index: Place within the attempt; counted by default.
        flush: Whether to wait until others can see it.

    Raises:
        KitaruContextError: Called outside of a checkpoint.
        KitaruUsageError: The kind, payload, message or index cannot be.
    """
    publish_event(kind, payload, message=message, correlation_id=correlation_id, index=index, flush=flush)


def flush(timeout: float = 2.0) -> bool:
    """Make what was published visible to other processes now, instead of a moment later.

    Args:
        timeout: Seconds to wait at most.

    Returns:
        Whether everything is visible.

    Raises:
        KitaruUsageError: The timeout is no number of seconds.
    """
    return flush_events(timeout)

"""`log`, `save`, `load`, `progress`: what a flow or a checkpoint leaves for readers."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from kitaru.engine.events import CHECKPOINT_PROGRESS_KIND, check_percent
from kitaru.engine.journals import default_journal
from kitaru.engine.lookup import find_value
from kitaru.engine.scope import current_boundary, current_run
from kitaru.errors import KitaruBackendError, KitaruContextError, KitaruUsageError
from kitaru.journal.api import ListQuery
from kitaru.settings.values import seconds

if TYPE_CHECKING:
    from kitaru.engine.call import Call

__all__ = ["current_execution_id", "flush_events", "load", "log", "progress", "publish_event", "save"]


def current_execution_id() -> str | None:
    """Return the id of the execution this code runs in, or `None`."""
    run = current_run.get()
    return None if run is None else run.execution_id


def log(**metadata: object) -> None:
    """Attach metadata to the present checkpoint call, or to the execution in the flow's body.

    A key that was there before is replaced, except that two dicts are merged key by key.

    Args:
        **metadata: JSON-ready values.

    Raises:
        KitaruContextError: No flow is running here.
        KitaruUsageError: A value is not JSON-ready, or a key is one of kitaru's own; nothing was written.
    """
    run = current_run.get()
    if run is None:
        msg = "log() attaches metadata to a running flow or checkpoint, and none is running here."
        raise KitaruContextError(msg)
    run.check()
    run.log(metadata, call=current_boundary.get())


def save(name: str, value: object, *, type: str = "output", tags: list[str] | None = None) -> str:  # noqa: A002 - the name users know
    """Store a named artifact of the present checkpoint call.

    Saving the same name again in the same call makes version 2. What an attempt saved that then failed is kept, but
    hidden from `load` and from lists.

    Args:
        name: Its name; keep names unique in an execution.
        value: Anything that can be a checkpoint's output.
        type: `prompt`, `response`, `context`, `input`, `output` or `blob`.
        tags: Labels.

    Returns:
        The artifact's id.

    Raises:
        KitaruContextError: Called outside of a checkpoint.
        KitaruUsageError: The name is blank, the type unknown, or the tags are no list of texts.
        KitaruEncodingError: The value cannot be stored.
    """
    return _call("save()").save(name, value, type=type, tags=tags)


def load(exec_id: str, name: str) -> Any:  # noqa: ANN401 - whatever was stored
    """Load a saved artifact, or a checkpoint's output, of any execution.

    Args:
        exec_id: The execution.
        name: Name of an artifact, of a checkpoint, or an invocation id.

    Returns:
        The value.

    Raises:
        KitaruContextError: Called outside of a checkpoint.
        KitaruUsageError: The execution id is no UUID.
        KitaruNotFoundError: There is no such execution.
        KitaruRuntimeError: Nothing has that name, or several things have.
    """
    call = _call("load()")
    try:
        uuid.UUID(exec_id)
    except (ValueError, AttributeError, TypeError):
        msg = f"load() takes the id of an execution, a UUID as text, not {exec_id!r}."
        raise KitaruUsageError(msg) from None
    return find_value(call.run.journal, exec_id, name)


def progress(
    message: str,
    *,
    percent: float | None = None,
    correlation_id: str | None = None,
    flush: bool = False,
    **fields: object,
) -> None:
    """Tell whoever watches how far the present checkpoint is.

    Args:
        message: A text for people.
        percent: How far, from 0 to 1.
        correlation_id: Groups events.
        flush: Whether to wait until it can be seen.
        **fields: Further data.

    Raises:
        KitaruContextError: Called outside of a checkpoint.
        KitaruUsageError: The message is blank, or `percent` lies outside 0 to 1.
    """
    _call("progress()")
    check_percent(percent)
    payload = {**fields, **({} if percent is None else {"percent": percent})}
    publish_event(
        CHECKPOINT_PROGRESS_KIND,
        payload,
        message=message,
        correlation_id=correlation_id,
        flush=flush,
        what="progress()",
    )


def publish_event(
    kind: str,
    payload: Mapping[str, object] | None = None,
    *,
    message: str | None = None,
    correlation_id: str | None = None,
    index: int | None = None,
    flush: bool = False,
    what: str = "publish()",
) -> None:
    """Publish a live event of the present checkpoint; see `kitaru.events.publish`."""
    call = _call(what)
    call.publish(kind, payload, message=message, correlation_id=correlation_id, index=index)
    if flush:
        flush_events()


def flush_events(timeout: float = 2.0) -> bool:
    """Make published events visible to other processes; see `kitaru.events.flush`."""
    limit = seconds(timeout, "flush(timeout=)")
    run = current_run.get()
    journal = default_journal() if run is None else run.journal
    done: list[bool] = []

    def look() -> None:
        # Whoever asks for the events of any execution gets those of all written first.
        with suppress(KitaruBackendError, OSError):
            for row in journal.executions(ListQuery(limit=1)):
                journal.events(row.id)
            done.append(True)

    looking = threading.Thread(target=look, name="kitaru-flush", daemon=True)
    looking.start()
    looking.join(limit)
    return bool(done)


def _call(what: str) -> Call:
    call = current_boundary.get()
    if call is None:
        msg = (
            f"{what} works only in the body of a checkpoint. Move the call into a function decorated with @checkpoint."
        )
        raise KitaruContextError(msg)
    return call

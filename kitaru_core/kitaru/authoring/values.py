"""`log`, `save`, `load`, `progress`: what a flow or a checkpoint leaves for readers."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from kitaru.engine.events import CHECKPOINT_PROGRESS_KIND, check_percent
from kitaru.engine.lookup import find_value
from kitaru.engine.scope import current_boundary, current_run
from kitaru.errors import KitaruContextError, KitaruUsageError

if TYPE_CHECKING:
    from kitaru.engine.call import Call

__all__ = ["current_execution_id", "load", "log", "progress", "save"]


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
        KitaruUsageError: The name is blank or the type unknown.
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
    call = _call("progress()")
    check_percent(percent)
    payload = {**fields, **({} if percent is None else {"percent": percent})}
    call.publish(CHECKPOINT_PROGRESS_KIND, payload, message=message, correlation_id=correlation_id)
    if flush:
        call.run.journal.events(call.execution_id)


def _call(what: str) -> Call:
    call = current_boundary.get()
    if call is None:
        msg = (
            f"{what} works only in the body of a checkpoint. Move the call into a function decorated with @checkpoint."
        )
        raise KitaruContextError(msg)
    return call

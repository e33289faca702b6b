"""Live events of running checkpoints: progress for people and programs that watch, never needed for a rerun."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from kitaru.artifacts.redaction import redact
from kitaru.engine.texts import check_text, written_out
from kitaru.errors import KitaruBackendError, KitaruUsageError

if TYPE_CHECKING:
    from kitaru.engine.call import Call
    from kitaru.engine.run import Run

__all__ = [
    "CHECKPOINT_FAILED_KIND",
    "CHECKPOINT_PROGRESS_KIND",
    "CHECKPOINT_RETURNED_KIND",
    "CHECKPOINT_STARTED_KIND",
    "CHECKPOINT_STORED_KIND",
    "EventPublisher",
    "encode_event",
]

CHECKPOINT_STARTED_KIND = "kitaru.checkpoint.started"
CHECKPOINT_PROGRESS_KIND = "kitaru.checkpoint.progress"
CHECKPOINT_RETURNED_KIND = "kitaru.checkpoint.returned"
CHECKPOINT_FAILED_KIND = "kitaru.checkpoint.failed"
CHECKPOINT_STORED_KIND = "kitaru.checkpoint.stored"

_log = logging.getLogger("kitaru")
_RESERVED = frozenset({"cursor", "end", "error", "gap", "system"})


class EventPublisher:
    """Publishes the live events of one execution.

    Args:
        run: The execution.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._lock = threading.Lock()
        self._indexes: dict[tuple[str, int], int] = {}

    def publish(
        self,
        call: Call,
        kind: str,
        payload: Mapping[str, object] | None = None,
        *,
        message: str | None = None,
        correlation_id: str | None = None,
        index: int | None = None,
    ) -> None:
        """Publish one event.

        Raises:
            KitaruUsageError: The kind, payload, message or index cannot be.
        """
        _check(kind, payload, message)
        group = correlation_id or f"{call.call_id}:{call.attempt}"
        body = {
            "kitaru": {
                "source": call.unit.adapter or "checkpoint",
                "checkpoint_name": call.name,
                "correlation_id": group,
                "execution_id": call.execution_id,
                "checkpoint_id": call.call_id,
                "checkpoint_type": call.unit.type,
            },
            "message": message,
            "data": redact(dict(payload or {})),
            "index": self._place(call, index),
        }
        try:
            self._run.journal.publish(call.execution_id, kind, encode_event(body))
        except (KitaruBackendError, OSError) as error:
            _log.warning("a live event %r of %s was lost: %s", kind, call.invocation_id, type(error).__name__)

    def _place(self, call: Call, index: int | None) -> int:
        with self._lock:
            expected = self._indexes.get((call.call_id, call.attempt), 0)
            if index is not None and index < expected:
                msg = f"The event's index {index} was used before; the next one is {expected}."
                raise KitaruUsageError(msg)
            place = expected if index is None else index
            self._indexes[call.call_id, call.attempt] = place + 1
            return place


def encode_event(body: Mapping[str, object]) -> bytes:
    """Return a live event as JSON; what JSON does not know is told as Python shows it.

    Args:
        body: The event.
    """
    try:
        return msgspec.json.encode(body, enc_hook=repr)
    except UnicodeEncodeError:
        return msgspec.json.encode(_in_utf8(body), enc_hook=repr)


def _in_utf8(value: object) -> object:
    if isinstance(value, str):
        return written_out(value)
    if isinstance(value, Mapping):
        return {_in_utf8(key): _in_utf8(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_in_utf8(item) for item in value]
    return value


def _check_payload(payload: object) -> None:
    if payload is not None and not isinstance(payload, Mapping):
        msg = f"An event's payload is a mapping, not a {type(payload).__name__}."
        raise KitaruUsageError(msg)


def _check(kind: str, payload: Mapping[str, object] | None, message: str | None) -> None:
    if not isinstance(kind, str) or not kind.strip() or "\n" in kind or kind in _RESERVED:
        msg = f"{kind!r} cannot be the kind of an event: one line of text, and none of {', '.join(sorted(_RESERVED))}."
        raise KitaruUsageError(msg)
    check_text(kind, "The kind of an event")
    _check_payload(payload)
    if message is not None and (not isinstance(message, str) or not message.strip()):
        msg = "An event's message is a text that is not blank; leave it out to have none."
        raise KitaruUsageError(msg)


def check_percent(percent: float | None) -> None:
    """Check that a progress lies between 0 and 1.

    Raises:
        KitaruUsageError: It does not.
    """
    if percent is None:
        return
    if (
        isinstance(percent, bool)
        or not isinstance(percent, int | float)
        or not math.isfinite(percent)
        or not 0 <= percent <= 1
    ):
        msg = f"progress(percent=) is a number from 0 to 1, not {percent!r}."
        raise KitaruUsageError(msg)

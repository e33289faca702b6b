"""Live events of a stream: what may be seen while it runs, never what was said in it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kitaru_adapters.kit.limits import clip

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kitaru.seam import Call

__all__ = ["LiveStream", "StreamKinds", "safe_message"]


@dataclass(frozen=True)
class StreamKinds:
    """The four kinds of live event that one adapter publishes.

    Attributes:
        adapter: Name of the adapter, the first word of each kind.
    """

    adapter: str

    @property
    def started(self) -> str:
        """Kind of the first event of a stream."""
        return f"{self.adapter}.stream.started"

    @property
    def event(self) -> str:
        """Kind of every event between the first and the last."""
        return f"{self.adapter}.stream.event"

    @property
    def completed(self) -> str:
        """Kind of the last event of a stream that ended well."""
        return f"{self.adapter}.stream.completed"

    @property
    def failed(self) -> str:
        """Kind of the last event of a stream that failed or was cancelled."""
        return f"{self.adapter}.stream.failed"


def safe_message(error: BaseException) -> str:
    """Return what may be shown of an error: its class. Its text can hold prompts, arguments or keys."""
    return type(error).__name__


@dataclass
class LiveStream:
    """Publishes one logical stream once: started, events with a rising index, and exactly one end.

    Attributes:
        call: The call in whose body the stream runs.
        kinds: The kinds to publish under.
        common: Fields of every payload, such as `adapter` and `surface`.
    """

    call: Call
    kinds: StreamKinds
    common: Mapping[str, object]
    _index: int = field(default=0, init=False)
    _ended: bool = field(default=False, init=False)

    def start(self, *, display: str) -> None:
        """Publish that the stream started.

        Args:
            display: One line for people.
        """
        self._publish(self.kinds.started, "lifecycle", display, {})

    def event(self, *, category: str, display: str, **fields: object) -> None:
        """Publish one event; fields that are `None` are left out.

        Args:
            category: What sort of event it is.
            display: One line for people.
            **fields: Facts about it; never prompts, arguments, results or reasoning.
        """
        self._index += 1
        known = {key: value for key, value in fields.items() if value is not None}
        self._publish(self.kinds.event, category, display, {"index": self._index, **known})

    def complete(self, *, display: str) -> None:
        """Publish that the stream ended well.

        Args:
            display: One line for people.
        """
        self._end(self.kinds.completed, display, {"status": "completed"})

    def fail(self, error: BaseException) -> None:
        """Publish that the stream broke off.

        Args:
            error: Why; only its class is shown.
        """
        status = "cancelled" if isinstance(error, asyncio.CancelledError) else "failed"
        self._end(self.kinds.failed, safe_message(error), {"status": status, "error": safe_message(error)})

    def _end(self, kind: str, display: str, fields: Mapping[str, object]) -> None:
        if not self._ended:
            self._ended = True
            self._publish(kind, "lifecycle", display, {**fields, "event_count": self._index})

    def _publish(self, kind: str, category: str, display: str, fields: Mapping[str, object]) -> None:
        shown = clip(display)
        self.call.publish(kind, {**self.common, "category": category, "display": shown, **fields}, message=shown)

"""One call of a graph while it runs: what hooks deep inside the graph need to know about it."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache
from operator import itemgetter
from typing import TYPE_CHECKING, Literal

from kitaru_adapters.langgraph.capture import error_text
from kitaru_adapters.langgraph.positions import Ordinals, PositionTracker, Siblings
from kitaru_adapters.langgraph.told import Told
from kitaru_adapters.langgraph.types import LangGraphEventError, LangGraphRunEvent
from kitaru_adapters.langgraph.usage import UsageTracker

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kitaru.records.plain import JsonObject
    from kitaru_adapters.langgraph.policies import LangGraphCallCheckpointPolicy, LangGraphCapturePolicy

__all__ = ["EventLog", "Invocation", "active_invocation"]

Status = Literal["completed", "failed", "interrupted"]
_active: ContextVar[Invocation | None] = ContextVar("kitaru_langgraph_invocation", default=None)


@cache
def _event_fields() -> dict[str, object]:
    return {name: each.get_default(call_default_factory=True) for name, each in LangGraphRunEvent.model_fields.items()}


@dataclass
class EventLog:
    """The events of one invocation, ordered as the model asked for things and not as threads finished.

    Attributes:
        graph: Name of the graph.
        label: Label of the invocation.
    """

    graph: str
    label: str
    _events: list[JsonObject] = field(default_factory=list)
    _reserved: dict[str, tuple[int, str]] = field(default_factory=dict)
    _answered: dict[str, list[str]] = field(default_factory=dict)
    _next: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, kind: str, *, place: str = "", tool_call_id: str | None = None, **fields: object) -> str:
        """Append an event.

        Args:
            kind: What happened.
            place: Way to the enclosing graph; parents are looked for there only.
            tool_call_id: The model's id of a tool call, which claims the number reserved for it.
            **fields: Further fields of the event.

        Returns:
            The event's id.
        """
        with self._lock:
            index, parents = self._placed(kind, place, tool_call_id)
            event_id = f"{self.graph}_{self.label}_{kind}_{index}"
            fields |= {"event_id": event_id, "kind": kind, "sequence_index": index, "tool_call_id": tool_call_id}
            fields |= {"run_label": self.label, "graph_name": self.graph, "parent_event_ids": parents}
            if kind == "tool_call":
                self._answered.setdefault(place, []).append(event_id)
            self._events.append(fields)
            return event_id

    def _placed(self, kind: str, place: str, tool_call_id: str | None) -> tuple[int, list[str]]:
        if tool_call_id in self._reserved:
            index, parent = self._reserved.pop(tool_call_id)
            return index, [parent]
        parents = self._answered.pop(place, []) if kind == "model_call" else []
        self._next += 1
        return self._next - 1, parents

    def __len__(self) -> int:
        """Return how many events there are."""
        return len(self._events)

    def reserve(self, model_event: str, tool_call_ids: Sequence[str]) -> None:
        """Keep the next numbers for the tool calls of a model answer, in the model's order."""
        with self._lock:
            for call_id in tool_call_ids:
                self._reserved[call_id] = (self._next, model_event)
                self._next += 1

    def ordered(self) -> list[JsonObject]:
        """Return the events in order, each as the JSON-ready data of a `LangGraphRunEvent`."""
        with self._lock:
            events = sorted(self._events, key=itemgetter("sequence_index"))
        return [{name: event.get(name, default) for name, default in _event_fields().items()} for event in events]


@dataclass
class Invocation:
    """One call of a runner.

    Attributes:
        graph: Name of the runner, made of word characters.
        label: `r1`, `r2`, ...: number of the call within the execution.
        granular: Whether model and tool calls get checkpoints of their own.
        policy: Settings of those checkpoints.
        capture: What may be seen.
        tracker: Knows where in the graph a call stands.
        ordinals: Numbers calls at the same position.
        siblings: Tells which calls stand beside each other.
        usage: Tokens of this invocation.
        events: What happened.
        told: The messages of its model calls.
        warnings: What a reader of the result must know.
    """

    graph: str
    label: str
    granular: bool
    policy: LangGraphCallCheckpointPolicy
    capture: LangGraphCapturePolicy
    tracker: PositionTracker = field(default_factory=PositionTracker)
    ordinals: Ordinals = field(default_factory=Ordinals)
    siblings: Siblings = field(default_factory=Siblings)
    usage: UsageTracker = field(default_factory=UsageTracker)
    events: EventLog = field(init=False)
    told: Told = field(init=False)
    warnings: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Begin an empty event log, and with no message known."""
        self.events = EventLog(self.graph, self.label)
        self.told = Told(text=self.capture.shows_text)

    def key(self, position: str) -> str:
        """Return the identity of a call at a position."""
        return f"{self.graph}/{self.label}/{position}"

    def warn(self, text: str) -> None:
        """Add a warning once."""
        if text not in self.warnings:
            self.warnings.append(text)

    @contextmanager
    def active(self) -> Iterator[None]:
        """Make this the invocation that hooks in this context find."""
        token = _active.set(self)
        try:
            yield
        finally:
            _active.reset(token)


def active_invocation() -> Invocation | None:
    """Return the invocation that is running in this context."""
    return _active.get()


class Watch:
    """Measures one call and knows how it ended."""

    def __init__(self) -> None:
        self._began = time.perf_counter()

    def fields(self, status: Status = "completed", error: BaseException | None = None) -> JsonObject:
        """Return the event fields of an end.

        Args:
            status: How the call ended.
            error: Why it failed.

        Returns:
            Duration, status and error.
        """
        failure = LangGraphEventError(exception_type=type(error).__name__, message=error_text(error)) if error else None
        return {
            "duration_ms": round((time.perf_counter() - self._began) * 1000, 3),
            "status": status,
            "error": failure and failure.model_dump(mode="json"),
        }

"""Live events of a streamed graph: what happens in it, in bounded form and without text unless that is allowed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kitaru_adapters.kit.limits import Limits, bounded, clip
from kitaru_adapters.kit.streams import safe_message
from kitaru_adapters.langgraph.capture import redacted, structure

if TYPE_CHECKING:
    from collections.abc import Callable

    from langchain_core.messages import BaseMessage

    from kitaru_adapters.langgraph.policies import LangGraphStreamPolicy

__all__ = [
    "LANGGRAPH_STREAM_CHECKPOINTS",
    "LANGGRAPH_STREAM_COMPLETED",
    "LANGGRAPH_STREAM_CUSTOM",
    "LANGGRAPH_STREAM_DEBUG",
    "LANGGRAPH_STREAM_EVENT_KINDS",
    "LANGGRAPH_STREAM_FAILED",
    "LANGGRAPH_STREAM_MESSAGES",
    "LANGGRAPH_STREAM_STARTED",
    "LANGGRAPH_STREAM_TASKS",
    "LANGGRAPH_STREAM_TERMINAL_EVENT_KINDS",
    "LANGGRAPH_STREAM_TOOLS",
    "LANGGRAPH_STREAM_UPDATES",
    "LANGGRAPH_STREAM_VALUES",
    "StreamPublisher",
]

_PREFIX = "langgraph.stream."
LANGGRAPH_STREAM_STARTED = f"{_PREFIX}started"
LANGGRAPH_STREAM_MESSAGES = f"{_PREFIX}messages"
LANGGRAPH_STREAM_UPDATES = f"{_PREFIX}updates"
LANGGRAPH_STREAM_CUSTOM = f"{_PREFIX}custom"
LANGGRAPH_STREAM_VALUES = f"{_PREFIX}values"
LANGGRAPH_STREAM_CHECKPOINTS = f"{_PREFIX}checkpoints"
LANGGRAPH_STREAM_TASKS = f"{_PREFIX}tasks"
LANGGRAPH_STREAM_TOOLS = f"{_PREFIX}tools"
LANGGRAPH_STREAM_DEBUG = f"{_PREFIX}debug"
LANGGRAPH_STREAM_COMPLETED = f"{_PREFIX}completed"
LANGGRAPH_STREAM_FAILED = f"{_PREFIX}failed"
LANGGRAPH_STREAM_TERMINAL_EVENT_KINDS = (LANGGRAPH_STREAM_COMPLETED, LANGGRAPH_STREAM_FAILED)
LANGGRAPH_STREAM_EVENT_KINDS = (
    LANGGRAPH_STREAM_STARTED,
    LANGGRAPH_STREAM_MESSAGES,
    LANGGRAPH_STREAM_UPDATES,
    LANGGRAPH_STREAM_CUSTOM,
    LANGGRAPH_STREAM_VALUES,
    LANGGRAPH_STREAM_CHECKPOINTS,
    LANGGRAPH_STREAM_TASKS,
    LANGGRAPH_STREAM_TOOLS,
    LANGGRAPH_STREAM_DEBUG,
    *LANGGRAPH_STREAM_TERMINAL_EVENT_KINDS,
)
_SAFE_METADATA = (
    "thread_id",
    "langgraph_node",
    "langgraph_step",
    "langgraph_path",
    "langgraph_checkpoint_ns",
    "ls_provider",
    "ls_model_type",
    "tags",
)
_LIMITS = Limits(depth=4, items=20, characters=2000)


@dataclass
class StreamPublisher:
    """Publishes one streamed run: started, its parts, and exactly one end. Never changes the run.

    Attributes:
        publish: Publishes one event (kind, payload, line for people) and says whether there was somewhere to put it.
        graph: Name of the graph.
        thread_id: The thread.
        policy: What may be shown.
        counts: Published parts by mode.
        unsent: The end of the stream, if it could not be published.
    """

    publish: Callable[[str, dict[str, object], str], bool]
    graph: str
    thread_id: str
    policy: LangGraphStreamPolicy
    counts: dict[str, int] = field(default_factory=dict)
    unsent: tuple[str, dict[str, object], str] | None = None
    _ended: bool = False

    def started(self) -> None:
        """Publish the beginning."""
        self._send(LANGGRAPH_STREAM_STARTED, "lifecycle", "stream started", {})

    def completed(self, status: str) -> None:
        """Publish the end of a run that completed or was interrupted."""
        self._end(LANGGRAPH_STREAM_COMPLETED, f"stream {status}", {"status": status})

    def failed(self, error: BaseException) -> None:
        """Publish the end of a run that failed; only the class of the error is shown."""
        self._end(LANGGRAPH_STREAM_FAILED, safe_message(error), {"status": "failed", "error": safe_message(error)})

    def part(self, part: object) -> None:
        """Publish one part of the stream; a part of unknown form becomes a `debug` event."""
        try:
            mode, data, fields = self._described(part)
        except Exception:  # noqa: BLE001 - observation must never fail the run
            mode, data, fields = "debug", None, {"malformed": type(part).__name__}
        self.counts[mode] = self.counts.get(mode, 0) + 1
        namespace = [str(each) for each in (part.get("ns") or ())] if isinstance(part, Mapping) else []
        facts = {"stream_version": "v2", "namespace": namespace, "subgraph": bool(namespace)}
        display = fields.pop("display", None) or f"{mode}: {type(data).__name__}"
        self._send(f"{_PREFIX}{mode}", mode, str(display), {"mode": mode, "langgraph": facts, **fields})

    def _described(self, part: object) -> tuple[str, object, dict[str, object]]:
        if not isinstance(part, Mapping) or f"{_PREFIX}{part.get('type')}" not in LANGGRAPH_STREAM_EVENT_KINDS:
            return "debug", None, {"malformed": type(part).__name__}
        mode, data = str(part["type"]), part.get("data")
        if mode == "messages":
            return mode, data, self._message(part["data"])
        if mode == "custom":
            shown = redacted(data) if self.policy.include_custom_payload else structure(data)
            return mode, data, {"payload": shown}
        fields: dict[str, object] = {"summary": _updates(data) if mode == "updates" else structure(data)}
        if interrupts := part.get("interrupts"):
            fields["interrupt_count"] = len(interrupts)
        if self.policy.include_raw_payloads:
            fields["raw"] = redacted(data)
        return mode, data, fields

    def _message(self, data: tuple[BaseMessage, Mapping[str, object]]) -> dict[str, object]:
        message, metadata = data
        node = metadata.get("langgraph_node")
        fields: dict[str, object] = {
            "message_type": message.type,
            "node_name": node,
            "metadata": bounded({key: metadata[key] for key in _SAFE_METADATA if key in metadata}, _LIMITS),
            "display": f"{message.type} from {node}",
        }
        if self.policy.include_message_text_deltas:
            fields["text_delta"] = str(message.text)
        return fields

    def _send(self, kind: str, category: str, display: str, fields: Mapping[str, object]) -> None:
        line = clip(display, self.policy.max_display_chars)
        common = {"adapter": "langgraph", "graph_name": self.graph, "thread_id": self.thread_id}
        payload = {**common, "category": category, "display": line, **fields}
        try:
            sent = self.publish(kind, payload, line)
            if not sent and kind in LANGGRAPH_STREAM_TERMINAL_EVENT_KINDS:
                self.unsent = (kind, payload, line)
        except Exception:  # noqa: BLE001 - a failing publisher must never change the run
            self.counts["unpublished"] = self.counts.get("unpublished", 0) + 1

    def _end(self, kind: str, display: str, fields: Mapping[str, object]) -> None:
        if not self._ended:
            self._ended = True
            self._send(kind, "lifecycle", display, {**fields, "counts": dict(self.counts)})


def _updates(data: object) -> object:
    if not isinstance(data, Mapping):
        return structure(data)
    return {
        str(node): {str(key): type(item).__name__ for key, item in update.items()}
        if isinstance(update, Mapping)
        else type(update).__name__
        for node, update in list(data.items())[: _LIMITS.items]
    }

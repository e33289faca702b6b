"""Live events of a run: which kind of thing happened, never what was said, asked of a tool or answered by one."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, TypeAlias

from claude_agent_sdk import (
    AssistantMessage,
    RateLimitEvent,
    ResultMessage,
    StreamEvent,
    SystemMessage,
    UserMessage,
)

from kitaru_adapters.kit.limits import DISPLAY_LIMIT, clip
from kitaru_adapters.kit.streams import LiveStream, StreamKinds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kitaru.records.plain import JsonObject
    from kitaru.seam import Call

    Described: TypeAlias = tuple[str, str, dict[str, object]]

__all__ = [
    "CLAUDE_STREAM_COMPLETED",
    "CLAUDE_STREAM_EVENT",
    "CLAUDE_STREAM_EVENT_KINDS",
    "CLAUDE_STREAM_FAILED",
    "CLAUDE_STREAM_STARTED",
    "CLAUDE_STREAM_TERMINAL_EVENT_KINDS",
    "live_stream",
    "publish_message",
]

_log = logging.getLogger(__name__)

KINDS = StreamKinds("claude_agent_sdk")
CLAUDE_STREAM_STARTED = KINDS.started
CLAUDE_STREAM_EVENT = KINDS.event
CLAUDE_STREAM_COMPLETED = KINDS.completed
CLAUDE_STREAM_FAILED = KINDS.failed
CLAUDE_STREAM_TERMINAL_EVENT_KINDS = frozenset({CLAUDE_STREAM_COMPLETED, CLAUDE_STREAM_FAILED})
CLAUDE_STREAM_EVENT_KINDS = frozenset({CLAUDE_STREAM_STARTED, CLAUDE_STREAM_EVENT}) | CLAUDE_STREAM_TERMINAL_EVENT_KINDS

_BASE_CATEGORIES: tuple[tuple[type, str], ...] = (
    (AssistantMessage, "assistant_message"),
    (UserMessage, "user_message"),
    (ResultMessage, "result_message"),
    (RateLimitEvent, "rate_limit_event"),
)
_DELTAS = {"text_delta": "text_delta", "input_json_delta": "tool_input_delta"}
_EVENTS = frozenset(
    {
        "message_start",
        "message_delta",
        "message_stop",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
    }
)
_BOUNDARY = re.compile(r"(?<=[a-z])(?=[A-Z])")


def live_stream(call: Call, runner_name: str) -> LiveStream:
    """Return the stream of live events of one attempt.

    Args:
        call: The call in whose body it runs.
        runner_name: Name of the runner.
    """
    return LiveStream(call, KINDS, {"adapter": "claude_agent_sdk", "runner_name": runner_name})


def publish_message(stream: LiveStream, message: object, *, text: bool) -> None:
    """Publish one message of the SDK.

    Args:
        stream: Where to publish.
        message: Any message; classes this adapter has never heard of are published by their name.
        text: Whether deltas of text may be shown.
    """
    try:
        category, display, fields = _described(message, text=text)
    except Exception:  # noqa: BLE001 - what a future SDK sends must never break a paid run
        category, display, fields = "unknown_message", type(message).__name__, {}
    try:
        stream.event(category=category, display=display if display.strip() else category, **fields)
    except Exception as error:  # noqa: BLE001 - nor must anybody who watches it
        _log.warning("A live event of Claude's run could not be published: %s", type(error).__name__)


def _described(message: object, *, text: bool) -> Described:
    if isinstance(message, StreamEvent):
        return _described_event(message.event, text=text)
    if isinstance(message, ResultMessage):
        fields: dict[str, object] = {
            "message_type": "ResultMessage",
            "stop_reason": message.stop_reason,
            "subtype": message.subtype,
            "is_error": message.is_error,
            "num_turns": message.num_turns,
            "has_usage": bool(message.usage),
        }
        return "result_message", f"Claude ended: {message.subtype}", fields
    if isinstance(message, AssistantMessage):
        return "assistant_message", "Claude answered", {"message_type": "AssistantMessage", "model": message.model}
    category = next((name for kind, name in _BASE_CATEGORIES if isinstance(message, kind)), None)
    name = type(message).__name__
    fields = {"message_type": name}
    if isinstance(message, SystemMessage):
        fields["subtype"] = message.subtype
        category = "system_message" if type(message) is SystemMessage else None
    category = category or _BOUNDARY.sub("_", name).casefold()
    return category, category.replace("_", " "), fields


def _described_event(event: JsonObject, *, text: bool) -> Described:
    kind = str(event.get("type"))
    fields: dict[str, object] = {"event_type": kind, "content_block_index": event.get("index")}
    if kind == "content_block_start":
        return _described_start(event.get("content_block") or {}, fields)
    if kind == "content_block_delta":
        delta = event.get("delta") or {}
        fields["delta_type"] = delta.get("type")
        category = _DELTAS.get(str(delta.get("type")), "content_block_delta")
        if not (text and category == "text_delta"):
            return category, category.replace("_", " "), fields
        said = str(delta.get("text", ""))
        return category, clip(said), fields | {"text": said[:DISPLAY_LIMIT]}
    if kind == "message_start":
        fields["model"] = (event.get("message") or {}).get("model")
    if kind == "message_delta":
        fields["stop_reason"] = (event.get("delta") or {}).get("stop_reason")
        fields["has_usage"] = bool(event.get("usage"))
    category = kind if kind in _EVENTS else "stream_event"
    return category, category.replace("_", " "), fields


def _described_start(block: Mapping[str, object], fields: dict[str, object]) -> Described:
    fields["content_block_type"] = block.get("type")
    if block.get("type") != "tool_use":
        return "content_block_start", "content block start", fields
    fields |= {"tool_name": block.get("name"), "tool_id": block.get("id")}
    return "tool_call_started", f"tool {block.get('name')}", fields

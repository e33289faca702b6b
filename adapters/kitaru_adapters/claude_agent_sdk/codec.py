"""Results and messages as bytes and back, exactly."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, cast

import claude_agent_sdk
from claude_agent_sdk import StreamEvent

from kitaru_adapters.claude_agent_sdk.types import ClaudeRunResult

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from claude_agent_sdk import Message

__all__ = ["ResultCodec", "as_result", "dump_messages", "load_messages"]

_OBJECTS = ("deferred_tool_use", "rate_limit_info")


class ResultCodec:
    """Stores a `ClaudeRunResult`; an override may be given as the text or the fields that a person would write."""

    name = "claude_agent_sdk.result/1"

    def encode(self, value: object) -> bytes:
        """Turn a result into bytes.

        Args:
            value: A result; or a text, taken as the final text; or a mapping with the fields of a result.

        Returns:
            JSON.
        """
        return as_result(value).model_dump_json().encode()

    def decode(self, data: bytes) -> ClaudeRunResult:
        """Turn bytes back into the result."""
        return ClaudeRunResult.model_validate_json(data)

    def handles(self, kind: type) -> bool:
        """Return `False`: only the adapter itself writes with this codec, everybody reads with it."""
        del kind
        return False


def as_result(value: object) -> ClaudeRunResult:
    """Return the result that a plain value stands for."""
    if isinstance(value, ClaudeRunResult):
        return value
    return ClaudeRunResult.model_validate({"final_text": value} if isinstance(value, str) else value)


def dump_messages(messages: Iterable[object]) -> list[dict[str, object]]:
    """Turn messages of the SDK into data that keeps their kind; partial messages are left out.

    Args:
        messages: Messages as `query` yields them.

    Returns:
        One `{"type", "fields"}` for each.
    """
    kept = (message for message in messages if not isinstance(message, StreamEvent))
    return [cast("dict[str, object]", _dump(message)) for message in kept]


def load_messages(stored: Iterable[Mapping[str, object]]) -> list[Message | Mapping[str, object]]:
    """Rebuild the messages that `dump_messages` stored.

    Args:
        stored: The stored entries.

    Returns:
        Messages of the SDK's own classes; an entry of a class this SDK does not have stays a dictionary.
    """
    return [cast("Message | Mapping[str, object]", _load(entry)) for entry in stored]


def _dump(value: object) -> object:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: _dump(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return {"type": type(value).__name__, "fields": fields}
    if isinstance(value, list) and any(dataclasses.is_dataclass(item) for item in value):
        return [_dump(item) for item in value]
    return json.loads(json.dumps(value, default=str))


def _load(entry: Mapping[str, object]) -> object:
    # Only these fields hold objects of the SDK. Everywhere else is the user's data, which may look like our entries.
    fields = dict(cast("Mapping[str, object]", entry["fields"]))
    for name in _OBJECTS:
        held = fields.get(name)
        if isinstance(held, dict):
            fields[name] = _rebuild(held, held["fields"])
    content = fields.get("content")
    if isinstance(content, list):
        fields["content"] = [_rebuild(block, block["fields"]) for block in content]
    return _rebuild(entry, fields)


def _rebuild(entry: Mapping[str, object], fields: Mapping[str, object]) -> object:
    known = getattr(claude_agent_sdk, str(entry["type"]), None)
    return known(**fields) if isinstance(known, type) and dataclasses.is_dataclass(known) else entry

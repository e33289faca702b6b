"""What is shown of a run: structure instead of text, and never a secret."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec
from langchain_core.messages import BaseMessage
from pydantic import BaseModel

from kitaru_adapters.kit.limits import Limits, bounded, clip

if TYPE_CHECKING:
    from langchain_core.messages import ToolCall

__all__ = [
    "OMITTED",
    "REDACTED",
    "digest_of",
    "error_text",
    "fingerprint",
    "redacted",
    "shown_message",
    "structure",
    "tool_names",
]

OMITTED = "[OMITTED]"
REDACTED = "[REDACTED]"
SHOWN = Limits(depth=6, items=50, characters=2000)

_SECRET_NAME = re.compile(
    r"(?:^|[_\W])(?:api_?key|authorization|auth_token|access_token|bearer|client_secret|credentials?|passwd|password"
    r"|private_key|secret|token)(?:$|[_\W])",
    re.IGNORECASE,
)
_COUNTING = re.compile(
    r"(?:^|_)(?:max|min|num|count|limit|total|token_count|input|output)_?tokens?$|token_count", re.IGNORECASE
)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_SECRET_VALUE = re.compile(r"\b(?:sk|pk|rk|ghp|gho|ghs|xox[abp]|AKIA|AIza|eyJ)[-_A-Za-z0-9.]{16,}")


def _names_a_secret(name: str) -> bool:
    parts = _CAMEL.sub("_", name)
    return bool(_SECRET_NAME.search(parts)) and not _COUNTING.search(parts)


def redacted(value: object) -> object:
    """Return a bounded, JSON-ready copy in which secrets are replaced.

    Args:
        value: Anything; what is no plain data is shown as the name of its type.

    Returns:
        The copy. Names such as `max_tokens` are left alone.
    """
    return bounded(_masked(value, frozenset()), SHOWN)


def _masked(value: object, above: frozenset[int]) -> object:
    if isinstance(value, str):
        return _SECRET_VALUE.sub(REDACTED, value)
    if id(value) in above:
        return "<cycle>"
    inside = above | {id(value)}
    if isinstance(value, Mapping):
        return {
            _key(key): REDACTED if _names_a_secret(_key(key)) else _masked(item, inside) for key, item in value.items()
        }
    if isinstance(value, Sequence) and not isinstance(value, (bytes, bytearray)):
        return [_masked(item, inside) for item in value]
    return value


def _key(key: object) -> str:
    return key if isinstance(key, str) else f"<{type(key).__qualname__}>" if not isinstance(key, int) else str(key)


def error_text(error: BaseException) -> str:
    """Return an exception's text in one line, with secrets taken out; a failing `str` gives the class."""
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - foreign code; an event must never fail a run
        text = type(error).__qualname__
    return clip(_SECRET_VALUE.sub(REDACTED, text))


def structure(value: object) -> object:
    """Describe a value without its content: types, counts, roles.

    Args:
        value: An input, an output or a state.

    Returns:
        A JSON-ready description.
    """
    if isinstance(value, Mapping):
        return {"type": "mapping", "keys": {str(key): _kind(item) for key, item in list(value.items())[:50]}}
    return _kind(value)


def _kind(value: object) -> object:
    if isinstance(value, (list, tuple)):
        roles = [item.type for item in value if isinstance(item, BaseMessage)]
        return {"type": type(value).__name__, "count": len(value), **({"roles": roles[-20:]} if roles else {})}
    return type(value).__name__


def _tool_calls(calls: Sequence[ToolCall], *, text: bool) -> list[dict[str, object]]:
    return [
        {"name": call["name"], "id": call["id"], "args": redacted(call["args"]) if text else sorted(call["args"])}
        for call in calls
    ]


def shown_message(message: BaseMessage, *, text: bool) -> dict[str, object]:
    """Return a message for the stored conversation, the same in every call that contains it.

    Args:
        message: A message of a model request.
        text: Whether its contents may be shown.

    Returns:
        A JSON-ready object.
    """
    shown: dict[str, object] = {"type": message.type, "content": _content(message) if text else OMITTED}
    if message.name:
        shown["name"] = message.name
    if calls := getattr(message, "tool_calls", None):
        shown["tool_calls"] = _tool_calls(calls, text=text)
    if call_id := getattr(message, "tool_call_id", None):
        shown["tool_call_id"] = call_id
    return shown


def _content(message: BaseMessage) -> object:
    return message.content if isinstance(message.content, str) else bounded(message.content, Limits(characters=1 << 20))


def fingerprint(messages: Sequence[BaseMessage]) -> list[object]:
    """Return what of the messages a model answers to, without ids, times and counters, which change in every run."""
    return [
        [
            message.type,
            message.name,
            bounded(message.content, Limits(depth=20, items=10_000, characters=1 << 24)),
            [[call["name"], bounded(call["args"])] for call in getattr(message, "tool_calls", ())],
            getattr(message, "tool_call_id", None) and "answer",
        ]
        for message in messages
    ]


_ATOMS = {str, int, float, bool, bytes, type(None)}


def digest_of(value: object) -> str:
    """Return a digest of what a value says, without what changes in every run.

    Args:
        value: Plain data, messages, models, dataclasses; of anything else only the class counts.

    Returns:
        A SHA-256 digest in hexadecimal.
    """
    return hashlib.sha256(msgspec.json.encode(_said(value), order="sorted", enc_hook=_lenient)).hexdigest()


def _said(value: object) -> object:
    if type(value) in _ATOMS:  # most of what is digested; the checks below are slow for them
        return value
    if isinstance(value, BaseMessage):
        return fingerprint([value])
    if isinstance(value, Mapping):
        return {str(key): _said(item) for key, item in value.items()}
    if type(value) is list and {*map(type, value)} <= _ATOMS:
        return value
    return [_said(item) for item in value] if isinstance(value, (list, tuple)) else value


def _lenient(value: object) -> object:
    return value.model_dump(mode="json") if isinstance(value, BaseModel) else type(value).__qualname__


def tool_names(tools: Sequence[object]) -> list[str]:
    """Return the names of tools, given as objects or as provider dictionaries."""
    return [_tool_name(tool) for tool in tools]


def _tool_name(tool: object) -> str:
    if isinstance(tool, Mapping):
        function = tool.get("function")
        named = function if isinstance(function, Mapping) else tool
        return str(named.get("name", named.get("type", "tool")))
    return str(getattr(tool, "name", type(tool).__name__))

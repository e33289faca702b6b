"""Messages and tool results as plain JSON-ready data, and back; the framework's own codec does the work."""

from __future__ import annotations

import hashlib
from operator import is_
from typing import TYPE_CHECKING, NamedTuple, TypedDict

import msgspec
from pydantic import TypeAdapter
from pydantic_ai.durable_exec import JSON_CODEC
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolReturn, ToolReturnContent
from pydantic_core import PydanticSerializationError

from kitaru.errors import KitaruEncodingError, KitaruUsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["MessageCodec", "dump_result", "fingerprint", "load_response", "load_result", "plain"]

_MESSAGE: TypeAdapter[ModelMessage] = TypeAdapter(ModelMessage)
_ENVELOPE = frozenset({"timestamp", "run_id", "conversation_id"})
_PLAIN = (str, int, float, bool, type(None))


def plain(value: object) -> bool:
    """Return whether a value is plain data, which comes back from the journal exactly as it went in."""
    if type(value) in _PLAIN:
        return True
    if type(value) is list:
        return all(plain(item) for item in value)
    if type(value) is dict:
        return all(type(key) is str and plain(item) for key, item in value.items())
    return False


def dump_result(value: object, *, tool: str) -> tuple[str, object]:
    """Return what a tool returned as data, with the word that says how to read it back.

    Plain data is kept as it is, whatever its keys look like. Everything else takes the form in which the framework
    sends it to a model.

    Args:
        value: The tool's return value.
        tool: Name of the tool, for the error.

    Returns:
        `("value" | "content" | "tool_return", data)`.

    Raises:
        KitaruEncodingError: The value has no JSON form.
    """
    if plain(value):
        return "value", value
    kind, form = ("tool_return", ToolReturn) if isinstance(value, ToolReturn) else ("content", ToolReturnContent)
    try:
        return kind, JSON_CODEC.dump(form, value)
    except (PydanticSerializationError, ValueError, TypeError, RecursionError) as error:
        path, culprit = _culprit(value, "result")
        msg = (
            f"Tool {tool!r} returned a value that cannot be recorded: {path} is a {culprit}, which has no JSON form. "
            "Return plain data, a pydantic model or a dataclass instead."
        )
        raise KitaruEncodingError(msg, path=path, type_name=culprit) from error


def load_result(kind: str | None, data: object) -> object:
    """Return the value that the framework gets, on the first run and on every rerun alike.

    Args:
        kind: The word from `dump_result`; `None` for a value that a person put in the place of the recorded one.
        data: The data from `dump_result`, or that person's value.

    Returns:
        The tool's return value.
    """
    if kind == "tool_return":
        return JSON_CODEC.load(ToolReturn, data)
    if kind == "content":
        return JSON_CODEC.load(ToolReturnContent, data)
    return data


def _culprit(value: object, path: str) -> tuple[str, str]:
    parts: list[tuple[str, object]] = []
    if isinstance(value, ToolReturn):
        parts = [(f"{path}.return_value", value.return_value), (f"{path}.content", value.content)]
    elif isinstance(value, dict):
        parts = [(f"{path}[{key!r}]", item) for key, item in value.items()]
    elif isinstance(value, (list, tuple, set, frozenset)):
        parts = [(f"{path}[{number}]", item) for number, item in enumerate(value)]
    for where, item in parts:
        try:
            JSON_CODEC.dump(ToolReturnContent, item)
        except (PydanticSerializationError, ValueError, TypeError, RecursionError):
            return _culprit(item, where)
    return path, f"{type(value).__module__}.{type(value).__qualname__}"


def load_response(data: object) -> object:
    """Return recorded data of a model unit in the form of the framework; a person's text becomes a text answer.

    Args:
        data: The recorded response, or what a person put in its place: a text, a response, or its JSON form.

    Returns:
        JSON data of a `ModelResponse`.

    Raises:
        KitaruUsageError: It is none of these.
    """
    if isinstance(data, str):
        data = ModelResponse(parts=[TextPart(data)])
    if isinstance(data, ModelResponse):
        return JSON_CODEC.dump(ModelResponse, data)
    if isinstance(data, dict) and "parts" in data:
        return data
    msg = (
        f"A model request cannot be answered with a {type(data).__qualname__}. "
        "Give the text of the answer, a ModelResponse, or a ModelResponse in its JSON form."
    )
    raise KitaruUsageError(msg)


def fingerprint(value: object) -> str:
    """Return a digest of the content of plain data; the order of keys does not matter."""
    encoded = msgspec.json.encode(value, order="deterministic")
    return hashlib.sha256(encoded).hexdigest()


class _Encoded(NamedTuple):
    message: ModelMessage
    parts: int
    data: bytes
    fingerprint: bytes


class _Dumped(TypedDict):
    parts: list[dict[str, object]]


class MessageCodec:
    """Encodes the messages of one run, each of them once although every request repeats them all."""

    def __init__(self) -> None:
        self._known: dict[int, _Encoded] = {}
        self._forget()

    def _forget(self) -> None:
        self._settled: list[ModelMessage] = []
        self._parts: list[int] = []
        self._data: list[bytes] = []
        self._hash = hashlib.sha256()

    def encode(self, messages: Sequence[ModelMessage]) -> tuple[list[bytes], str]:
        """Return each message as JSON and a digest of what they say together.

        The digest leaves out what differs on every run although nothing was changed: times, and ids of runs and
        conversations. It looks at the framework's own fields only, never into prompts, arguments or results.

        Args:
            messages: The messages of one request.

        Returns:
            The JSON of each message, and the digest.
        """
        # The framework may still write to the last two.
        settled, last = messages[:-2], messages[-2:]
        if not self._begins(settled):
            self._forget()
        for message in settled[len(self._settled) :]:
            self._settle(message)
        recent = [self._encoded(message) for message in last]
        digest = self._hash.copy()
        for entry in recent:
            digest.update(entry.fingerprint)
        return [*self._data, *(entry.data for entry in recent)], digest.hexdigest()

    def _begins(self, messages: Sequence[ModelMessage]) -> bool:
        """Whether messages begin with those that were settled before, none of which has grown."""
        same = len(messages) >= len(self._settled) and all(map(is_, self._settled, messages))
        return same and [len(message.parts) for message in self._settled] == self._parts

    def _settle(self, message: ModelMessage) -> None:
        known = self._known.get(id(message))
        entry = known if known is not None and known.parts == len(message.parts) else self._encoded(message)
        self._settled.append(message)
        self._parts.append(entry.parts)
        self._data.append(entry.data)
        self._hash.update(entry.fingerprint)

    def _encoded(self, message: ModelMessage) -> _Encoded:
        data = _MESSAGE.dump_python(message, mode="json")
        said = fingerprint(_without_envelope(data)).encode()
        entry = _Encoded(message, len(message.parts), msgspec.json.encode(data), said)
        self._known[id(message)] = entry
        return entry


def _without_envelope(message: _Dumped) -> dict[str, object]:
    kept = {key: value for key, value in message.items() if key not in _ENVELOPE}
    kept["parts"] = [{key: value for key, value in part.items() if key != "timestamp"} for part in message["parts"]]
    return kept

"""Channel values as bytes. A thread hands its whole conversation in at every step; each message is encoded once."""

from __future__ import annotations

import hashlib
import weakref
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from langchain_core.messages import BaseMessage
from langgraph.checkpoint.serde.types import ERROR

from kitaru.errors import KitaruEncodingError
from kitaru.seam import redact

if TYPE_CHECKING:
    from collections.abc import Iterable

    from langgraph.checkpoint.serde.base import SerializerProtocol

    from kitaru_adapters.langgraph.saver_store import Encoded

__all__ = ["ValueEncoder"]

_ATOMS = {str, int, float, bool, bytes, type(None)}
_PLAIN = (dict, list, str, int, float, bool, type(None))
_CONTAINERS = (dict, list, tuple)
_OWN_CLASSES = "langchain_core.messages."
_REMEMBERED = 50_000


class _Known(NamedTuple):
    """A message that was encoded before.

    Attributes:
        message: The message, as long as anybody else has it.
        state: A copy of what it was made of.
        encoded: Its bytes.
    """

    message: weakref.ref[BaseMessage]
    state: object
    encoded: Encoded


class ValueEncoder:
    """Encodes channel values with LangGraph's serializer, and refuses what would come back as something else.

    Args:
        serde: The serializer.
    """

    def __init__(self, serde: SerializerProtocol) -> None:
        self._serde = serde
        self._messages: dict[int, _Known] = {}
        self._read_back: set[tuple[type, bytes]] = set()
        self._sound: set[type] = set()

    def encoded(self, value: object, channel: str) -> Encoded | list[Encoded]:
        """Return a value as bytes, a list as the bytes of its elements.

        Args:
            value: The value.
            channel: Its channel, for the error.

        Returns:
            Type and bytes, or a list of them.

        Raises:
            KitaruEncodingError: It, or an element, would come back as something else.
        """
        if type(value) is list and value:
            return [self._element(item, channel) for item in value]
        return self._element(value, channel)

    def _element(self, value: object, channel: str) -> Encoded:
        if not isinstance(value, BaseMessage):
            return self._checked(value, channel)
        known = self._messages.get(id(value))
        if known is not None and known.message() is value and known.state == _state(value):
            return known.encoded
        encoded = self._checked(value, channel)
        with suppress(TypeError):  # of objects that nobody could tell from changed ones, nothing is remembered
            self._remember(value, _plain_copy(_state(value)), encoded)
        return encoded

    def _remember(self, message: BaseMessage, state: object, encoded: Encoded) -> None:
        def forget(_: object, key: int = id(message), known: dict[int, _Known] = self._messages) -> None:
            known.pop(key, None)

        self._messages[id(message)] = _Known(weakref.ref(message, forget), state, encoded)

    def _checked(self, value: object, channel: str) -> Encoded:
        encoded: Encoded = self._serde.dumps_typed(value)
        if channel == ERROR:  # LangGraph reads an error back as text on purpose
            told = self._serde.loads_typed(encoded)
            shown = redact(told)
            return encoded if shown == told else self._serde.dumps_typed(shown)
        if type(value) in _ATOMS or type(value) in self._sound:
            return encoded
        seen = None if isinstance(value, _CONTAINERS) else (type(value), hashlib.sha256(encoded[1]).digest())
        if seen in self._read_back:
            return encoded
        if lost := _lost_type(value, self._serde.loads_typed(encoded)):
            msg = (
                f"Channel {channel!r} cannot be stored: an object of {lost} would come back as plain data. Name its "
                "class in KitaruCheckpointSaver(types=[...])."
            )
            raise KitaruEncodingError(msg, path=channel, type_name=lost)
        self._note_sound(value, seen)
        return encoded

    def _note_sound(self, value: object, seen: tuple[type, bytes] | None) -> None:
        if seen is None:
            return
        if type(value).__module__.startswith(_OWN_CLASSES):  # for these the class alone decides
            self._sound.add(type(value))
            return
        if len(self._read_back) >= _REMEMBERED:
            self._read_back.clear()
        self._read_back.add(seen)


def _state(message: BaseMessage) -> tuple[type, dict[str, object], dict[str, object] | None]:
    """Return all that a message's bytes depend on."""
    return type(message), vars(message), message.__pydantic_extra__


def _plain_copy(value: object) -> object:
    """Return a copy that does not change with the value.

    Raises:
        TypeError: The value holds an object that may change and still look the same.
    """
    kind = type(value)
    if kind in _ATOMS or isinstance(value, type):
        return value
    if isinstance(value, dict) and kind is dict:
        return {key: _plain_copy(item) for key, item in value.items()}
    if isinstance(value, list) and kind is list:
        return [_plain_copy(item) for item in value]
    if isinstance(value, tuple) and kind is tuple:
        return tuple(_plain_copy(item) for item in value)
    raise TypeError(kind)


def _lost_type(value: object, copy: object) -> str | None:
    """Return the name of a class whose object came back as plain data, or `None`."""
    if isinstance(value, dict) and isinstance(copy, dict):
        return _first_lost((item, copy.get(key)) for key, item in value.items())
    if isinstance(value, (list, tuple)) and isinstance(copy, (list, tuple)):
        return _first_lost(zip(value, copy, strict=False))
    lost = type(copy) in _PLAIN and type(copy) is not type(value)
    return f"{type(value).__module__}.{type(value).__qualname__}" if lost else None


def _first_lost(pairs: Iterable[tuple[object, object]]) -> str | None:
    return next((lost for value, copy in pairs if (lost := _lost_type(value, copy))), None)

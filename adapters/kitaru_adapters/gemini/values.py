"""Plain JSON: what may enter a request, what the SDK's objects turn into, and one digest for equal contents."""

from __future__ import annotations

import base64
import hashlib
import json
import math
from collections.abc import Mapping
from typing import Any, TypeAlias

__all__ = ["Foreign", "Json", "JsonData", "check_json", "digest", "jsonable", "text_of"]

JsonData: TypeAlias = Any
"""Plain JSON; a recursive type would cost a cast at every use and check nothing more."""

Json: TypeAlias = dict[str, JsonData]
"""A JSON object."""

Foreign: TypeAlias = Any
"""An object of the SDK, whose generated classes differ between its major versions."""

_MAX_VALUES = 10_000
_UNKNOWN_VARIANT = frozenset({"type", "raw", "is_unknown"})


def check_json(value: object) -> JsonData:
    """Return a copy made of JSON data only.

    Args:
        value: What a caller put into a request.

    Returns:
        The copy; tuples become lists, models become mappings.

    Raises:
        ValueError: It holds a future, a reference cycle, more than 10 000 nested values, or something that is no JSON.
    """
    return _Checker().copy(value, path="", open_ids=frozenset())


class _Checker:
    def __init__(self) -> None:
        self._left = _MAX_VALUES

    def copy(self, value: object, *, path: str, open_ids: frozenset[int]) -> JsonData:
        self._left -= 1
        if self._left < 0:
            msg = f"holds more than {_MAX_VALUES} nested values; send large data as a file or a shorter text"
            raise ValueError(msg)
        if value is None or isinstance(value, (str, bool, int)):
            return value
        if isinstance(value, float) and math.isfinite(value):
            return value
        if id(value) in open_ids:
            msg = f"{path or 'the value'} contains itself; a request must be plain JSON data"
            raise ValueError(msg)
        return self._container(value, path=path, open_ids=open_ids | {id(value)})

    def _container(self, value: object, *, path: str, open_ids: frozenset[int]) -> JsonData:
        if isinstance(value, Mapping):
            if bad := [key for key in value if not isinstance(key, str)]:
                msg = f"{path or 'the value'} has the key {bad[0]!r}; JSON keys are text"
                raise ValueError(msg)
            return {key: self.copy(item, path=f"{path}.{key}", open_ids=open_ids) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.copy(item, path=f"{path}[{n}]", open_ids=open_ids) for n, item in enumerate(value)]
        if callable(dump := getattr(value, "model_dump", None)):
            return self.copy(dump(mode="json", exclude_none=True), path=path, open_ids=open_ids)
        hint = " Take its result() first." if callable(getattr(value, "result", None)) else ""
        msg = f"{path or 'the value'} is a {type(value).__qualname__}, which is no JSON data.{hint}"
        raise ValueError(msg)


def jsonable(value: object) -> JsonData:
    """Return what an object of the SDK says, as plain JSON; steps and events of unknown kinds keep all their fields.

    Args:
        value: A model of the SDK, a mapping, a list or a plain value.

    Returns:
        JSON data; fields that are not set are left out, bytes become base64 text.
    """
    if callable(dump := getattr(value, "model_dump", None)):
        return _unwrapped(dump(mode="json", exclude_none=True, warnings=False))
    return _unwrapped(value)


def _unwrapped(value: object) -> JsonData:
    if isinstance(value, Mapping):
        # google-genai 2.x wraps what it does not know and drops the wrapped fields when read back.
        if value.get("is_unknown") is True and set(value) == _UNKNOWN_VARIANT:
            return _unwrapped(value["raw"])
        return {str(key): _unwrapped(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_unwrapped(item) for item in value]
    if isinstance(value, (bytes, bytearray)):
        return base64.b64encode(value).decode("ascii")
    if callable(getattr(value, "model_dump", None)):
        return jsonable(value)
    return value if value is None or isinstance(value, (str, bool, int, float)) else str(value)


def digest(value: object) -> str:
    """Return the SHA-256 of JSON data in hexadecimal, the same for equal contents."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def text_of(value: object) -> str | None:
    """Return a text that is not empty, else `None`."""
    return value if isinstance(value, str) and value else None

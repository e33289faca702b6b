"""Stored data for people: JSON-ready, whatever classes are missing."""

from __future__ import annotations

import json
import math
from base64 import b64decode, b64encode
from typing import TYPE_CHECKING, Final

from kitaru.artifacts.codecs import _scalars
from kitaru.artifacts.codecs._json import Json, read_json

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["readable_data"]


def readable_data(codec: str, data: bytes) -> object:
    """Return JSON-ready data for stored bytes.

    Args:
        codec: Name of the format.
        data: The bytes.

    Returns:
        The data; bytes, and values of registered codecs, as an object with their base64.

    Raises:
        Exception: The bytes are damaged; of any class.
    """
    if codec == "none":
        return None
    if codec == "text/1":
        return data.decode()
    if codec == "json/1":
        return read_json(data)
    if codec == "typed/1":
        return _view(read_json(data))
    return {"codec": codec, "base64": b64encode(data).decode("ascii")}


def _view(raw: Json) -> Json:
    if type(raw) is dict:
        return {name: _view(item) for name, item in raw.items()}
    if type(raw) is not list:
        return raw
    tag, *args = raw
    view = _VIEWS.get(tag)
    if view is not None:
        return view(args)
    return _scalar(_scalars.READERS[tag](args))


def _scalar(value: object) -> object:
    """A scalar that JSON knows as it is, every other one as text."""
    if isinstance(value, int):
        return value
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, bytes | bytearray):
        return {"base64": b64encode(value).decode("ascii")}
    if isinstance(value, float) and math.isfinite(value):
        return value
    return str(value)


def _items(args: list[Json]) -> list[Json]:
    return [_view(item) for item in args]


def _object(args: list[Json]) -> Json:
    return _view(args[1])


def _pairs(args: list[Json]) -> dict[str, Json]:
    keys, values = _items(args[0::2]), _items(args[1::2])
    names = (key if isinstance(key, str) else json.dumps(key) for key in keys)
    return dict(zip(names, values, strict=True))


def _exception(args: list[Json]) -> dict[str, Json]:
    recorded, arguments, attributes, cause, text = args
    shown = {"exception": recorded, "args": _items(arguments), "traceback": text}
    if attributes:
        shown["attributes"] = _view(attributes)
    if cause is not None:
        shown["cause"] = _view(cause)
    return shown


def _model(args: list[Json]) -> Json:
    _, fields, _, extra, _ = args
    return {**_view(fields), **(_view(extra) or {})}


def _codec(args: list[Json]) -> dict[str, str]:
    name, text = args
    b64decode(text, validate=True)
    return {"codec": name, "base64": text}


_VIEWS: Final[dict[str, Callable[[list[Json]], Json]]] = {
    "json": lambda args: args[0],
    "list": _items,
    "tuple": _items,
    "set": _items,
    "frozenset": _items,
    "deque": lambda args: _items(args[1:]),
    "dict": _pairs,
    "ordereddict": _pairs,
    "counter": _pairs,
    "defaultdict": lambda args: _pairs(args[1:]),
    "enum": lambda args: args[1],
    "flag": _object,
    "struct": _object,
    "namedtuple": _object,
    "dataclass": _object,
    "url": lambda args: args[1],
    "exception": _exception,
    "model": _model,
    "codec": _codec,
}

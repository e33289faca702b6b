"""Reading a typed tree: tags decide, nothing is guessed, and nothing that data names is imported or called."""

from __future__ import annotations

from base64 import b64decode
from collections import Counter, OrderedDict, defaultdict, deque
from typing import TYPE_CHECKING, Final

from kitaru.artifacts.codecs import _objects, _scalars
from kitaru.artifacts.codecs._json import Json, read_json
from kitaru.artifacts.codecs._registry import codec_named
from kitaru.artifacts.codecs._writer import FACTORIES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["TreeReader", "read_typed"]


def read_typed(data: bytes) -> object:
    """Decode bytes of the format `typed/1`.

    Args:
        data: The bytes.

    Returns:
        The value.

    Raises:
        Exception: The bytes are not of that format, or name a class that is missing; of any class.
    """
    return TreeReader().read(read_json(data))


class TreeReader:
    """One walk over one decoded JSON tree."""

    def read(self, raw: Json) -> Json:
        """Return the value that `raw` stands for.

        Args:
            raw: A JSON value.

        Returns:
            The value.

        Raises:
            ValueError: `raw` is not in the format.
        """
        if type(raw) is dict:
            return self.fields(raw)
        if type(raw) is not list:
            return raw
        tag, *args = raw
        scalar = _scalars.READERS.get(tag)
        if scalar is not None:
            return scalar(args)
        reader = _CONTAINERS.get(tag) or _objects.READERS.get(tag)
        if reader is None:
            msg = f"no value is written with the tag {tag!r}"
            raise ValueError(msg)
        return reader(self, args)

    def fields(self, raw: Json) -> dict[str, Json]:
        """Return the values of a JSON object by name.

        Args:
            raw: The object.

        Returns:
            The values.

        Raises:
            TypeError: `raw` is no object.
        """
        if type(raw) is not dict:
            msg = f"expected an object, found {type(raw).__name__}"
            raise TypeError(msg)
        return {name: self.read(item) for name, item in raw.items()}

    def items(self, raw: Json) -> list[Json]:
        """Return the values of a JSON array that carries no tag of its own.

        Args:
            raw: The array.

        Returns:
            The values.

        Raises:
            TypeError: `raw` is no array.
        """
        if type(raw) is not list:
            msg = f"expected an array, found {type(raw).__name__}"
            raise TypeError(msg)
        return [self.read(item) for item in raw]

    def pairs(self, args: list[Json]) -> Iterator[tuple[Json, Json]]:
        """Yield keys and values that were written one after the other."""
        values = iter([self.read(item) for item in args])
        return zip(values, values, strict=True)

    def codec(self, args: list[Json]) -> object:
        """Return a value that a registered codec has written."""
        name, text = args
        codec = codec_named(name)
        if codec is None:
            msg = f"no codec named {name!r} is registered; install or enable the plugin that brings it"
            raise LookupError(msg)
        return codec.decode(b64decode(text, validate=True))


def _only(args: list[Json]) -> object:
    (value,) = args
    return value


def _defaultdict(reader: TreeReader, args: list[Json]) -> object:
    name, *pairs = args
    return defaultdict(None if name is None else FACTORIES[name], reader.pairs(pairs))


_CONTAINERS: Final[dict[str, Callable[[TreeReader, list[Json]], object]]] = {
    "json": lambda _, args: _only(args),
    "list": lambda reader, args: reader.items(args),
    "dict": lambda reader, args: dict(reader.pairs(args)),
    "tuple": lambda reader, args: tuple(reader.items(args)),
    "set": lambda reader, args: set(reader.items(args)),
    "frozenset": lambda reader, args: frozenset(reader.items(args)),
    "deque": lambda reader, args: deque(reader.items(args[1:]), args[0]),
    "ordereddict": lambda reader, args: OrderedDict(reader.pairs(args)),
    "counter": lambda reader, args: Counter(dict(reader.pairs(args))),
    "defaultdict": _defaultdict,
    "codec": TreeReader.codec,
}

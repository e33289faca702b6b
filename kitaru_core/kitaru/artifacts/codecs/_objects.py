"""Values whose class is the user's: how each kind of class is recognised, taken apart and put together again.

A value is put together from its recorded parts, as it was: no `__init__` and no validation of the user's runs, and what
a struct's `__post_init__` does is undone. Which kind a class is of decides whether data may name it at all; every other
class is refused.
"""

from __future__ import annotations

import dataclasses
import sys
from enum import Enum, Flag
from functools import cached_property
from io import IOBase
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

import msgspec

from kitaru.artifacts.codecs._classes import class_name, find_class, same_class
from kitaru.artifacts.codecs._errors import Unencodable
from kitaru.artifacts.codecs._failures import read_exception, write_exception

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import ModuleType

    from kitaru.artifacts.codecs._json import Json
    from kitaru.artifacts.codecs._reader import TreeReader
    from kitaru.artifacts.codecs._writer import TreeWriter

__all__ = ["READERS", "is_storable_class", "writer_of"]

_BUILTIN_BASES: Final = (str, bytes, bytearray, int, float, complex, list, tuple, dict, set, frozenset)
_MISSING: Final = dataclasses.MISSING
_writers: WeakKeyDictionary[type, Callable[[TreeWriter, Any], object]] = WeakKeyDictionary()
_dataclass_fields: WeakKeyDictionary[type, dict[str, dataclasses.Field[Any]]] = WeakKeyDictionary()


def writer_of(value: object, kind: type) -> Callable[[TreeWriter, Any], object]:
    """Find the function that takes a value of a user's class apart.

    Args:
        value: The value.
        kind: Its class.

    Returns:
        The function.

    Raises:
        Unencodable: The class is of no kind that can be stored, or would not be found again.
    """
    found = _writer_by_kind(kind)
    if found is None:
        raise Unencodable(_advice(value, kind), kind)
    if hasattr(kind, "__del__"):
        reason = "the class has a `__del__`, and objects that act when they are dropped are not made from stored data."
        raise Unencodable(reason, kind)
    if not same_class(kind) and not _is_generic_model(kind):
        reason = (
            "the class would not be found again when the value is read, because it does not stand under its own name "
            "in its module. Define it at the top level of a module."
        )
        raise Unencodable(reason, kind)
    return found


def is_storable_class(kind: type) -> bool:
    """Tell whether stored data may name the class `kind`."""
    return _writer_by_kind(kind) is not None


def _writer_by_kind(kind: type) -> Callable[[TreeWriter, Any], object] | None:
    known = _writers.get(kind)
    if known is None:
        known = next((writer for belongs, writer in _KINDS if belongs(kind)), None)
        if known is not None:  # what is no model may become one of pydantic's, once pydantic is there
            _writers[kind] = known
    return known


def is_model(kind: type) -> bool:
    """Tell whether `kind` is a pydantic model, without loading pydantic to find out."""
    # Another thread may be importing it right now; a model there can be only once that is done.
    base = getattr(sys.modules.get("pydantic.main"), "BaseModel", None)
    return base is not None and issubclass(kind, base)


def _models() -> ModuleType:
    from kitaru.artifacts.codecs import _models as found  # pydantic is loaded only when a model is met

    return found


def _write_model(writer: TreeWriter, value: Json) -> object:
    return _models().write_model(writer, value)


def is_namedtuple(kind: type) -> bool:
    """Tell whether `kind` was made by `typing.NamedTuple` or `collections.namedtuple`."""
    fields = getattr(kind, "_fields", None)
    return issubclass(kind, tuple) and isinstance(fields, tuple) and hasattr(kind, "_field_defaults")


def _is_dataclass(kind: type) -> bool:
    return dataclasses.is_dataclass(kind) and not issubclass(kind, _BUILTIN_BASES)


def _is_generic_model(kind: type) -> bool:
    return is_model(kind) and bool(kind.__pydantic_generic_metadata__["origin"])  # type: ignore[attr-defined] # a model


def _is_url(kind: type) -> bool:
    base = getattr(sys.modules.get("pydantic.networks"), "_BaseUrl", None)  # the base of all its URL types
    return base is not None and issubclass(kind, base)


def _advice(value: object, kind: type) -> str:
    if callable(value):
        return "functions and classes are code, not data. Return a name or an id and look it up where it is needed."
    if kind.__name__ in {"SecretStr", "SecretBytes", "Secret"}:
        return "it holds a secret, and records hold none. Read the secret where it is used instead of returning it."
    if (advice := _advice_on_what_is_live(value)) is not None:
        return advice
    base = next((base.__name__ for base in _BUILTIN_BASES if issubclass(kind, base)), None)
    if base is not None:
        return f"a subclass of {base} would lose its class. Return {base}(value), or register a codec for the class."
    return (
        "kitaru stores plain data, dataclasses, named tuples, enums, exceptions, pydantic models and msgspec structs. "
        "Return one of these, or register a codec for the class with `register_codec`."
    )


def _advice_on_what_is_live(value: object) -> str | None:
    if hasattr(value, "__await__"):
        return "nobody has awaited it. Put `await` before the call that made it, and return what comes of it."
    if isinstance(value, IOBase):
        return "an open file lives in this process only. Return what it holds, or its path."
    if hasattr(value, "__next__") or hasattr(value, "__anext__"):
        return "it can be consumed only once. Return what it yields, such as list(value)."
    return None


def _write_enum(writer: TreeWriter, value: Enum) -> object:
    kind = type(value)
    if kind.__members__.get(value.name) is not value:
        reason = "it is no member of its enumeration under its own name."
        raise Unencodable(reason, kind)
    return ["enum", class_name(kind, canonical=writer.canonical), value.name]


def _write_flag(writer: TreeWriter, value: Flag) -> object:
    return ["flag", class_name(type(value), canonical=writer.canonical), writer.write(value.value)]


def _write_struct(writer: TreeWriter, value: msgspec.Struct) -> object:
    fields = {name: getattr(value, name) for name in value.__struct_fields__}
    return ["struct", class_name(type(value), canonical=writer.canonical), writer.fields(fields)]


def _write_namedtuple(writer: TreeWriter, value: Json) -> object:
    fields = dict(zip(value._fields, tuple.__iter__(value), strict=True))
    return ["namedtuple", class_name(type(value), canonical=writer.canonical), writer.fields(fields)]


def _write_url(writer: TreeWriter, value: object) -> object:
    return ["url", class_name(type(value), canonical=writer.canonical), str(value)]


def _write_dataclass(writer: TreeWriter, value: Json) -> object:
    kind = type(value)
    names = _fields_of(kind)
    fields = {name: item for name in names if (item := getattr(value, name, _MISSING)) is not _MISSING}
    written = ["dataclass", class_name(kind, canonical=writer.canonical), writer.fields(fields)]
    beside = {
        name: item for name, item in getattr(value, "__dict__", {}).items() if name not in names and _is_own(kind, name)
    }
    return [*written, writer.fields(beside)] if beside else written


def _fields_of(kind: type) -> dict[str, dataclasses.Field[Any]]:
    known = _dataclass_fields.get(kind)
    if known is None:
        known = _dataclass_fields[kind] = {field.name: field for field in dataclasses.fields(kind)}
    return known


def _is_own(kind: type, name: str) -> bool:
    """Whether an attribute beside the fields is state of the object: not a cached property, not a typing trace."""
    return name != "__orig_class__" and not isinstance(getattr(kind, name, None), cached_property)


def _found(recorded: str, right_kind: Callable[[type], bool]) -> type:
    kind = find_class(recorded)
    if not right_kind(kind):
        msg = f"{recorded} is a class of another kind now"
        raise TypeError(msg)
    return kind


def _read_enum(_: TreeReader, args: list[Json]) -> object:
    recorded, name = args
    return _found(recorded, lambda kind: issubclass(kind, Enum)).__members__[name]  # type: ignore[attr-defined] # an Enum


def _read_flag(reader: TreeReader, args: list[Json]) -> object:
    recorded, number = args
    return _found(recorded, lambda kind: issubclass(kind, Flag))(reader.read(number))


def _read_struct(reader: TreeReader, args: list[Json]) -> object:
    recorded, fields = args
    kind = _found(recorded, lambda kind: issubclass(kind, msgspec.Struct))
    values = reader.fields(fields)
    value = kind(**values)
    for name, item in values.items():  # whatever `__post_init__` made of them, the recorded values stand
        msgspec.structs.force_setattr(value, name, item)
    return value


def _read_namedtuple(reader: TreeReader, args: list[Json]) -> object:
    recorded, fields = args
    kind: Any = _found(recorded, is_namedtuple)
    values = {**kind._field_defaults, **reader.fields(fields)}
    if values.keys() != set(kind._fields):
        _changed(recorded, values.keys() ^ set(kind._fields))
    return tuple.__new__(kind, [values[name] for name in kind._fields])


def _read_url(_: TreeReader, args: list[Json]) -> object:
    recorded, text = args
    return _found(recorded, _is_url)(text)


def _read_dataclass(reader: TreeReader, args: list[Json]) -> object:
    recorded, fields, *rest = args
    kind: Any = _found(recorded, _is_dataclass)
    values = reader.fields(fields)
    known = _fields_of(kind)
    if not values.keys() <= known.keys():
        _changed(recorded, values.keys() - known.keys())
    value = object.__new__(kind)
    for name, field in known.items():
        if name in values:
            object.__setattr__(value, name, values[name])
        elif field.default is not _MISSING:
            object.__setattr__(value, name, field.default)
        elif field.default_factory is not _MISSING:
            object.__setattr__(value, name, field.default_factory())
        elif field.init:
            _changed(recorded, {name})
    for beside in rest:
        value.__dict__.update(reader.fields(beside))
    return value


def _changed(recorded: str, names: Iterable[str]) -> None:
    msg = f"{recorded} has other fields now: {', '.join(sorted(names))}"
    raise TypeError(msg)


def _read_model(reader: TreeReader, args: list[Json]) -> object:
    return _models().read_model(reader, args)


# In this order: a flag is an enumeration too, and an exception may be a dataclass.
_KINDS: Final[tuple[tuple[Callable[[type], bool], Callable[[TreeWriter, Any], object]], ...]] = (
    (lambda kind: issubclass(kind, BaseException), write_exception),
    (lambda kind: issubclass(kind, Flag), _write_flag),
    (lambda kind: issubclass(kind, Enum), _write_enum),
    (lambda kind: issubclass(kind, msgspec.Struct), _write_struct),
    (is_model, _write_model),
    (is_namedtuple, _write_namedtuple),
    (_is_dataclass, _write_dataclass),
    (_is_url, _write_url),
)

READERS: Final[dict[str, Callable[[TreeReader, list[Json]], object]]] = {
    "enum": _read_enum,
    "flag": _read_flag,
    "struct": _read_struct,
    "namedtuple": _read_namedtuple,
    "dataclass": _read_dataclass,
    "exception": read_exception,
    "model": _read_model,
    "url": _read_url,
}

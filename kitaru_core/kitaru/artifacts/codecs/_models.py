"""Pydantic models, generic ones included: taken apart by their state, put together without validation."""

from __future__ import annotations

import types
import typing
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from kitaru.artifacts.codecs._classes import class_name, find_class
from kitaru.artifacts.codecs._errors import Unencodable
from kitaru.artifacts.codecs._objects import is_storable_class
from kitaru.artifacts.codecs._scalars import WRITERS

if TYPE_CHECKING:
    from kitaru.artifacts.codecs._json import Json
    from kitaru.artifacts.codecs._reader import TreeReader
    from kitaru.artifacts.codecs._writer import TreeWriter

__all__ = ["read_model", "write_model"]

_SPECIAL: Final[dict[str, object]] = {"None": None, "Any": Any, "...": ...}
_NO_FORM: Final = "its type parameter {!r} has no written form; derive a class with a name of its own."
_PARAMETER_CLASSES: Final = frozenset({*WRITERS, int, float, str, bool, list, dict, tuple, set, frozenset, type(None)})


def write_model(writer: TreeWriter, value: BaseModel) -> object:
    """Take a model apart.

    Args:
        writer: The walk.
        value: The model.

    Returns:
        `["model", class, fields, names of the fields that were set, extras, private attributes]`.
    """
    kind = type(value)
    state = vars(value)
    fields = {name: state[name] for name in kind.model_fields if name in state}
    extra, private = value.__pydantic_extra__, value.__pydantic_private__
    return [
        "model",
        _write_class(kind, canonical=writer.canonical),
        writer.fields(fields),
        sorted(value.__pydantic_fields_set__),
        None if extra is None else writer.fields(extra),
        None if private is None else writer.fields(private),
    ]


def read_model(reader: TreeReader, args: list[Json]) -> BaseModel:
    """Put a model together; a field that its class has gained since takes its default.

    Args:
        reader: The walk.
        args: What stands behind the tag.

    Returns:
        The model.

    Raises:
        TypeError: The class has lost a field since, or gained one without a default.
    """
    recorded, fields, names, extra, private = args
    kind = _read_class(recorded)
    values = reader.fields(fields)
    known = kind.model_fields
    if not values.keys() <= known.keys():
        msg = f"{recorded} has lost the fields {', '.join(sorted(values.keys() - known.keys()))}"
        raise TypeError(msg)
    state = {name: values[name] if name in values else _default(kind, name) for name in known}
    value = kind.__new__(kind)
    object.__setattr__(value, "__dict__", state)
    object.__setattr__(value, "__pydantic_fields_set__", {str(name) for name in names})
    # A root model has no place of its own for what it never has.
    if extra is not None or not kind.__pydantic_root_model__:
        object.__setattr__(value, "__pydantic_extra__", None if extra is None else reader.fields(extra))
    if private is not None or not kind.__pydantic_root_model__:
        object.__setattr__(value, "__pydantic_private__", None if private is None else reader.fields(private))
    return value


def _default(kind: type[BaseModel], name: str) -> object:
    default = kind.model_fields[name].get_default(call_default_factory=True, validated_data={})
    if default is PydanticUndefined:
        msg = f"{kind.__qualname__} has gained the field {name!r}, which has no default"
        raise TypeError(msg)
    return default


def _write_class(kind: type[BaseModel], *, canonical: bool) -> object:
    metadata = kind.__pydantic_generic_metadata__
    origin = metadata["origin"]
    if origin is None:
        return class_name(kind, canonical=canonical)
    written = [
        "generic",
        class_name(origin, canonical=canonical),
        *(_write_parameter(each, canonical=canonical) for each in metadata["args"]),
    ]
    try:
        found = _read_class(written)
    except (LookupError, TypeError):
        found = None
    if found is not kind:
        reason = "this parametrised model would not be found again; derive a class with a name of its own from it."
        raise Unencodable(reason, kind)
    return written


def _write_parameter(parameter: object, *, canonical: bool) -> object:
    if parameter is type(None):
        return "None"
    special = next((name for name, each in _SPECIAL.items() if each is parameter), None)
    if special is not None:
        return special
    origin = typing.get_origin(parameter)
    if origin is not None:
        return _write_alias(parameter, origin, canonical=canonical)
    if isinstance(parameter, type):
        if issubclass(parameter, BaseModel):
            return _write_class(parameter, canonical=canonical)
        return class_name(parameter, canonical=canonical)
    raise Unencodable(_NO_FORM.format(parameter), BaseModel)


def _write_alias(parameter: object, origin: object, *, canonical: bool) -> object:
    args = typing.get_args(parameter)
    if origin is typing.Literal and all(type(each) in {str, int, bool} for each in args):
        return ["literal", *args]
    written = [_write_parameter(each, canonical=canonical) for each in args]
    if origin is typing.Union:
        return ["union", *written]
    if origin is types.UnionType:  # pydantic makes one class for `Optional[int]` and another for `int | None`
        return ["or", *written]
    if isinstance(origin, type):
        return ["alias", class_name(origin), *written]
    raise Unencodable(_NO_FORM.format(parameter), BaseModel)


def _read_class(recorded: Json) -> type[BaseModel]:
    if isinstance(recorded, list):
        tag, name, *parameters = recorded
        origin = _read_class(name)
        if tag != "generic":
            msg = f"no class is written as {tag!r}"
            raise TypeError(msg)
        found: Any = origin[tuple(_read_parameter(each) for each in parameters)]  # type: ignore[index] # generic
    else:
        found = find_class(recorded)
    if not (isinstance(found, type) and issubclass(found, BaseModel)):
        msg = f"{recorded} is no pydantic model now"
        raise TypeError(msg)
    return found


def _read_parameter(recorded: Json) -> object:
    if isinstance(recorded, list):
        return _read_alias(recorded)
    if recorded in _SPECIAL:
        return _SPECIAL[recorded]
    kind = find_class(recorded)
    if kind not in _PARAMETER_CLASSES and not is_storable_class(kind):
        msg = f"{recorded} cannot be a type parameter in stored data"
        raise TypeError(msg)
    return kind


def _read_alias(recorded: list[Json]) -> object:
    tag, *args = recorded
    if tag == "generic":
        return _read_class(recorded)
    if tag == "literal":
        return typing.Literal[tuple(args)]
    if tag == "union":
        return typing.Union[tuple(_read_parameter(each) for each in args)]  # noqa: UP007 - the members are not known here
    if tag == "or":
        return reduce(or_, (_read_parameter(each) for each in args))
    if tag == "alias":
        origin, *parameters = args
        generic: Any = _read_parameter(origin)
        return generic[tuple(_read_parameter(each) for each in parameters)]
    msg = f"no type parameter is written as {tag!r}"
    raise TypeError(msg)

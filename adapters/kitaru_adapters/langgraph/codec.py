"""Turning LangChain's and LangGraph's objects into plain values that kitaru's codecs store exactly, and back.

Only the framework's own classes are treated here; what users put inside (artifacts, structured responses, arguments)
stays as it is and goes through kitaru's codec, which writes JSON unless a value in it needs more. A stored object is a
dictionary with a reserved key; a dictionary of the user that has one is stored as a list of its items, so that it can
never be mistaken for such an object.
"""

from __future__ import annotations

import sys
from functools import cache
from typing import TYPE_CHECKING, Any, TypeAlias

from langchain_core.messages import BaseMessage
from langgraph.types import Command, Interrupt, Overwrite, Send

from kitaru.errors import KitaruDecodingError, KitaruEncodingError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Parts", "pack", "stored_fields", "stored_message", "stored_object", "unpack"]

Parts: TypeAlias = dict[str, Any]
"""The parts of an object by name, as they are or in their stored form."""

_MESSAGE, _OBJECT, _ITEMS, _FIELDS = "kitaru:message", "kitaru:object", "kitaru:items", "fields"

_RESERVED = {_MESSAGE, _OBJECT, _ITEMS}
_ATOMS = {str, int, float, bool, bytes, type(None)}
_OBJECTS: dict[str, tuple[type, tuple[str, ...]]] = {
    "command": (Command, ("graph", "update", "resume", "goto")),
    "send": (Send, ("node", "arg", "timeout")),
    "interrupt": (Interrupt, ("value", "id", "response_schema")),
    "overwrite": (Overwrite, ("value",)),
}


def stored_message(path: str, fields: Parts) -> Parts:
    """Return the stored form of a message.

    Args:
        path: Module and qualified name of its class.
        fields: The fields that were set, extra ones included, in their stored form.
    """
    return {_MESSAGE: path, _FIELDS: fields}


def stored_object(kind: str, fields: Parts) -> Parts:
    """Return the stored form of another object, of the framework or of this adapter.

    Args:
        kind: Which one.
        fields: Its parts, in their stored form.
    """
    return {_OBJECT: kind, _FIELDS: fields}


def stored_fields(value: object, kind: str) -> Parts | None:
    """Return the parts of a stored object, or `None` if the value is no stored object of this kind."""
    fields = value.get(_FIELDS) if type(value) is dict and value.get(_OBJECT) == kind else None
    return fields if isinstance(fields, dict) else None


@cache
def _kinds() -> dict[str, tuple[type, tuple[str, ...]]]:
    """Return the framework's objects by kind; without langchain nobody can hand in the results of its agents."""
    try:
        from langchain.agents.middleware.types import ExtendedModelResponse, ModelResponse
    except ModuleNotFoundError:
        return _OBJECTS
    return {
        **_OBJECTS,
        "model_response": (ModelResponse, ("result", "structured_response")),
        "extended_model_response": (ExtendedModelResponse, ("model_response", "command")),
    }


@cache
def _classes() -> dict[type, tuple[str, tuple[str, ...]]]:
    return {cls: (kind, names) for kind, (cls, names) in _kinds().items()}


def _class_path(cls: type) -> str:
    return f"{cls.__module__}:{cls.__qualname__}"


def pack(value: object) -> object:
    """Return the value with every object of the framework replaced by its stored form.

    Args:
        value: Messages, commands, model responses, containers of these, or anything kitaru's codec stores.

    Returns:
        A value that kitaru's codec stores; it is a copy, as far as containers go.

    Raises:
        KitaruEncodingError: A message keeps something outside its fields, which would not come back.
    """
    if type(value) in _ATOMS:
        return value
    if isinstance(value, BaseMessage):
        return _packed_message(value)
    if type(value) is dict and not _RESERVED.isdisjoint(value):
        return {_ITEMS: [[pack(key), pack(item)] for key, item in value.items()]}
    if isinstance(value, (dict, list, tuple)):
        return _rebuilt(value, pack)
    found = _classes().get(type(value))
    if found is None:
        return value
    return stored_object(found[0], {name: pack(getattr(value, name)) for name in found[1]})


def _packed_message(message: BaseMessage) -> Parts:
    cls = type(message)
    fields = cls.model_fields
    kept = vars(message)
    parts = {name: kept[name] for name in fields if name in kept and not _is_default(cls, name, kept[name])}
    parts |= message.__pydantic_extra__ or {}
    keeps_more = bool(message.__pydantic_private__) or not kept.keys() <= fields.keys()
    if keeps_more and cls.model_construct(_fields_set=set(parts), **parts) != message:
        msg = (
            f"A message of class {_class_path(cls)!r} cannot be stored: it keeps data outside its fields, "
            "which would not come back. Declare that data as a field of the class."
        )
        raise KitaruEncodingError(msg, type_name=_class_path(cls))
    return stored_message(_class_path(cls), {name: pack(part) for name, part in parts.items()})


def _is_default(cls: type[BaseMessage], name: str, value: object) -> bool:
    defaults = _defaults(cls)
    return name in defaults and type(value) is type(defaults[name]) and bool(value == defaults[name])


@cache
def _defaults(cls: type[BaseMessage]) -> dict[str, object]:
    fields = cls.model_fields.items()
    return {
        name: field.get_default(call_default_factory=True, validated_data={})
        for name, field in fields
        if not field.is_required()
    }


def _rebuilt(value: object, convert: Callable[[object], object]) -> object:
    if type(value) is dict:
        return {key: convert(item) for key, item in value.items()}
    if type(value) is list:
        return [convert(item) for item in value]
    if type(value) is tuple:
        return tuple(convert(item) for item in value)
    return value  # a named tuple or a subclass of the user: kitaru's codec knows it or refuses it by name


def unpack(value: object) -> object:
    """Return the value with every stored form replaced by the framework's object.

    Args:
        value: What `pack` returned, after a trip through the journal.

    Returns:
        The value as it was.

    Raises:
        KitaruDecodingError: A message's class is not loaded in this process.
    """
    if type(value) in _ATOMS:
        return value
    if type(value) is dict and not _RESERVED.isdisjoint(value):
        return _object(value)
    return _rebuilt(value, unpack) if isinstance(value, (dict, list, tuple)) else value


def _object(stored: Parts) -> object:
    """Return what a dictionary with a reserved key stands for."""
    if _ITEMS in stored:
        return {unpack(key): unpack(item) for key, item in stored[_ITEMS]}
    fields = stored.get(_FIELDS)
    if not isinstance(fields, dict):
        reserved = min(_RESERVED & stored.keys())
        msg = f"A value with the key {reserved!r} lacks its `fields`, so it cannot be read."
        raise KitaruDecodingError(msg, type_name="dict", raw=stored)
    parts = {name: unpack(part) for name, part in fields.items()}
    if _MESSAGE in stored:
        return _constructed(_message_class(str(stored[_MESSAGE]), fields), parts)
    kind = str(stored[_OBJECT])
    known = _kinds().get(kind)
    if known is None:
        msg = f"A stored {kind!r} cannot be read: langchain, which brings its class, is not installed here."
        raise KitaruDecodingError(msg, type_name=kind, raw=fields)
    return known[0](**parts)


def _constructed(cls: type[BaseMessage], parts: Parts) -> BaseMessage:
    # By itself pydantic inspects the signature of each default's factory anew, and copies each default.
    atoms, containers = _plain_defaults(cls)
    values = {**atoms, **{name: make() for name, make in containers.items()}, **parts}
    return cls.model_construct(_fields_set=set(parts), **values)


@cache
def _plain_defaults(cls: type[BaseMessage]) -> tuple[dict[str, object], dict[str, Callable[[], object]]]:
    """Return the defaults that never change, and how to make those that are empty containers; pydantic makes others."""
    defaults = _defaults(cls).items()
    atoms = {name: value for name, value in defaults if type(value) in _ATOMS}
    return atoms, {name: type(value) for name, value in defaults if type(value) in {dict, list} and not value}


def _message_class(path: str, fields: object) -> type[BaseMessage]:
    """Find a message's class among those that are loaded; names found in data are never imported."""
    module, _, name = path.partition(":")
    near = vars(sys.modules[module]).get(name) if module in sys.modules else None
    if isinstance(near, type) and issubclass(near, BaseMessage) and _class_path(near) == path:
        return near
    pending: list[type[BaseMessage]] = [BaseMessage]
    while pending:
        cls = pending.pop()
        if _class_path(cls) == path:
            return cls
        pending.extend(cls.__subclasses__())
    msg = (
        f"A stored message is of class {path!r}, which is not loaded here. "
        "Import the module that defines it where the flow is defined."
    )
    raise KitaruDecodingError(msg, type_name=path, raw=fields)

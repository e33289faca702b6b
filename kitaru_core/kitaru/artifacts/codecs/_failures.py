"""Exceptions as data: class, arguments, attributes, cause and the text of the traceback."""

from __future__ import annotations

import builtins
import traceback
from types import MemberDescriptorType
from typing import TYPE_CHECKING, Final

from kitaru.artifacts.codecs._classes import class_name, find_class
from kitaru.artifacts.codecs._errors import Unencodable
from kitaru.records.failure import BLAMED

if TYPE_CHECKING:
    from kitaru.artifacts.codecs._json import Json
    from kitaru.artifacts.codecs._reader import TreeReader
    from kitaru.artifacts.codecs._writer import TreeWriter

__all__ = ["TRACEBACK", "read_exception", "write_exception"]

TRACEBACK: Final = "kitaru_traceback"
"""Attribute of an exception read back that holds the text of the traceback it was recorded with."""


def write_exception(writer: TreeWriter, value: BaseException) -> object:
    """Take an exception apart.

    An argument that cannot be stored is kept as its `repr`, an attribute that cannot be stored is left out: the story
    of a failure must not be lost over a handle that hangs on it.

    Args:
        writer: The walk.
        value: The exception.

    Returns:
        `["exception", class, arguments, attributes, cause, traceback]`.
    """
    attributes = {**_builtin_attributes(value), **vars(value)}
    for ours in (TRACEBACK, BLAMED):
        attributes.pop(ours, None)
    # A group's second argument holds the exceptions themselves, and must come back as such.
    arguments = [_or_text(writer, item, must=isinstance(value, BaseExceptionGroup)) for item in _arguments(value)]
    cause = None if value.__cause__ is None else writer.write(value.__cause__)
    name = class_name(type(value), canonical=writer.canonical)
    kept = {key: written for key, item in attributes.items() if (written := _or_nothing(writer, item)) is not _NOTHING}
    return ["exception", name, arguments, kept, cause, None if writer.canonical else _traceback_text(value)]


def read_exception(reader: TreeReader, args: list[Json]) -> BaseException:
    """Put an exception together without running the constructor of its own class.

    Args:
        reader: The walk.
        args: What stands behind the tag.

    Returns:
        The exception. Its recorded traceback is the attribute `kitaru_traceback`.
    """
    recorded, arguments, attributes, cause, text = args
    kind = find_class(recorded)
    if not issubclass(kind, BaseException):
        msg = f"{recorded} is no exception now"
        raise TypeError(msg)
    values = tuple(reader.items(arguments))
    base = next(base for base in kind.__mro__ if vars(builtins).get(base.__name__) is base)
    value: BaseException = base.__new__(kind, *values)
    base.__init__(value, *values)  # fills what built-in classes keep outside their attributes, such as errno
    for attribute, item in reader.fields(attributes).items():
        slot = getattr(base, attribute, None)
        if isinstance(slot, MemberDescriptorType):
            slot.__set__(value, item)
        else:
            vars(value)[attribute] = item
    value.__cause__ = _cause(reader.read(cause))
    if text is not None:
        vars(value)[TRACEBACK] = str(text)
    return value


_NOTHING: Final = object()


def _arguments(value: BaseException) -> tuple[object, ...]:
    """What the constructor of the built-in base takes: an `OSError` leaves its file names out of `args`."""
    if isinstance(value, OSError):
        return tuple(OSError.__reduce__(value)[1])
    return value.args


def _builtin_attributes(value: BaseException) -> dict[str, object]:
    """What built-in classes keep in slots and do not take as arguments."""
    if isinstance(value, ImportError):
        return {"name": value.name, "path": value.path}
    return {"name": value.name} if isinstance(value, NameError | AttributeError) else {}


def _or_nothing(writer: TreeWriter, value: object) -> object:
    try:
        return writer.write(value)
    except Unencodable:
        return _NOTHING


def _or_text(writer: TreeWriter, value: object, *, must: bool) -> object:
    written = _or_nothing(writer, value)
    if written is not _NOTHING:
        return written
    return writer.write(value if must else repr(value))


def _cause(value: object) -> BaseException | None:
    if value is None or isinstance(value, BaseException):
        return value
    msg = f"the cause of an exception cannot be a {type(value).__name__}"
    raise TypeError(msg)


def _traceback_text(value: BaseException) -> str | None:
    recorded = vars(value).get(TRACEBACK)
    if value.__traceback__ is None:
        return recorded if isinstance(recorded, str) else None
    return "".join(traceback.format_exception(value))

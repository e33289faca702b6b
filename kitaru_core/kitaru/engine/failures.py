"""Exceptions written down, and raised again on a rerun."""

from __future__ import annotations

import builtins
import sys
import traceback
from types import ModuleType

from kitaru.artifacts.codecs import decode, encode
from kitaru.artifacts.redaction import redact
from kitaru.engine.texts import written_out
from kitaru.errors import FailureOrigin, KitaruDecodingError, KitaruEncodingError
from kitaru.records.failure import Failure

__all__ = ["RecordedFailure", "describe", "rebuild"]

_TRACEBACK_CHARACTERS = 20_000
_MESSAGE_CHARACTERS = 10_000
_READ_BACK = "(Read back from the journal: the call failed in an earlier run, and the flow went on after it.)"


class RecordedFailure(Exception):  # noqa: N818 - stands for whatever exception was recorded
    """Stands for a recorded exception whose class is not at hand in this process.

    Attributes:
        type_name: The recorded class, `module:qualname`.
        recorded_traceback: The recorded traceback.
    """

    def __init__(self, message: str, *, type_name: str, recorded_traceback: str = "") -> None:
        super().__init__(message)
        self.type_name = type_name
        self.recorded_traceback = recorded_traceback


def describe(error: BaseException, origin: FailureOrigin, *, call_id: str | None = None) -> Failure:
    """Write an exception down; secrets known to the runtime are removed from its texts.

    Args:
        error: The exception.
        origin: Where it came from.
        call_id: The call that failed.
    """
    text = "".join(traceback.format_exception(error))
    arguments = None
    try:
        encoded = encode(list(error.args), path="exception arguments")
        if len(encoded.data) <= _MESSAGE_CHARACTERS:
            arguments = [encoded.codec, str(redact(encoded.data.decode()))]
    except (KitaruEncodingError, UnicodeDecodeError):
        arguments = None
    return Failure(
        message=_shown(_text(error))[:_MESSAGE_CHARACTERS],
        type=f"{type(error).__module__}:{type(error).__qualname__}",
        traceback=_shown(text)[-_TRACEBACK_CHARACTERS:],
        origin=origin,
        call_id=call_id,
        arguments=arguments,
    )


def _shown(text: str) -> str:
    return written_out(str(redact(text)))


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - a user's __str__ may do anything
        return f"(no text: {type(error).__qualname__}.__str__ failed)"


def rebuild(failure: Failure, *, note: str = _READ_BACK) -> Exception:
    """Make a recorded exception again, with its own class if that is loaded, without running any code of it.

    Args:
        failure: The recorded failure.
        note: What its traceback says about it.
    """
    found = _find_class(failure.type)
    if found is not None and failure.arguments is not None:
        try:
            arguments = decode(failure.arguments[0], failure.arguments[1].encode())
        except KitaruDecodingError:
            arguments = None
        error = None if not isinstance(arguments, list) else _made(found, arguments)
        if error is not None:
            error.add_note(note)
            return error
    substitute = RecordedFailure(failure.message, type_name=failure.type, recorded_traceback=failure.traceback)
    substitute.add_note(note)
    return substitute


def _made(kind: type[Exception], arguments: list[object]) -> Exception | None:
    try:
        error = kind.__new__(kind, *arguments)
    except (TypeError, ValueError):
        return None  # arguments that were changed after it was made, or belong to another version of the class
    error.args = tuple(arguments)
    return error


def _find_class(path: str) -> type[Exception] | None:
    module_name, _, qualname = path.partition(":")
    here: object = builtins if module_name == "builtins" else sys.modules.get(module_name)
    for part in qualname.split("."):
        # Only what stands there is looked at: a module's `__getattr__` would run code for a name found in data.
        here = vars(here).get(part) if isinstance(here, ModuleType | type) else None
    if not isinstance(here, type) or not issubclass(here, Exception):
        return None
    # A class with a __new__ of its own would run code with data as its arguments; each built-in class has one, too.
    maker = next(base for base in here.__mro__ if "__new__" in vars(base))
    return here if maker.__module__ == "builtins" else None

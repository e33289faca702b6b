"""Reading what stands on the command line: JSON values, and the option every command has."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import msgspec
from cyclopts import Parameter

from kitaru.cli.output import OutputFormat
from kitaru.errors import KitaruUsageError

__all__ = [
    "OutputOption",
    "Repeated",
    "WaitOption",
    "age",
    "clean_format",
    "json_object",
    "json_value",
    "moment",
    "overrides_from",
]

OutputOption = Annotated[OutputFormat, Parameter(name=["--output", "-o"], help="text for people, json for programs")]
WaitOption = Annotated[bool, Parameter(negative="--no-wait")]

Repeated = Annotated[list[str] | None, Parameter(negative="")]

_FLAGS = ("-o", "--output")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def clean_format(arguments: Sequence[str]) -> tuple[list[str], OutputFormat]:
    """Find the wanted format in a command line, and write it the one way that the parser knows.

    Args:
        arguments: The command line without the program's name.

    Returns:
        The same command line, and the format.

    Raises:
        KitaruUsageError: It names another format.
    """
    end = list(arguments).index("--") if "--" in arguments else len(arguments)
    waiting, kept, wanted = list(arguments[:end]), [], ""
    while waiting:
        word = waiting.pop(0)
        name, equals, value = word.partition("=")
        if name not in _FLAGS or not (equals or waiting):
            kept.append(word)
            continue
        given = value if equals else waiting.pop(0)
        wanted = given.strip().casefold()
        if wanted not in {"text", "json"}:
            msg = f"--output must be text or json, not {given!r}."
            raise KitaruUsageError(msg)
    # Wherever it was given, also before the command: it goes behind, where every command takes it.
    chosen = ["--output", wanted] if wanted else []
    return [*kept, *chosen, *arguments[end:]], "json" if wanted == "json" else "text"


def age(text: str, option: str) -> timedelta:
    """Return the length of time that a text such as `90m`, `12h`, `30d` or `8w` stands for.

    Args:
        text: A number with m, h, d or w.
        option: Where it was given, for the error.

    Raises:
        KitaruUsageError: It is none.
    """
    found = re.fullmatch(r"([0-9]{1,6})([mhdw])", text.strip().casefold())
    if found is None:
        msg = f"{option} must be a number with m, h, d or w, such as 30d, not {text!r}."
        raise KitaruUsageError(msg)
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def moment(text: str, option: str) -> datetime:
    """Return the time that a text stands for: so long ago, or a date or time in ISO form, in UTC unless it says where.

    Args:
        text: Such as `2h`, `2026-11-21` or `2026-11-21T09:30+01:00`.
        option: Where it was given, for the error.

    Raises:
        KitaruUsageError: It is none.
    """
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        try:
            return datetime.now(UTC) - age(text, option)
        except (KitaruUsageError, OverflowError):
            msg = f"{option} must be so long ago, such as 2h or 30d, or a time such as 2026-11-21T09:30, not {text!r}."
            raise KitaruUsageError(msg) from None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def json_value(text: str, option: str) -> Any:  # noqa: ANN401 - JSON-ready data
    """Return the value that a text stands for.

    Args:
        text: JSON.
        option: Where it was given, for the error.

    Raises:
        KitaruUsageError: It is no JSON.
    """
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        msg = f"{option} must be JSON, and {text!r} is not: {error}. A text needs quotes of its own: '\"{text}\"'."
        raise KitaruUsageError(msg) from error


def json_object(text: str | None, option: str) -> dict[str, Any]:
    """Return the mapping that a text stands for, empty if there is none.

    Args:
        text: A JSON object, or `@` and a file that holds one.
        option: Where it was given, for the error.

    Raises:
        KitaruUsageError: It is no JSON object, or the file cannot be read.
    """
    if text is None:
        return {}
    if text.startswith("@"):
        try:
            text = Path(text[1:]).expanduser().read_text("utf-8")
        except (OSError, ValueError) as error:
            msg = f"{option} names a file that cannot be read: {error}."
            raise KitaruUsageError(msg) from error
    found = json_value(text, option)
    if not isinstance(found, dict):
        msg = f"{option} must be a JSON object, not {type(found).__name__}."
        raise KitaruUsageError(msg)
    return found


def overrides_from(pairs: Sequence[str], document: str | None) -> dict[str, Any]:
    """Return the overrides of a replay.

    Args:
        pairs: Texts `checkpoint.SELECTOR=VALUE`; a value that is no JSON is the text itself.
        document: The same for several calls, as one JSON object.

    Raises:
        KitaruUsageError: A pair has no value, or a key is given twice.
    """
    found = json_object(document, "--overrides")
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals:
            msg = f"--override {pair!r} must be checkpoint.SELECTOR=VALUE."
            raise KitaruUsageError(msg)
        if key in found:
            msg = f"{key!r} is overridden twice."
            raise KitaruUsageError(msg)
        try:
            found[key] = msgspec.json.decode(text)
        except msgspec.DecodeError:
            found[key] = text
    return found

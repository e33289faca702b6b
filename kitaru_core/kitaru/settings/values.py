"""Checking single settings, whatever place they come from.

Each function takes the value and says in its error where it stood, so that a person knows which place to correct.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Final, Literal, cast
from urllib.parse import urlsplit

from kitaru.errors import KitaruUsageError

__all__ = [
    "Durability",
    "EstimatedCosts",
    "RunMode",
    "durability",
    "estimated_costs",
    "flag",
    "mapping",
    "names",
    "run_mode",
    "seconds",
    "server_address",
    "text",
    "whole",
]

Durability = Literal["power", "process"]
EstimatedCosts = Literal["auto", "off"]
RunMode = Literal["thread", "inline"]

_TRUE: Final = frozenset({"1", "true", "t", "yes", "y", "on"})
_FALSE: Final = frozenset({"0", "false", "f", "no", "n", "off"})
_WHOLE: Final = re.compile(r"[+-]?[0-9]{1,18}")


def text(value: object, where: str) -> str:
    """Return a text that is not blank, without the space around it.

    Args:
        value: The value.
        where: Where it stands, for the error.

    Raises:
        KitaruUsageError: It is no text, or a blank one.
    """
    if not isinstance(value, str):
        # Only its type: a token that is all digits is a number in a file where the quotes were left out.
        msg = f"{where} must be a text, not a {type(value).__name__}."
        raise KitaruUsageError(msg)
    cleaned = value.strip()
    if not cleaned:
        msg = f"{where} is blank; give it a value, or leave it out."
        raise KitaruUsageError(msg)
    return cleaned


def flag(value: object, where: str) -> bool:
    """Return a truth value, given as one or as a word such as `on`, `no` or `1`.

    Args:
        value: The value.
        where: Where it stands, for the error.

    Raises:
        KitaruUsageError: It is neither.
    """
    if isinstance(value, bool):
        return value
    word = value.strip().casefold() if isinstance(value, str) else ""
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    msg = f"{where} must be true or false (also 1/0, yes/no, on/off), not {_shown(value)}."
    raise KitaruUsageError(msg)


def whole(value: object, where: str, *, least: int = 0) -> int:
    """Return a whole number, given as one or in digits.

    Args:
        value: The value.
        where: Where it stands, for the error.
        least: The smallest number that is allowed.

    Raises:
        KitaruUsageError: It is no whole number, or too small.
    """
    found = int(value) if isinstance(value, str) and _WHOLE.fullmatch(value.strip()) else value
    if isinstance(found, bool) or not isinstance(found, int) or found < least:
        msg = f"{where} must be a whole number of at least {least}, not {_shown(value)}."
        raise KitaruUsageError(msg)
    return found


def seconds(value: object, where: str) -> float:
    """Return a number of seconds that is finite and not negative, given as a number or as a text.

    Args:
        value: The value.
        where: Where it stands, for the error.

    Raises:
        KitaruUsageError: It is no such number.
    """
    found = math.nan
    if isinstance(value, int | float | str) and not isinstance(value, bool):
        try:
            found = float(value)
        except (ValueError, OverflowError):
            found = math.nan
    if not math.isfinite(found) or found < 0:
        msg = f"{where} must be a number of seconds, 0 or more, not {_shown(value)}."
        raise KitaruUsageError(msg)
    return found


def mapping(value: object, where: str) -> Mapping[str, object]:
    """Return a mapping whose keys are texts.

    Args:
        value: The value.
        where: Where it stands, for the error.

    Raises:
        KitaruUsageError: It is no mapping, or has other keys.
    """
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        msg = f"{where} must be a table of names and values, not {_shown(value)}."
        raise KitaruUsageError(msg)
    return cast("Mapping[str, object]", value)


def names(value: object, where: str) -> tuple[str, ...]:
    """Return a list of texts, none of them blank.

    Args:
        value: A list or tuple; a single text stands for a list of one.
        where: Where it stands, for the error.

    Raises:
        KitaruUsageError: It is something else.
    """
    if isinstance(value, str):
        return (text(value, where),)
    if not isinstance(value, list | tuple):
        msg = f"{where} must be a list of texts, not {_shown(value)}."
        raise KitaruUsageError(msg)
    return tuple(text(item, f"{where}[{place}]") for place, item in enumerate(value))


def estimated_costs(value: object, where: str) -> EstimatedCosts:
    """Return `auto` or `off`; a truth value or a word for one is taken as well.

    Args:
        value: The value.
        where: Where it stands, for the error.

    Raises:
        KitaruUsageError: It is neither.
    """
    if isinstance(value, str) and value.strip().casefold() == "auto":
        return "auto"
    try:
        return "auto" if flag(value, where) else "off"
    except KitaruUsageError:
        msg = f"{where} must be `auto` or `off`, not {_shown(value)}."
        raise KitaruUsageError(msg) from None


def durability(value: object, where: str) -> Durability:
    """Return a durability level.

    Args:
        value: The value.
        where: Where it stands, for the error.

    Raises:
        KitaruUsageError: It is none.
    """
    meanings = "`power` (survives the loss of power, the default) or `process` (survives the process, and is faster)"
    return cast("Durability", _one_of(value, ("power", "process"), where, meanings))


def run_mode(value: object, where: str) -> RunMode:
    """Return a run mode.

    Args:
        value: The value.
        where: Where it stands, for the error.

    Raises:
        KitaruUsageError: It is none.
    """
    meanings = "`thread` (a thread of its own, the default) or `inline` (the caller's thread)"
    return cast("RunMode", _one_of(value, ("thread", "inline"), where, meanings))


def server_address(value: object, where: str) -> str:
    """Return an http(s) address with a host, without a slash at its end.

    Args:
        value: The value.
        where: Where it stands, for the error.

    Raises:
        KitaruUsageError: It is no such address, or holds a user name or password.
    """
    address = text(value, where)
    try:
        parts = urlsplit(address)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        msg = f"{where} must be an address like https://kitaru.example.com, not {address.rpartition('@')[2]!r}."
        raise KitaruUsageError(msg)
    if parts.username is not None or parts.password is not None:
        msg = f"{where} must not hold a user name or password; credentials are given apart from the address."
        raise KitaruUsageError(msg)
    return address.rstrip("/")


def _one_of(value: object, known: tuple[str, ...], where: str, meanings: str) -> str:
    word = value.strip().casefold() if isinstance(value, str) else ""
    if word not in known:
        msg = f"{where} must be {meanings}, not {_shown(value)}."
        raise KitaruUsageError(msg)
    return word


def _shown(value: object) -> str:
    """Show a short value as it is and a container by its type, which may hold something secret."""
    if isinstance(value, str | int | float | bool) or value is None:
        shown = repr(value)
        return shown if len(shown) <= 60 else f"{shown[:57]}..."  # noqa: PLR2004 - a line's worth
    return f"a {type(value).__name__}"

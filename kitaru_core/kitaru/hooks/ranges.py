"""Whether an installed version lies in the range a plugin supports.

A small subset of the standard for versions is enough here and keeps the core free of another dependency: numeric
releases compared by `==`, `!=`, `>=`, `<=`, `>`, `<` and `~=`. A pre-release counts as older than its release.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from typing import Final

from kitaru.errors import KitaruUsageError

__all__ = ["is_within"]

_VERSION: Final = re.compile(r"v?(?:\d+!)?(\d+(?:\.\d+)*)(.*)")
_CLAUSE: Final = re.compile(r"(==|!=|>=|<=|~=|>|<)\s*(\d+(?:\.\d+)*)\Z")
_EARLIER: Final = re.compile(r"[._-]?(a|b|c|rc|alpha|beta|pre|preview|dev)")

_Version = tuple[tuple[int, ...], bool]
_COMPARE: Final[dict[str, Callable[[_Version, _Version], bool]]] = {
    "==": operator.eq,
    "!=": operator.ne,
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}


def is_within(version: str, range_: str) -> bool:
    """Tell whether a version lies in a range.

    Args:
        version: An installed version, such as `1.2.3` or `2.0rc1`.
        range_: Clauses joined by commas, such as `>=1.2,<2`; an empty text takes every version.

    Returns:
        Whether every clause holds. A version that cannot be read is taken to be in the range: the framework will say
        itself what does not fit.

    Raises:
        KitaruUsageError: The range cannot be read.
    """
    found = _parse(version)
    return found is None or all(_holds(found, clause.strip()) for clause in range_.split(",") if clause.strip())


def _holds(found: _Version, clause: str) -> bool:
    match = _CLAUSE.match(clause)
    if match is None:
        msg = f"{clause!r} is not a version range; write clauses such as '>=1.2' joined by commas."
        raise KitaruUsageError(msg)
    symbol, text = match.groups()
    bound = _release(text)
    if symbol == "~=":
        prefix = len(text.split(".")) - 1
        return found >= (bound, True) and found[0][:prefix] == bound[:prefix]
    if symbol == "<" and found[0] == bound:
        return False  # a pre-release of the excluded release is not below it
    return _COMPARE[symbol](found, (bound, True))


def _parse(version: str) -> _Version | None:
    match = _VERSION.match(version)
    if match is None:
        return None
    return _release(match[1]), _EARLIER.match(match[2]) is None


def _release(text: str) -> tuple[int, ...]:
    """Return the numbers of a release, filled up so that `1.2` equals `1.2.0`."""
    numbers = [int(part) for part in text.split(".")]
    return tuple(numbers + [0] * (6 - len(numbers)))

"""Declared gaps: what a subject is known not to do, with the reason.

A gap is a strict expected failure. It shows in the report, it holds the level down, and it fails the run on the day the
case passes, so that it is taken away.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

__all__ = ["declared_gap", "gap_of"]

_ATTRIBUTE: Final = "__kitaru_gap__"

F = TypeVar("F", bound=Callable[..., object])


def declared_gap(reason: str) -> Callable[[F], F]:
    """Allow a subject to override a case that it cannot pass.

    The override runs in place of the case and must fail; where it would only call the case, naming the id in the
    class's `gaps` says the same in one line.

    Args:
        reason: Why, for whoever reads the report.

    Raises:
        ValueError: The reason is blank.
    """
    if not reason.strip():
        msg = "A declared gap needs a reason that a reader of the report understands."
        raise ValueError(msg)

    def declare(function: F) -> F:
        setattr(function, _ATTRIBUTE, reason)
        return function

    return declare


def gap_of(function: object) -> str | None:
    """Return the reason with which an override was declared a gap, or `None`."""
    found = getattr(function, _ATTRIBUTE, None)
    return found if isinstance(found, str) else None

"""Keeping what is shown small: clipped texts and bounded copies that say how much they left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

__all__ = ["DISPLAY_LIMIT", "Limits", "bounded", "clip"]

DISPLAY_LIMIT = 240
_ELLIPSIS = "…"


@dataclass(frozen=True)
class Limits:
    """How much of a value a bounded copy keeps.

    Attributes:
        depth: Levels of containers.
        items: Entries of one container.
        characters: Characters of one text.
    """

    depth: int = 6
    items: int = 100
    characters: int = 4000


def clip(text: str, limit: int = DISPLAY_LIMIT) -> str:
    """Return the text in one line, cut to a number of characters; an ellipsis shows that something is missing."""
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1] + _ELLIPSIS


def bounded(value: object, limits: Limits | None = None) -> object:
    """Return a copy of a JSON-like value that is no larger than the limits; what was left out is named in its place.

    Args:
        value: Containers, texts and plain values; anything else is shown as the name of its type.
        limits: How much to keep.

    Returns:
        A JSON-ready value.
    """
    return _bounded(value, limits or Limits(), 0)


def _bounded(value: object, limits: Limits, depth: int) -> object:
    if isinstance(value, str):
        left_out = len(value) - limits.characters
        return value if left_out <= 0 else f"{value[: limits.characters]}{_ELLIPSIS} ({left_out} characters left out)"
    if isinstance(value, (bytes, bytearray)):
        return f"<{len(value)} bytes>"
    if isinstance(value, (Mapping, Sequence)):
        return _bounded_container(value, limits, depth)
    return value if value is None or isinstance(value, (bool, int, float)) else f"<{type(value).__qualname__}>"


def _bounded_container(
    value: Mapping[object, object] | Sequence[object], limits: Limits, depth: int
) -> str | dict[str, object] | list[object]:
    if depth >= limits.depth:
        return f"<{len(value)} entries deeper than {limits.depth} levels>"
    if isinstance(value, Mapping):
        return _bounded_mapping(value, limits, depth)
    kept = [_bounded(item, limits, depth + 1) for item in value[: limits.items]]
    return kept if len(value) <= limits.items else [*kept, f"<{len(value) - limits.items} entries left out>"]


def _bounded_mapping(value: Mapping[object, object], limits: Limits, depth: int) -> dict[str, object]:
    kept = {
        str(key): _bounded(item, limits, depth + 1)
        for number, (key, item) in enumerate(value.items())
        if number < limits.items
    }
    if len(value) > limits.items:
        kept[_ELLIPSIS] = f"<{len(value) - limits.items} entries left out>"
    return kept

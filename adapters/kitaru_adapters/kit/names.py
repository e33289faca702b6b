"""Names that people type later: of units, waits and automatic flows."""

from __future__ import annotations

import re

from kitaru.errors import KitaruUsageError

__all__ = ["identifier", "slug"]

_NOT_WORD = re.compile(r"\W+")


def slug(text: str, *, fallback: str) -> str:
    """Return the text with every run of characters that do not belong into a name turned into one underscore.

    Args:
        text: Any text, such as the name of an agent.
        fallback: What to return when nothing is left.

    Returns:
        A name made of word characters.
    """
    return _NOT_WORD.sub("_", text).strip("_") or fallback


def identifier(text: str | None, *, what: str) -> str:
    """Return an id of the framework in the form that goes into names.

    Args:
        text: The id, such as a tool call id.
        what: What it is the id of, for the error.

    Returns:
        The id with every run of other characters turned into one underscore.

    Raises:
        KitaruUsageError: It is absent or blank. An invented one would not be found again after a restart.
    """
    if text is None or not text.strip():
        msg = f"{what} has no id, so what is asked here could not be found again after a restart. Give it a stable id."
        raise KitaruUsageError(msg)
    return _NOT_WORD.sub("_", text)

"""Text that a terminal shows and never obeys."""

from __future__ import annotations

from typing import Final

__all__ = ["harmless"]

_KEPT: Final = {"\n", "\t"}
_SHOWN_INSTEAD: Final = {
    code: "\N{REPLACEMENT CHARACTER}" for code in (*range(32), *range(127, 160)) if chr(code) not in _KEPT
}


def harmless(text: str) -> str:
    """Return a text in which control characters, such as the beginning of a colour or a title, are made visible.

    Args:
        text: What somebody else wrote, such as a model.
    """
    return text if text.isprintable() else text.translate(_SHOWN_INSTEAD)

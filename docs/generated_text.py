"""Text between two markers of a page, written by a program; the rest of the page is written by people."""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["placed"]


def placed(page: Path, name: str, text: str) -> str:
    """Return a page with new text between the markers `<!-- name:begin -->` and `<!-- name:end -->`.

    Args:
        page: The page.
        name: Name of the markers.
        text: What belongs between them.

    Returns:
        The whole page.

    Raises:
        ValueError: The page has not exactly one pair of these markers.
    """
    pattern = re.compile(rf"(<!-- {name}:begin -->\n).*?(<!-- {name}:end -->)", re.DOTALL)
    fresh, count = pattern.subn(lambda found: f"{found[1]}\n{text.strip()}\n\n{found[2]}", page.read_text("utf-8"))
    if count != 1:
        msg = f"{page.name} has {count} places named {name}; it needs one, between {name}:begin and {name}:end."
        raise ValueError(msg)
    return fresh

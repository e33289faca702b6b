"""What the lists of settings have in common: one page of lines, and a note when there are more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from rich.text import Text

from kitaru.errors import KitaruUsageError

__all__ = ["PAGE_SIZE", "check_page", "note", "page_of", "show_lines"]

PAGE_SIZE = 20

T = TypeVar("T")


def check_page(page: int, size: int) -> None:
    """Refuse a page that cannot be.

    Args:
        page: Which page, from 1.
        size: How many on a page.

    Raises:
        KitaruUsageError: One of the two is below 1.
    """
    for option, value in (("--page", page), ("--size", size)):
        if value < 1:
            msg = f"{option} must be at least 1, not {value}."
            raise KitaruUsageError(msg)


def note(count: int, page: int, size: int) -> str:
    """Return what stands below a list whose total is not known; nothing when the first page holds everything.

    Args:
        count: How many are on this page.
        page: Which page this is.
        size: How many fit on a page.
    """
    if page == 1 and count < size:
        return ""
    more = f"; more may be on page {page + 1}" if count == size else ""
    return f"Page {page} (size {size}, returned {count}){more}"


def page_of(items: Sequence[T], page: int, size: int) -> Sequence[T]:
    """Return one page of a list.

    Args:
        items: All items.
        page: Which page, from 1.
        size: How many on a page.

    Raises:
        KitaruUsageError: One of the two is below 1.
    """
    check_page(page, size)
    return items[(page - 1) * size : page * size]


def show_lines(title: str, lines: Sequence[str], *, total: int, page: int, size: int) -> Text:
    """Return a list for people.

    Args:
        title: What is listed.
        lines: The lines of this page.
        total: How many there are on all pages.
        page: Which page this is.
        size: How many are on a page.
    """
    shown = [f"  {line}" for line in lines] or [f"  no items on page {page}" if total else "  none found"]
    note = [] if page == 1 and total <= size else [f"Page {page} (size {size}, showing {len(lines)} of {total})"]
    return Text("\n").join([Text(title, style="bold"), *map(Text, [*shown, *note])])

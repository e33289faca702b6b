"""Windows and filters of lists: a limit, a page and its size, a state."""

from __future__ import annotations

from kitaru.errors import KitaruUsageError
from kitaru.records.status import ExecutionStatus

__all__ = ["as_status", "window"]


def window(*, limit: int | None, page: int | None, size: int | None) -> tuple[int | None, int]:
    """Turn a limit, or a page and its size, into a limit and an offset.

    Args:
        limit: First so many; not together with the others.
        page: Page, from 1; needs a size.
        size: Items on a page; alone it means page 1.

    Raises:
        KitaruUsageError: They cannot be combined, or one is no number of at least 1.
    """
    for name, value in (("limit", limit), ("page", page), ("size", size)):
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
            msg = f"{name} must be a whole number of at least 1, not {value!r}."
            raise KitaruUsageError(msg)
    if limit is not None and (page is not None or size is not None):
        msg = "limit cannot be combined with page or size; for the first N use page=1, size=N."
        raise KitaruUsageError(msg)
    if page is not None and size is None:
        msg = "page needs size: how many items a page has."
        raise KitaruUsageError(msg)
    if size is not None:
        return size, ((page or 1) - 1) * size
    return limit, 0


def as_status(status: ExecutionStatus | str) -> ExecutionStatus:
    """Return a state by its word.

    Raises:
        KitaruUsageError: It is none.
    """
    try:
        return ExecutionStatus(status.strip().casefold())
    except ValueError:
        msg = f"{status!r} is no status; use one of: {', '.join(ExecutionStatus)}."
        raise KitaruUsageError(msg) from None

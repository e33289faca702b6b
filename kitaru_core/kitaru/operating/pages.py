"""Windows and filters of lists: a limit, a page and its size, a state."""

from __future__ import annotations

from datetime import datetime

from kitaru.errors import KitaruUsageError
from kitaru.journal.api import ListQuery
from kitaru.records.status import ExecutionStatus

__all__ = ["as_status", "check_count", "list_query", "window"]


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
        check_count(name, value)
    if limit is not None and (page is not None or size is not None):
        msg = "limit cannot be combined with page or size; for the first N use page=1, size=N."
        raise KitaruUsageError(msg)
    if page is not None and size is None:
        msg = "page needs size: how many items a page has."
        raise KitaruUsageError(msg)
    if size is not None:
        return size, ((page or 1) - 1) * size
    return limit, 0


def check_count(name: str, value: object, *, least: int = 1) -> None:
    """Check a number that may be left out.

    Args:
        name: What it is called.
        value: The number.
        least: The smallest number that is allowed.

    Raises:
        KitaruUsageError: It is no whole number, or too small.
    """
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < least):
        msg = f"{name} must be a whole number of at least {least}, not {value!r}."
        raise KitaruUsageError(msg)


def list_query(
    *, flow: str | None, status: ExecutionStatus | str | None, stack: str | None, since: datetime | None
) -> ListQuery:
    """Ask the journal for executions as a caller describes them.

    Raises:
        KitaruUsageError: There is no such state.
    """
    return ListQuery(
        flow=flow,
        statuses=() if status is None else (as_status(status).value,),
        stack=stack,
        since=None if since is None else since.timestamp(),
    )


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

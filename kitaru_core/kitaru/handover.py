"""Handing over how a piece of work ended to whoever waits for it, on another thread perhaps."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

__all__ = ["settle"]

T = TypeVar("T")


def settle(outcome: Future[T], work: Callable[[], T]) -> None:
    """Do a piece of work and give a future what it returns, or what it raises; nothing leaves this function.

    Args:
        outcome: The future; nobody else settles it.
        work: The work.
    """
    try:
        result = work()
    except BaseException as error:  # noqa: BLE001 - handed to whoever looks at the future
        outcome.set_exception(error)
    else:
        outcome.set_result(result)

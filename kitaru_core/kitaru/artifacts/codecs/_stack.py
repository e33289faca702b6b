"""Room for walks that go deep: a thread starts with an empty stack, however deep its starter stands."""

from __future__ import annotations

from threading import Thread
from typing import TYPE_CHECKING, TypeVar

from kitaru.handover import settle

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["on_fresh_stack"]

T = TypeVar("T")


def on_fresh_stack(work: Callable[[], T]) -> T:
    """Run `work` on a stack of its own, for a walk that ran out of stack where its caller stands.

    Whether a value can be stored must not depend on how deep its caller stands: what was written near the top of a
    program has to be readable from the middle of a framework.

    Args:
        work: Called without arguments, on another thread.

    Returns:
        What it returns.

    Raises:
        RecursionError: An empty stack does not suffice either.
    """
    from concurrent.futures import Future

    outcome: Future[T] = Future()
    thread = Thread(target=settle, args=(outcome, work), name="kitaru-codec")
    thread.start()
    thread.join()
    return outcome.result()

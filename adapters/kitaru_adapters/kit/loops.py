"""Event loops of threads that run synchronous code: one for the life of the thread, and closed with it."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import warnings

from kitaru.errors import KitaruUsageError

__all__ = ["own_event_loop", "refuse_running_loop"]


class _ThreadLoop:
    """Closes its loop when the thread that holds it ends."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()

    def __del__(self) -> None:
        with contextlib.suppress(RuntimeError):
            self.loop.close()


_held = threading.local()


def own_event_loop() -> None:
    """Give the present thread an event loop, unless it has one.

    Frameworks make such a loop on their own for their synchronous entry points, but nobody closes it, and a flow runs
    in a thread of its own. One loop for all calls of a thread keeps clients alive that are bound to a loop.
    """
    if threading.current_thread() is threading.main_thread():
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            known = asyncio.get_event_loop()
        except RuntimeError:
            known = None
    if known is None or known.is_closed():
        _held.loop = _ThreadLoop()
        asyncio.set_event_loop(_held.loop.loop)


def refuse_running_loop(blocking: str, awaited: str) -> None:
    """Refuse to block a thread in which an event loop runs.

    Args:
        blocking: The call that would block, as a person writes it.
        awaited: What to write instead.

    Raises:
        KitaruUsageError: An event loop runs in this thread.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    msg = f"{blocking} would block the event loop that runs in this thread; use `await {awaited}` instead."
    raise KitaruUsageError(msg)

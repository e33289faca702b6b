"""One event loop for everything that synchronous callers run, for the life of the process.

Clients of model providers keep connections that belong to the loop in which they were opened. A fresh loop per run, or
per call, leaves them with connections to a closed loop.
"""

from __future__ import annotations

import asyncio
import os
import threading
from typing import TYPE_CHECKING, Any, TypeVar

from kitaru.errors import KitaruUsageError

if TYPE_CHECKING:
    from collections.abc import Coroutine

__all__ = ["in_running_loop", "on_background_loop", "refuse_running_loop"]

T = TypeVar("T")
_LOCK = threading.Lock()
_LOOPS: dict[int, asyncio.AbstractEventLoop] = {}


def refuse_running_loop(called: str, use: str) -> None:
    """Refuse a blocking call in a thread whose event loop is running.

    Args:
        called: The method that was called.
        use: Its asynchronous twin.

    Raises:
        KitaruUsageError: A loop runs in this thread.
    """
    if not in_running_loop():
        return
    msg = f"{called} would block the event loop that runs in this thread; await {use} instead."
    raise KitaruUsageError(msg)


def in_running_loop() -> bool:
    """Whether an event loop runs in this thread."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def on_background_loop(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on the process's background loop, in the caller's context, and return its result.

    Args:
        work: The coroutine.

    Returns:
        What it returned.

    Raises:
        BaseException: What it raised; an interrupted caller cancels it first.
    """
    future = asyncio.run_coroutine_threadsafe(work, _loop())
    try:
        return future.result()
    except BaseException:
        future.cancel()
        raise


def _loop() -> asyncio.AbstractEventLoop:
    with _LOCK:
        loop = _LOOPS.get(os.getpid())  # a forked child must not wait for its parent's thread
        if loop is None:
            loop = asyncio.new_event_loop()
            threading.Thread(target=loop.run_forever, name="kitaru-openai-agents", daemon=True).start()
            _LOOPS.clear()
            _LOOPS[os.getpid()] = loop
        return loop

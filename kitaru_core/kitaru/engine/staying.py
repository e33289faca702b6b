"""A program that has come to its end stays for its runs, and what they need works until they are done.

The interpreter waits for threads by itself, but first it shuts the pools of the standard library: a run that goes on in
its thread could then submit nothing any more. So the runs are waited for before that.
"""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from functools import cache
from weakref import WeakSet

__all__ = ["is_ending", "start_and_stay", "wait_for_threads"]

_threads: WeakSet[threading.Thread] = WeakSet()
_ending = threading.Event()


def start_and_stay(thread: threading.Thread) -> None:
    """Start a thread that the program must not end before.

    Args:
        thread: The thread; it has not been started.
    """
    _register()
    _threads.add(thread)
    thread.start()


@cache
def _register() -> None:
    """Have the runs waited for, once for each process."""
    # Last registered is first called, and nothing can be registered any more while runs are waited for. Importing the
    # pools registers their end; a run whose provider's SDK imports one of them then finds it there.
    import concurrent.futures.process
    import concurrent.futures.thread  # noqa: F401 - for what its import does

    # There is no public way to be called before the pools are shut. Without this one, and in a program that is ending
    # already, a run goes on as a plain thread does.
    register = getattr(threading, "_register_atexit", None)
    if register is not None:
        with suppress(RuntimeError):
            register(_stay)


def is_ending() -> bool:
    """Tell whether the program has come to its end: a runner that only waits for a person must not hold it."""
    return _ending.is_set() or not threading.main_thread().is_alive()


def wait_for_threads(seconds: float | None = None) -> list[str]:
    """Wait until the threads that were started here have ended.

    Args:
        seconds: How long at most, all of them together; by default as long as they take.

    Returns:
        The names of those that still go on.
    """
    until = None if seconds is None else time.monotonic() + seconds
    threads = list(_threads)
    for thread in threads:
        thread.join(None if until is None else max(0.0, until - time.monotonic()))
    return [thread.name for thread in threads if thread.is_alive()]


def _stay() -> None:
    _ending.set()
    wait_for_threads()

"""A program that has come to its end stays for its runs, and what they need works until they are done.

The interpreter waits for threads by itself, but first it shuts the pools of the standard library: a run that goes on in
its thread could then submit nothing any more. So the runs are waited for before that.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from functools import cache
from weakref import WeakSet

__all__ = ["is_ending", "start_and_stay"]

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


def _stay() -> None:
    _ending.set()
    for thread in list(_threads):
        thread.join()

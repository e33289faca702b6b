"""One thread for one database connection.

diskcache opens a connection for each thread that uses it and closes none when the thread ends, while flows come and go
on threads of their own. So a single thread does all the work, and closes what it opened.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import TypeVar

__all__ = ["Desk"]

T = TypeVar("T")


class Desk:
    """A thread that does one piece of work after the other.

    It is a daemon: the threads of an executor are gone before the exit handler that closes the cache runs.

    Args:
        name: The thread's name.
    """

    def __init__(self, name: str) -> None:
        self._work: SimpleQueue[Callable[[], object] | None] = SimpleQueue()
        self._closing: Callable[[], object] | None = None
        self._thread = threading.Thread(target=self._serve, name=name, daemon=True)
        self._thread.start()

    def ask(self, work: Callable[[], T]) -> Future[T]:
        """Have the thread do some work; the future holds what came of it."""
        future: Future[T] = Future()

        def do() -> None:
            try:
                value = work()
            except BaseException as error:
                future.set_exception(error)
                if not isinstance(error, Exception):
                    raise
            else:
                future.set_result(value)

        self._work.put(do)
        return future

    def at_close(self, work: Callable[[], object]) -> None:
        """Have the thread do a last piece of work when the desk closes."""
        self._closing = work

    def close(self) -> None:
        """Do what is left, then the last piece of work, and end the thread."""
        if self._closing is not None:
            self._work.put(self._closing)
        self._work.put(None)
        self._thread.join()

    def _serve(self) -> None:
        while (work := self._work.get()) is not None:
            work()

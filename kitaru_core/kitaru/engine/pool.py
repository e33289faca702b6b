"""Threads for calls that run beside a flow's body.

A call takes one of a limited number of places when its body begins and gives it back when its record is durable. Its
thread is free for the next call as soon as the body is over, so records that share a sync cost one hand-over between
threads and not one each.

Threads are woken one at a time: each that finds work wakes the next. Bodies that wait for something give up the
interpreter and so get a thread each at once; bodies that only compute are run one after another by the thread that is
running anyway.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextvars import Context, copy_context
from typing import Any

__all__ = ["CallPool", "Work"]

AnyFuture = Future[Any]
"""The future of a call, whatever the call gives."""

Work = Callable[[AnyFuture], None]
"""Settles its future, at once or when a record has become durable; what it raises settles the future as well."""


class CallPool:
    """Runs the calls of one execution, in the order in which they were submitted.

    Args:
        places: How many calls may be under way at once.
        name: Prefix of the names of the threads.
    """

    def __init__(self, places: int, name: str) -> None:
        self._limit = self._places = places
        self._name = name
        self._lock = threading.Lock()
        self._all_ended = threading.Condition(self._lock)
        self._waiting: deque[tuple[AnyFuture, Context, Work]] = deque()
        self._idle: list[threading.Lock] = []
        self._threads: list[threading.Thread] = []
        self._waking = False
        self._closed = False

    def submit(self, future: AnyFuture, work: Work) -> None:
        """Have a thread do some work, in a copy of the caller's context.

        Args:
            future: What the work settles.
            work: The work.

        Raises:
            RuntimeError: The pool is closed, or the system has no thread to give.
        """
        with self._lock:
            if self._closed:
                msg = "This execution has ended; nothing more can be submitted in it."
                raise RuntimeError(msg)
            self._waiting.append((future, copy_context(), work))
            try:
                self._wake_one()
            except RuntimeError:
                self._waiting.pop()
                raise

    def close(self) -> None:
        """Leave out what has not begun, and wait for the rest."""
        with self._lock:
            self._closed = True
            left_out, self._waiting = self._waiting, deque()
            for gate in self._idle:
                gate.release()
            self._idle.clear()
        for future, _, _ in left_out:
            future.cancel()
        for thread in self._threads:
            thread.join()
        with self._lock:
            while self._places < self._limit:
                self._all_ended.wait()

    def _wake_one(self) -> None:
        """Wake or start a thread if there is work for it and none is on its way; called with the lock held."""
        if self._waking or not self._waiting or not self._places:
            return
        if self._idle:
            self._waking = True
            self._idle.pop().release()
        elif len(self._threads) < self._limit:
            thread = threading.Thread(target=self._serve, name=f"{self._name}_{len(self._threads)}", daemon=True)
            try:
                thread.start()
            except RuntimeError:
                if self._threads:
                    return  # the system has no more to give; those that are there take one call after another
                raise
            self._threads.append(thread)
            self._waking = True

    def _serve(self) -> None:
        gate = threading.Lock()
        gate.acquire()
        was_woken = True
        while True:
            with self._lock:
                if was_woken:
                    self._waking = was_woken = False
                task = None
                if self._waiting and self._places:
                    task = self._waiting.popleft()
                    self._places -= 1
                    self._wake_one()
                elif self._closed:
                    return
                else:
                    self._idle.append(gate)
            if task is None:
                gate.acquire()
                was_woken = True
            else:
                self._run(*task)
                del task  # what the call was given must not outlive it while this thread sleeps

    def _run(self, future: AnyFuture, context: Context, work: Work) -> None:
        future.set_running_or_notify_cancel()
        future.add_done_callback(self._give_back)
        try:
            context.run(work, future)
        except BaseException as error:  # noqa: BLE001 - handed to whoever looks at the future
            future.set_exception(error)

    def _give_back(self, _future: AnyFuture) -> None:
        with self._lock:
            self._places += 1
            if self._closed:
                self._all_ended.notify_all()
            else:
                self._wake_one()

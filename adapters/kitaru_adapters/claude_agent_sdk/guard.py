"""Ends a run from inside a hook or a tool, where an exception would vanish or wedge it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from kitaru.seam import Call

__all__ = ["RunGuard"]


class RunGuard:
    """Context of one attempt: ends it when the execution is cancelled or when something could not be recorded.

    Args:
        call: The call the attempt belongs to.
    """

    def __init__(self, call: Call) -> None:
        self._call = call
        self._failure: BaseException | None = None
        self._closed = False
        self._task = asyncio.current_task()
        self._loop = asyncio.get_running_loop()

    def fail(self, error: BaseException) -> None:
        """End the run with an error; the first one counts.

        Args:
            error: What the run shall raise: an error, or a signal of the runtime.
        """
        if self._failure is None:
            self._failure = error
            self._stop()

    def _stop(self) -> None:
        if not self._closed:  # a checkpoint of the user's may outlive the loop that Claude ran in
            self._loop.call_soon_threadsafe(self._cancel)

    def _cancel(self) -> None:
        if self._task is not None and not self._closed:
            self._task.cancel()

    def __enter__(self) -> Self:
        """Watch for a cancellation from outside."""
        self._call.on_cancel(self._stop)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Raise what ended the run, instead of what became of it afterwards."""
        self._closed = True
        stopped = self._failure is not None or self._call.cancelled
        if stopped and isinstance(error, asyncio.CancelledError) and self._task is not None:
            self._task.uncancel()
        if self._failure is not None:
            raise self._failure from error
        if stopped and isinstance(error, asyncio.CancelledError):
            self._call.raise_if_cancelled()

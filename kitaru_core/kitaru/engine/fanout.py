"""Checkpoints that run beside the flow's body: futures of one call and of many."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, wait
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar, overload

from kitaru.deferred import asyncio
from kitaru.engine.pool import CallPool

if TYPE_CHECKING:
    from kitaru.engine.boundary import Entry
    from kitaru.engine.run import Run
    from kitaru.engine.unit import Outcome

__all__ = ["AnyFuture", "CheckpointFuture", "MapFuture", "close_pool", "keep_future", "settle_futures", "submit_entry"]

T = TypeVar("T")
_TIDY_AT: Final = 4096


class CheckpointFuture(Generic[T]):
    """A call that was submitted.

    Attributes:
        invocation_id: Readable id of the call.
        name: Checkpoint name.
        observed: Whether the flow looked at the outcome; a failure nobody looked at fails the execution.
    """

    __slots__ = ("_entry", "_future", "invocation_id", "name", "observed")

    def __init__(self, entry: Entry, future: Future[Outcome[T]]) -> None:
        self._entry = entry
        self._future = future
        self.invocation_id: str = entry.invocation_id
        self.name: str = entry.unit.name
        self.observed: bool = False

    @property
    def call_id(self) -> str:
        """Id of the call; empty until the call has begun."""
        return self._entry.call_id

    def result(self, timeout: float | None = None) -> T:
        """Wait for the call and return its value.

        Args:
            timeout: Seconds to wait; `None` waits as long as it takes.

        Returns:
            The value, decoded from what was stored.

        Raises:
            TimeoutError: The call is still running; it goes on.
            Exception: Whatever the checkpoint raised.
        """
        self.observed = True
        return self._future.result(timeout).value

    def load(self) -> T:
        """Return the value, as `result` does."""
        return self.result()

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Wait for the call and return what it raised, which is the flow's to handle from then on.

        Args:
            timeout: Seconds to wait; `None` waits as long as it takes.

        Returns:
            The exception, or `None`.

        Raises:
            TimeoutError: The call is still running; it goes on.
        """
        self.observed = True
        return self._future.exception(timeout)

    def wait(self, timeout: float | None = None) -> None:
        """Wait until the call has ended, however it ended.

        Args:
            timeout: Seconds to wait; `None` waits as long as it takes.
        """
        if not self._future.done():
            wait([self._future], timeout)

    def running(self) -> bool:
        """Whether the call is running now."""
        return self._future.running()

    def done(self) -> bool:
        """Whether the call has ended."""
        return self._future.done()

    def cancelled(self) -> bool:
        """Whether the call was cancelled before it began."""
        return self._future.cancelled()

    def __await__(self) -> Generator[Any, None, T]:
        self.observed = True
        outcome = yield from asyncio.wrap_future(self._future).__await__()
        return outcome.value

    def __repr__(self) -> str:
        state = "done" if self.done() else "running" if self.running() else "pending"
        return f"<CheckpointFuture {self.invocation_id} {state}>"


AnyFuture = CheckpointFuture[Any]
"""A call that was submitted, whatever it gives."""


class MapFuture(Generic[T]):
    """The calls of one `map` or `product`, in input order.

    Attributes:
        futures: The future of each call.
        invocation_id: Id of the group.
    """

    __slots__ = ("futures", "invocation_id")

    def __init__(self, invocation_id: str, futures: Sequence[CheckpointFuture[T]]) -> None:
        self.invocation_id: str = invocation_id
        self.futures: list[CheckpointFuture[T]] = list(futures)

    def result(self, timeout: float | None = None) -> list[T]:
        """Wait for all calls.

        Args:
            timeout: Seconds to wait for each; `None` waits as long as it takes.

        Returns:
            Their values, in input order.

        Raises:
            TimeoutError: A call is still running; it goes on.
            Exception: What the first failed call, in input order, raised.
        """
        for future in self.futures:
            future.observed = True
        return [future.result(timeout) for future in self.futures]

    def load(self) -> list[T]:
        """Return the values, as `result` does."""
        return self.result()

    def exceptions(self, timeout: float | None = None) -> list[BaseException | None]:
        """Wait for all calls and return what each raised, or `None`.

        Args:
            timeout: Seconds to wait for each; `None` waits as long as it takes.

        Returns:
            The exceptions, in input order.

        Raises:
            TimeoutError: A call is still running; it goes on.
        """
        return [future.exception(timeout) for future in self.futures]

    def wait(self, timeout: float | None = None) -> None:
        """Wait until all calls have ended.

        Args:
            timeout: Seconds to wait for each; `None` waits as long as it takes.
        """
        for future in self.futures:
            future.wait(timeout)

    def running(self) -> bool:
        """Whether any call is still to end."""
        return not all(future.done() for future in self.futures)

    def unpack(self) -> tuple[list[Any], ...]:
        """Return the values of calls that each gave a tuple, turned round: a list for each place of the tuples."""
        return tuple(list(column) for column in zip(*self.result(), strict=True))

    def __len__(self) -> int:
        return len(self.futures)

    def __iter__(self) -> Iterator[CheckpointFuture[T]]:
        return iter(self.futures)

    @overload
    def __getitem__(self, index: int) -> CheckpointFuture[T]: ...
    @overload
    def __getitem__(self, index: slice) -> list[CheckpointFuture[T]]: ...
    def __getitem__(self, index: int | slice) -> CheckpointFuture[T] | list[CheckpointFuture[T]]:
        return self.futures[index]

    def __await__(self) -> Generator[Any, None, list[T]]:
        return asyncio.gather(*(_awaitable(future) for future in self.futures)).__await__()

    def __repr__(self) -> str:
        done = sum(future.done() for future in self.futures)
        return f"<MapFuture {self.invocation_id} {done}/{len(self.futures)} done>"


async def _awaitable(future: CheckpointFuture[T]) -> T:
    return await future


def max_workers(setting: int | None = None) -> int:
    """Return how many calls may run beside the body at once.

    Args:
        setting: What the execution's settings say.

    Raises:
        KitaruUsageError: A setting of the process is no number of at least 1.
    """
    if setting:
        return setting
    from kitaru.settings.resolve import max_concurrency

    return max_concurrency() or min(32, (os.cpu_count() or 1) + 4)


def submit_entry(run: Run, entry: Entry, work: Callable[[Future[Outcome[T]]], None]) -> CheckpointFuture[T]:
    """Run the rest of a call in the execution's pool.

    Args:
        run: The execution.
        entry: The call, which has its place in the body already.
        work: Finishes the call and gives the future its outcome, then or once the call is recorded.
    """
    if run.pool is None:
        run.pool = CallPool(max_workers(run.facts.settings.get("max_concurrency")), f"kitaru-{run.flow}")
    result: Future[Outcome[T]] = Future()
    run.pool.submit(result, work)
    future: CheckpointFuture[T] = CheckpointFuture(entry, result)
    keep_future(run, future)
    return future


def keep_future(run: Run, future: AnyFuture) -> None:
    """Remember a future until the end of the execution, where those that nobody looked at are looked at."""
    run.futures.append(future)
    if len(run.futures) >= run.tidy_futures_at:
        run.futures = [known for known in run.futures if not _is_over(known)]
        # Twice what is left: looking through calls that have not ended must not cost more with each new one.
        run.tidy_futures_at = max(_TIDY_AT, 2 * len(run.futures))


def _is_over(future: AnyFuture) -> bool:
    return future.done() and (future.observed or future._future.exception() is None)  # noqa: SLF001 - the same module


def settle_futures(run: Run, *, observe: bool = False) -> None:
    """Wait for all outstanding calls of an execution.

    Args:
        run: The execution.
        observe: Whether failures are to be left aside, because the body is leaving anyway.

    Raises:
        BaseException: The failure of a call at whose outcome the flow never looked.
    """
    futures, run.futures = run.futures, []
    for future in futures:
        future.wait()
    for future in futures:
        if not observe and not future.observed:
            error = future.exception()
            if error is not None:
                raise error


def close_pool(run: Run) -> None:
    """End the pool of an execution, leaving out what has not begun."""
    if run.pool is not None:
        run.pool.close()
        run.pool = None

"""A boundary whose body yields items while it runs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AbstractContextManager, ExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Generic, Self, TypeVar, cast

from kitaru.crash_points import hit
from kitaru.engine.attempts import Attempts
from kitaru.engine.bodies import plugin_scopes, present_boundary
from kitaru.engine.boundary import enter
from kitaru.engine.scope import flow_scope
from kitaru.errors import KitaruStateError

if TYPE_CHECKING:
    from kitaru.engine.call import Call
    from kitaru.engine.unit import Outcome, Unit

__all__ = ["UnitStream", "stream_unit"]

I = TypeVar("I")  # noqa: E741 - an item, as T is a value
T = TypeVar("T")


def stream_unit(
    unit: Unit,
    source: Callable[[Call], AsyncIterator[I]],
    *,
    assemble: Callable[[list[I]], T],
    replay: Callable[[T], Iterable[I]],
) -> UnitStream[I, T]:
    """Open a boundary whose body yields items.

    Use it as `async with stream_unit(...) as stream`, iterate over it, and await `stream.outcome()`, which takes what
    is left and makes the call durable. If the consumer leaves before the end, the source is closed and nothing is
    recorded as completed. A stream is not retried: what was seen cannot be unseen.
    Nor does it take part in the result cache: whoever asks for a stream wants to see it made.

    Args:
        unit: Describes the boundary.
        source: Called with the `Call` only if the journal does not hold the outcome; yields the items.
        assemble: Makes the value out of all items.
        replay: Makes items out of a recorded value, for a consumer that iterates again.

    Returns:
        The stream.
    """
    return UnitStream(unit, source, assemble, replay)


class UnitStream(Generic[I, T]):
    """An open streamed boundary; see `stream_unit`."""

    def __init__(
        self,
        unit: Unit,
        source: Callable[[Call], AsyncIterator[I]],
        assemble: Callable[[list[I]], T],
        replay: Callable[[T], Iterable[I]],
    ) -> None:
        self._unit = unit
        self._source = source
        self._assemble = assemble
        self._replay = replay
        self._items: list[I] = []
        self._outcome: Outcome[T] | None = None
        self._attempts: Attempts | None = None
        self._call: Call | None = None
        self._live: AsyncIterator[I] | None = None
        self._plugins = ExitStack()
        self._exhausted = False

    async def __aenter__(self) -> Self:
        run = flow_scope(f"The boundary {self._unit.name!r}")
        entry = enter(run, self._unit)
        known = entry.recorded_outcome()
        if known is not None:
            self._outcome = cast("Outcome[T]", known)
            return self
        self._attempts = Attempts(entry)
        self._call, intent = self._attempts.begin()
        if intent:
            await run.write_async(*intent)
        try:
            # Plugins stand around the whole stream, not around each of its items.
            self._plugins.enter_context(plugin_scopes(self._call))
            with self._scope():
                self._live = self._source(self._call).__aiter__()
        except BaseException as error:
            await self._fail(error)
            raise
        return self

    def _scope(self) -> AbstractContextManager[None]:
        # The consumer runs between two items, in flow scope; only the source is inside the boundary.
        if self._call is None:
            msg = "A streamed boundary is used as `async with stream_unit(...) as stream`; it was not entered."
            raise KitaruStateError(msg)
        return present_boundary(self._call)

    def _leave(self, error: BaseException | None = None) -> None:
        if self._call is not None:
            self._call.close()
        self._plugins.__exit__(type(error) if error else None, error, error.__traceback__ if error else None)

    async def __aiter__(self) -> AsyncIterator[I]:
        if self._outcome is not None and self._live is None:
            for item in self._replay(self._outcome.value):
                yield item
            return
        for item in list(self._items):
            yield item
        while not self._exhausted:
            try:
                item = await self._next()
            except StopAsyncIteration:
                return
            yield item

    async def _next(self) -> I:
        live, attempts = self._live, self._attempts
        if live is None or attempts is None:
            msg = "A streamed boundary is used as `async with stream_unit(...) as stream`; it was not entered."
            raise KitaruStateError(msg)
        try:
            with self._scope():
                item = await live.__anext__()
        except StopAsyncIteration:
            self._exhausted = True
            try:
                self._leave()
            except BaseException as error:
                await self._fail(error)
                raise
            raise
        except BaseException as error:
            await self._fail(error)
            raise
        self._items.append(item)
        return item

    async def _fail(self, error: BaseException) -> None:
        attempts, self._attempts = self._attempts, None
        self._exhausted = True
        self._leave(error)
        if attempts is not None:
            record, _ = attempts.failed(error)
            if record:
                await attempts.entry.run.write_async(*record)

    async def outcome(self) -> Outcome[T]:
        """Take the items that are left, make the call durable and return its outcome.

        Raises:
            KitaruEncodingError: The value cannot be stored.
            Exception: Whatever the source raised.
        """
        if self._outcome is not None:
            return self._outcome
        while not self._exhausted:
            try:
                await self._next()
            except StopAsyncIteration:
                break
        attempts = self._attempts
        if attempts is None:
            msg = f"The streamed boundary {self._unit.name!r} failed before; it has no outcome."
            raise KitaruStateError(msg)
        try:
            drafts = attempts.completed(self._assemble(self._items))
        except BaseException as error:
            await self._fail(error)
            raise
        await attempts.entry.run.write_async(*drafts)
        hit("boundary.after_commit")
        self._outcome = cast("Outcome[T]", attempts.outcome())
        return self._outcome

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        live, self._live = self._live, None
        if live is not None and not self._exhausted:
            close = getattr(live, "aclose", None)
            try:
                if close is not None:
                    with self._scope():
                        await close()
            finally:
                self._leave(error)
        if self._outcome is None and self._attempts is not None:
            self._attempts.abandon()

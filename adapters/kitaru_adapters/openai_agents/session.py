"""Sessions: reading and writing a conversation is recorded, so a rerun sees the history that the first run saw.

`durable_session` wraps any session of the framework. `KitaruSession` needs no wrapping store at all: within a flow its
items follow from what is recorded, and across flows they travel as a value.
"""

from __future__ import annotations

import copy
import inspect
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from agents.memory.session import SessionABC

from kitaru.seam import run_unit_async
from kitaru_adapters.openai_agents.codec import item_bytes, item_json

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from agents.memory import OpenAIResponsesCompactionArgs, OpenAIResponsesCompactionAwareSession, Session

    from kitaru.records.plain import Json, JsonObject
    from kitaru.seam import Call
    from kitaru_adapters.openai_agents.boundary import RunScope

__all__ = ["KitaruSession", "durable_session"]

T = TypeVar("T")
Items: TypeAlias = list[Any]
"""Items of a conversation as JSON-ready data, which the framework types as dozens of dictionaries."""


class KitaruSession(SessionABC):
    """A conversation that lives in the flow: rebuilt from the journal on every rerun, and never written twice.

    Every item of it comes from an input of the flow or from a recorded call, so the session itself stores nothing. Give
    `items` to the next run, or to the next execution, to go on from there.

    Args:
        session_id: Name of the conversation.
        items: What was said so far.
    """

    def __init__(self, session_id: str, items: Iterable[object] = ()) -> None:
        self.session_id = session_id
        self._items: Items = [copy.deepcopy(item) for item in items]

    @property
    def items(self) -> Items:
        """A copy of the whole conversation, JSON-ready."""
        return copy.deepcopy(self._items)

    async def get_items(self, limit: int | None = None) -> Items:
        """Return the conversation, or its last items.

        Args:
            limit: How many of the last items; all when absent.

        Returns:
            Copies, oldest first.
        """
        if limit is None:
            return self.items
        return copy.deepcopy(self._items[-limit:]) if limit > 0 else []

    async def add_items(self, items: Items) -> None:
        """Append items.

        Args:
            items: What was said, oldest first.
        """
        self._items.extend(copy.deepcopy([item_json(item) for item in items]))

    async def pop_item(self) -> Json:
        """Remove and return the last item, or `None` when there is none."""
        return self._items.pop() if self._items else None

    async def clear_session(self) -> None:
        """Forget the conversation."""
        self._items.clear()


class DurableSession(SessionABC):
    """A session of the framework whose operations are units of a run.

    A read stores only what the run does not know yet. A write that was done but not recorded before a crash is
    recognised by what the session holds, and not done again.

    Args:
        inner: The user's session.
        scope: The run.
    """

    def __init__(self, inner: Session, scope: RunScope) -> None:
        self.inner = inner
        self.session_id = inner.session_id
        self.session_settings = getattr(inner, "session_settings", None)
        self._scope = scope
        self._known: Items = []

    async def get_items(self, limit: int | None = None, *, wrapper: object = None) -> Items:
        """Return the conversation as it was read the first time.

        Args:
            limit: How many of the last items; all when absent.
            wrapper: The run's context, for sessions that ask for it.

        Returns:
            The items, oldest first.
        """

        async def read() -> JsonObject:
            items = [item_json(item) for item in await self._call(self.inner.get_items, limit, wrapper=wrapper)]
            shared = _shared_length(self._known, items)
            return {"known": shared, "more": items[shared:]}

        stored = await self._unit("get_items", read)
        items: Items = [*self._known[: stored["known"]], *stored["more"]]
        if limit is None:
            self._known = items
        return copy.deepcopy(items)

    async def add_items(self, items: Items, *, wrapper: object = None) -> None:
        """Append items, once.

        Args:
            items: What was said, oldest first.
            wrapper: The run's context, for sessions that ask for it.
        """
        batch = [item_json(item) for item in items]

        async def write() -> int:
            present = [item_json(item) for item in await self._call(self.inner.get_items, None, wrapper=wrapper)]
            if not _already_written(self._known, batch, present):
                await self._call(self.inner.add_items, items, wrapper=wrapper)
            return len(batch)

        await self._unit("add_items", write)
        self._known = [*self._known, *batch]

    async def pop_item(self, *, wrapper: object = None) -> Json:
        """Remove and return the last item.

        Args:
            wrapper: The run's context, for sessions that ask for it.

        Returns:
            The item, or `None` when there was none.
        """

        async def pop() -> Json:
            return item_json(await self._call(self.inner.pop_item, wrapper=wrapper))

        item = await self._unit("pop_item", pop)
        self._known = self._known[:-1]
        return item

    async def clear_session(self, *, wrapper: object = None) -> None:
        """Forget the conversation.

        Args:
            wrapper: The run's context, for sessions that ask for it.
        """

        async def clear() -> None:
            await self._call(self.inner.clear_session, wrapper=wrapper)

        await self._unit("clear_session", clear)
        self._known = []

    async def _unit(self, operation: str, run: Callable[[], Awaitable[T]]) -> T:
        label = f"session/{self.session_id}/{operation}"
        unit = self._scope.unit(
            f"{self._scope.settings.name}_session_{operation}",
            f"{label}#{self._scope.count(label)}",
            {},
            kind="function",
            label="session",
            identity={"session": self.session_id, "operation": operation},
        )

        async def body(_call: Call) -> T:
            return await run()

        return (await run_unit_async(unit, body)).value

    @staticmethod
    async def _call(method: Callable[..., Awaitable[T]], *args: object, wrapper: object) -> T:
        accepts = wrapper is not None and "wrapper" in inspect.signature(method).parameters
        return await (method(*args, wrapper=wrapper) if accepts else method(*args))


class _CompactingSession(DurableSession):
    """A recorded session that can also shorten itself through the provider."""

    inner: OpenAIResponsesCompactionAwareSession

    async def run_compaction(self, args: OpenAIResponsesCompactionArgs | None = None) -> None:
        """Shorten the conversation, once.

        Args:
            args: As the framework gives them.
        """

        async def compact() -> None:
            await self.inner.run_compaction(args)

        await self._unit("run_compaction", compact)
        self._known = []


def durable_session(session: Session, scope: RunScope) -> Session:
    """Return the session that a durable run works on.

    Args:
        session: The user's session.
        scope: The run.

    Returns:
        A wrapper that records its operations; a `KitaruSession` as it is.
    """
    if isinstance(session, (KitaruSession, DurableSession)):
        return session
    compacting = callable(getattr(session, "run_compaction", None))
    return (_CompactingSession if compacting else DurableSession)(session, scope)


def _shared_length(known: Items, items: Items) -> int:
    length = 0
    for mine, theirs in zip(known, items, strict=False):
        if mine != theirs:
            break
        length += 1
    return length


def _already_written(known: Items, batch: Items, present: Items) -> bool:
    expected = [item_bytes(item) for item in (*known, *batch)]
    return bool(batch) and [item_bytes(item) for item in present] == expected

"""Watching an execution: what its checkpoints publish, and what their records say happened.

The beginning and the end of each attempt are told from the journal's records, which are there anyway, so that nothing
is written for a watcher who may not exist. A cursor names how far one has seen in both.
"""

from __future__ import annotations

import heapq
import re
import time
from collections.abc import AsyncIterator, Collection, Iterator
from dataclasses import dataclass, field, replace
from operator import itemgetter
from typing import TYPE_CHECKING

import msgspec

from kitaru.deferred import asyncio
from kitaru.engine.events import (
    CHECKPOINT_FAILED_KIND,
    CHECKPOINT_RETURNED_KIND,
    CHECKPOINT_STARTED_KIND,
    CHECKPOINT_STORED_KIND,
)
from kitaru.errors import KitaruUsageError
from kitaru.journal.api import effective_status
from kitaru.records.facts import CheckpointCompleted, CheckpointFailed, CheckpointStarted
from kitaru.records.plain import JsonMapping, JsonObject

if TYPE_CHECKING:
    from kitaru.journal.api import Journal, LiveEvent

__all__ = ["EventFilter", "ExecutionEvent", "watch", "watch_async"]

_EVERY = 0.05
_GRACE = 0.15
_ENDS = frozenset({"completed", "failed", "cancelled"})
_STEPS = 4
"""More events than one record tells; numbers them all, so that a cursor can name any of them."""

_CURSOR = re.compile(r"(-1|[0-9]{1,15})\.([0-9]{1,15})")

_News = tuple[float, int, "ExecutionEvent | LiveEvent"]
CallFact = CheckpointStarted | CheckpointCompleted | CheckpointFailed


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionEvent:
    """Something that happened in a checkpoint.

    Attributes:
        exec_id: The execution.
        kind: What happened; those of kitaru itself are in `kitaru.events`.
        payload: The event: `kitaru` with its source, `message` and `data`.
        correlation_id: Groups events; one for each attempt by default.
        index: Place within the group; those of kitaru itself have none.
        cursor: Give it as `since` to go on after this event.
        checkpoint_id: The call.
        checkpoint_name: Name of the checkpoint.
        step_name: Readable id of the call, where it is known.
        at: When, in seconds since 1970.
    """

    exec_id: str
    kind: str
    payload: JsonMapping
    correlation_id: str | None = None
    index: int | None = None
    cursor: str = ""
    checkpoint_id: str | None = None
    checkpoint_name: str | None = None
    step_name: str | None = None
    at: float = field(default=0.0, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFilter:
    """Which events to show; an empty collection shows all.

    Attributes:
        kinds: Only these kinds.
        checkpoint: Only of this checkpoint.
        correlation_ids: Only of these groups.
    """

    kinds: frozenset[str] = frozenset()
    checkpoint: str | None = None
    correlation_ids: frozenset[str] = frozenset()

    @classmethod
    def of(cls, kinds: object, checkpoint: object, correlation_ids: object) -> EventFilter:
        """Check what a caller asks for.

        Raises:
            KitaruUsageError: A filter is blank or no text.
        """
        return cls(
            kinds=_texts("kinds", kinds),
            checkpoint=None if checkpoint is None else _text("checkpoint", checkpoint),
            correlation_ids=_texts("correlation_ids", correlation_ids),
        )

    def shows(self, event: ExecutionEvent) -> bool:
        """Say whether an event is asked for."""
        return (
            (not self.kinds or event.kind in self.kinds)
            and (self.checkpoint is None or event.checkpoint_name == self.checkpoint)
            and (not self.correlation_ids or event.correlation_id in self.correlation_ids)
        )


def watch(
    journal: Journal, execution_id: str, wanted: EventFilter, *, since: str | None = None
) -> Iterator[ExecutionEvent]:
    """Yield the events of an execution as they happen, and end when it has ended.

    Args:
        journal: Where it is recorded.
        execution_id: The execution.
        wanted: Which events.
        since: Cursor of the last event that was seen.

    Returns:
        The events. Within what is there at one time they come in the order in which they happened.

    Raises:
        KitaruUsageError: The cursor is none.
        KitaruNotFoundError: There is no such execution.
    """
    journal.execution(execution_id)
    return _watch(_Watcher(journal, execution_id, *_position(since)), wanted)


def _watch(watcher: _Watcher, wanted: EventFilter) -> Iterator[ExecutionEvent]:
    rounds = 0
    while True:
        # First whether it has ended, then what there is: nothing that came before the end is missed.
        over = watcher.is_over()
        yield from (event for event in watcher.news() if wanted.shows(event))
        if over:
            break
        rounds += 1
        time.sleep(_EVERY)
    if rounds:
        # What the runner published last may have been on its way when the end was recorded.
        time.sleep(_GRACE)
        yield from (event for event in watcher.news() if wanted.shows(event))


async def watch_async(
    journal: Journal, execution_id: str, wanted: EventFilter, *, since: str | None = None
) -> AsyncIterator[ExecutionEvent]:
    """Yield events as `watch` does, without blocking the running event loop."""
    watcher = _Watcher(journal, execution_id, *_position(since))
    rounds = 0
    while not (over := await asyncio.to_thread(watcher.is_over)) or rounds == 0:
        for event in await asyncio.to_thread(lambda: list(watcher.news())):
            if wanted.shows(event):
                yield event
        rounds += 1
        if over:
            return
        await asyncio.sleep(_EVERY)
    await asyncio.sleep(_GRACE)
    for event in await asyncio.to_thread(lambda: list(watcher.news())):
        if wanted.shows(event):
            yield event


class _Watcher:
    """Reads what is new in the records and among the published events of one execution.

    Args:
        journal: Where it is recorded.
        execution_id: The execution.
        told: Number of the last event that was told from a record.
        place: Cursor of the last published event that was seen.
    """

    def __init__(self, journal: Journal, execution_id: str, told: int, place: int) -> None:
        self._journal = journal
        self._execution_id = execution_id
        self._told = told
        self._place = place
        self._seq = -1
        self._begun: set[tuple[str, int]] = set()

    def is_over(self) -> bool:
        return effective_status(self._journal.execution(self._execution_id)) in _ENDS

    def news(self) -> Iterator[ExecutionEvent]:
        """Yield what was not seen before, each with a cursor that stands for all before it."""
        live = self._journal.events(self._execution_id, after=self._place)
        published: list[_News] = [(event.at, event.cursor, event) for event in live]
        for _, number, event in heapq.merge(self._recorded(), published, key=itemgetter(0)):
            if isinstance(event, ExecutionEvent):
                self._told = number
                found = event
            else:
                self._place = number
                found = _published(self._execution_id, event)
            yield replace(found, cursor=f"{self._told}.{self._place}")

    def _recorded(self) -> list[_News]:
        """Return what new records tell; how many events a record tells depends only on the records before it."""
        found: list[_News] = []
        for record in self._journal.records(self._execution_id, after=self._seq):
            self._seq = record.seq
            if isinstance(record.fact, CallFact):
                for step, event in enumerate(self._told_by(record.fact)):
                    number = record.seq * _STEPS + step
                    if number > self._told:
                        found.append((event.at, number, event))
        return found

    def _told_by(self, fact: CallFact) -> Iterator[ExecutionEvent]:
        if isinstance(fact, CheckpointCompleted) and fact.cache_status != "executed":
            return
        began = fact.at if isinstance(fact, CheckpointStarted) else fact.started_at
        if (fact.call_id, fact.attempt) not in self._begun:
            self._begun.add((fact.call_id, fact.attempt))
            yield self._event(fact, CHECKPOINT_STARTED_KIND, began, "The checkpoint has started.")
        if isinstance(fact, CheckpointCompleted):
            yield self._event(fact, CHECKPOINT_RETURNED_KIND, fact.at, "The checkpoint's body has returned.")
            yield self._event(fact, CHECKPOINT_STORED_KIND, fact.at, "The checkpoint's value is stored.")
        elif isinstance(fact, CheckpointFailed):
            # Of the exception only its type: its text may hold a secret.
            yield self._event(
                fact, CHECKPOINT_FAILED_KIND, fact.at, "The checkpoint failed.", exception_type=fact.failure.type
            )

    def _event(self, fact: CallFact, kind: str, at: float, message: str, **data: object) -> ExecutionEvent:
        group = f"{fact.call_id}:{fact.attempt}"
        source = {
            "source": fact.adapter or "checkpoint",
            "checkpoint_name": fact.name,
            "correlation_id": group,
            "execution_id": self._execution_id,
            "checkpoint_id": fact.call_id,
            "checkpoint_type": fact.type,
        }
        return ExecutionEvent(
            exec_id=self._execution_id,
            kind=kind,
            payload={"kitaru": source, "message": message, "data": {"attempt": fact.attempt, **data}},
            correlation_id=group,
            checkpoint_id=fact.call_id,
            checkpoint_name=fact.name,
            step_name=fact.invocation_id,
            at=at,
        )


def _published(execution_id: str, live: LiveEvent) -> ExecutionEvent:
    body = msgspec.json.decode(live.body, type=JsonObject)
    source = body.get("kitaru", {})
    return ExecutionEvent(
        exec_id=execution_id,
        kind=live.kind,
        payload={name: part for name, part in body.items() if name != "index"},
        correlation_id=source.get("correlation_id"),
        index=body.get("index"),
        checkpoint_id=source.get("checkpoint_id"),
        checkpoint_name=source.get("checkpoint_name"),
        at=live.at,
    )


def _position(cursor: object) -> tuple[int, int]:
    if cursor is None:
        return -1, 0
    found = _CURSOR.fullmatch(cursor) if isinstance(cursor, str) else None
    if found is None:
        msg = f"since={cursor!r} is no cursor; take the `cursor` of the last event that was seen."
        raise KitaruUsageError(msg)
    return int(found[1]), int(found[2])


def _texts(what: str, values: object) -> frozenset[str]:
    if values is None:
        return frozenset()
    if not isinstance(values, str) and not isinstance(values, Collection):
        msg = f"{what}= takes texts, not a {type(values).__name__}."
        raise KitaruUsageError(msg)
    return frozenset(_text(what, value) for value in ([values] if isinstance(values, str) else values))


def _text(what: str, value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        msg = f"{what}= takes a text that is not blank, not {value!r}; leave it out to see everything."
        raise KitaruUsageError(msg)
    return value

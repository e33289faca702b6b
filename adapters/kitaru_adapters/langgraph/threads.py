"""LangGraph's durable threads next to kitaru's journal: where a thread stood before an invocation, and where it is now.

A flow that runs again must neither submit its input twice nor lose what the graph already did. So before a graph is
driven, the head of its thread is noted; and every checkpoint that LangGraph writes carries the invocation's id. From
both it is clear after any crash whether to begin, to go on, or to stop.
"""

from __future__ import annotations

import asyncio
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from kitaru.errors import KitaruStateError
from kitaru_adapters.langgraph.positions import FRESH_STEP
from kitaru_adapters.langgraph.steps import Procedure, Step

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig
    from langgraph.checkpoint.base import BaseCheckpointSaver, CheckpointTuple

    from kitaru.seam import Call
    from kitaru_adapters.langgraph.types import Graph

    Saver: TypeAlias = BaseCheckpointSaver[Any]  # each numbers its channels by a type of its own

__all__ = ["Base", "Entry", "Thread", "entry_of", "snapshot_step"]

INVOCATION = "kitaru_invocation"
_NOTE = "langgraph_thread"
_INTERRUPT = "__interrupt__"
_SHORT = 8
Entry = Literal["input", "continue", "lost", "foreign"]


@dataclass(frozen=True)
class Base:
    """Where a thread stood before an invocation.

    Attributes:
        execution: The execution that noted it.
        thread_id: The thread that is really driven.
        checkpoint_id: Its head, or `None` for a thread that does not exist yet.
        step: Step of the head.
        writes: `[task id, channel]` of the head's pending writes.
    """

    execution: str
    thread_id: str
    checkpoint_id: str | None = None
    step: int = FRESH_STEP
    writes: list[list[str]] = field(default_factory=list)

    def as_note(self) -> dict[str, object]:
        """Return it as JSON-ready data."""
        return asdict(self)

    @classmethod
    def of(cls, head: CheckpointTuple | None, *, execution: str, thread_id: str) -> Base:
        """Describe a thread whose head was read; `None` stands for a thread without checkpoints."""
        if head is None:
            return cls(execution, thread_id)
        writes = [[task, channel] for task, channel, _ in head.pending_writes or ()]
        return cls(execution, thread_id, head.checkpoint["id"], head.metadata.get("step", FRESH_STEP), writes)

    @classmethod
    def of_note(cls, value: object) -> Base:
        """Return what `as_note` gave, after a trip through the journal."""
        assert isinstance(value, dict)  # noqa: S101 - only this adapter writes it
        return cls(**value)


@dataclass(frozen=True)
class Thread:
    """A thread under the saver that is in effect.

    Attributes:
        graph: The graph that works on it.
        saver: The saver, or `None` where the graph has none.
        thread_id: The thread as the caller names it.
        checkpoint_ns: Namespace of its checkpoints.
    """

    graph: Graph
    saver: Saver | None
    thread_id: str
    checkpoint_ns: str = ""

    @property
    def ephemeral(self) -> bool:
        """Whether the saver forgets its threads when the process ends."""
        return "MemorySaver" in type(self.saver).__name__

    def config(self, thread_id: str, checkpoint_id: str | None = None) -> RunnableConfig:
        """Return the configuration that names a checkpoint of a thread, or its head."""
        named = {"thread_id": thread_id, "checkpoint_ns": self.checkpoint_ns}
        return {"configurable": {**named, "checkpoint_id": checkpoint_id} if checkpoint_id else named}

    def head(self, thread_id: str, checkpoint_id: str | None = None) -> Procedure[CheckpointTuple | None]:
        """Read a checkpoint of a thread, its head if none is named; `None` where there is none."""
        saver = self.saver
        if saver is None:
            return None
        config = self.config(thread_id, checkpoint_id)
        found: CheckpointTuple | None = yield Step(lambda: saver.get_tuple(config), lambda: saver.aget_tuple(config))
        return found

    def noted(self, call: Call, *, fork: bool, resuming: bool, refuse_other: bool) -> Procedure[Base]:
        """Return where the thread stood before this invocation, noting it durably the first time.

        Args:
            call: The unit that keeps the note over all of its attempts.
            fork: Whether this execution is a replay that works on a copy.
            resuming: Whether the invocation answers an interrupt, which must then be pending.
            refuse_other: Whether another unfinished invocation on the thread is an error.

        Returns:
            The note.

        Raises:
            KitaruStateError: There is nothing to resume, or the thread belongs to another unfinished invocation.
        """
        if notes := call.notes(_NOTE):
            return Base.of_note(notes[-1].value)
        base = yield from self._found(call, fork=fork)
        head = yield from self.head(base.thread_id)
        if resuming:
            self._check_interrupted(head, base)
        if refuse_other:
            yield from self._check_free(head, base)
        call.note(_NOTE, base.as_note())
        return base

    def _found(self, call: Call, *, fork: bool) -> Procedure[Base]:
        execution = call.execution_id
        if not fork:
            head = yield from self.head(self.thread_id)
            return Base.of(head, execution=execution, thread_id=self.thread_id)
        name = self.forked_name(execution)
        head = yield from self.head(name)
        sources = call.source_notes(_NOTE)
        if head is None and sources:
            return (yield from self.forked(Base.of_note(sources[-1].value), execution=execution))
        return Base.of(head, execution=execution, thread_id=name)

    def forked_name(self, execution: str) -> str:
        """Return the name of the copy that a replay works on."""
        return f"{self.thread_id}::{execution[:_SHORT]}"

    def forked(self, source: Base, *, execution: str) -> Procedure[Base]:
        """Copy a noted state of the source execution's thread into this execution's own thread, unless that is done.

        Args:
            source: What the source execution noted.
            execution: This execution, a replay.

        Returns:
            The same state on the copy.

        Raises:
            KitaruStateError: The saver no longer has that state.
        """
        name = self.forked_name(execution)
        base = Base(execution, name, source.checkpoint_id, source.step, source.writes)
        there = yield from self.head(name)
        if there is not None or source.checkpoint_id is None:
            return base
        origin = yield from self.head(source.thread_id, source.checkpoint_id)
        if origin is None or self.saver is None:
            msg = (
                f"This replay cannot start from checkpoint {source.checkpoint_id} of thread {source.thread_id!r}: the "
                "saver no longer has it. Keep threads as long as executions, use KitaruCheckpointSaver, or replay with "
                "LangGraphDurabilityPolicy(replay_thread='same')."
            )
            raise KitaruStateError(msg)
        noted = {(task, channel) for task, channel in source.writes}
        yield from _copied(self.saver, origin, self.config(name), noted)
        return base

    def _check_interrupted(self, head: object, base: Base) -> None:
        if head is not None and not any(channel == _INTERRUPT for _, channel in base.writes):
            msg = (
                f"Thread {self.thread_id!r} waits for no answer at checkpoint {base.checkpoint_id}: there is nothing "
                "to resume. Start a new run on it, or resume the thread that was interrupted."
            )
            raise KitaruStateError(msg)

    def _check_free(self, head: CheckpointTuple | None, base: Base) -> Procedure[None]:
        owner = head.metadata.get(INVOCATION) if head is not None else None
        if not owner:
            return
        snapshot = yield snapshot_step(self.graph, self.config(base.thread_id))
        if snapshot.next and not snapshot.interrupts:
            msg = (
                f"Thread {self.thread_id!r} belongs to invocation {owner!r}, which is unfinished. Let it finish, use "
                "another thread, or allow this with LangGraphDurabilityPolicy(on_existing_run='continue')."
            )
            raise KitaruStateError(msg)


def _copied(
    saver: Saver, origin: CheckpointTuple, target: RunnableConfig, noted: set[tuple[str, str]]
) -> Procedure[None]:
    """Put a checkpoint and exactly the noted writes into another thread; later answers must not come along."""
    put = (target, origin.checkpoint, origin.metadata, origin.checkpoint["channel_versions"])
    copied = yield Step(lambda: saver.put(*put), lambda: saver.aput(*put))
    by_task: dict[str, list[tuple[str, object]]] = {}
    for task, channel, value in origin.pending_writes or ():
        if (task, channel) in noted:
            by_task.setdefault(task, []).append((channel, value))
    for task, writes in by_task.items():
        yield _put_writes(saver, copied, writes, task)


def _put_writes(saver: Saver, config: RunnableConfig, writes: list[tuple[str, object]], task: str) -> Step:
    return Step(lambda: saver.put_writes(config, writes, task), lambda: saver.aput_writes(config, writes, task))


def entry_of(base: Base, head: CheckpointTuple | None, invocation: str) -> Entry:
    """Say how to enter a thread.

    Args:
        base: Where it stood before the invocation.
        head: Where it is now.
        invocation: Id of the invocation.

    Returns:
        `"input"` to submit the input, `"continue"` to go on with what this invocation began, `"lost"` where the thread
        has vanished, `"foreign"` where somebody else moved it.
    """
    if head is None:
        return "input" if base.checkpoint_id is None else "lost"
    if head.metadata.get(INVOCATION) == invocation:
        return "continue"
    return "input" if head.checkpoint["id"] == base.checkpoint_id else "foreign"


def snapshot_step(graph: Graph, config: RunnableConfig) -> Step:
    """Return the step that reads a graph's state, on asynchronous paths by the saver's asynchronous half."""

    async def read() -> object:
        if hasattr(graph, "aget_state"):
            return await graph.aget_state(config)
        return await asyncio.to_thread(graph.get_state, config)

    return Step(lambda: graph.get_state(config), read)

"""One run as the adapter sees it: its stable path, its counters, and the units it opens.

The path of a run is the runner's name and its number in the flow; a nested run appends the tool call it serves. Model
calls are counted when they *complete*, so neither the framework's own retries nor ours move the identity of a later
call. Tool calls are identified by the id that the model gave them.
"""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections import Counter
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from agents.exceptions import AgentsException, ToolTimeoutError

from kitaru.errors import KitaruError
from kitaru.seam import Suspension, Unit, in_flow
from kitaru_adapters.kit.configs import with_config
from kitaru_adapters.kit.names import slug
from kitaru_adapters.openai_agents.codec import Conversation
from kitaru_adapters.openai_agents.settings import ADAPTER

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping

    from kitaru.records.boundary import BoundaryKind
    from kitaru_adapters.kit.configs import CheckpointConfig
    from kitaru_adapters.openai_agents.capture import RunRecorder
    from kitaru_adapters.openai_agents.graph import AgentGraph
    from kitaru_adapters.openai_agents.settings import ContextIdentity, RunnerSettings

__all__ = [
    "Activity",
    "RunScope",
    "content_key",
    "context_identity",
    "current_run",
    "durable_run",
    "entered",
    "is_retryable",
    "parent_call",
]

_LOOK_EVERY = 0.01
_RUN: ContextVar[RunScope | None] = ContextVar("kitaru_openai_agents_run", default=None)
_PARENT_CALL: ContextVar[str | None] = ContextVar("kitaru_openai_agents_parent_call", default=None)


class Activity:
    """Counts the work in flight of a run and its nested runs, so that a pause does not cancel half-done siblings.

    Nested runs that synchronous tools start live on another event loop, hence the lock and the looking again.
    """

    def __init__(self) -> None:
        self._running = 0
        self._lock = threading.Lock()

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """Count the block as work in flight; hold a suspension back until nothing else is in flight.

        The framework cancels the siblings of a tool call that leaves with an exception. A call that pauses the run
        therefore stops counting as work and waits here until every sibling has ended or pauses as well.

        Yields:
            Nothing.
        """
        self._count(1)
        held: Suspension | None = None
        try:
            yield
        except Suspension as suspension:
            held = suspension
        finally:
            self._count(-1)
        if held is not None:
            while self._running:  # noqa: ASYNC110 - the work may end on another loop, which an Event does not cross
                await asyncio.sleep(_LOOK_EVERY)
            raise held

    def _count(self, change: int) -> None:
        with self._lock:
            self._running += change


@dataclass
class RunScope:
    """One run of a runner, or one run nested in it.

    Attributes:
        settings: How the runner was configured.
        path: Stable path of this run within the execution.
        graph: The prepared copies of the agents.
        recorder: Events of the outermost run.
        activity: Work in flight, shared with the outermost run.
        acting_agent: Name of the agent that acts now.
        context: The caller's live context; only its identity is ever used.
        completed_model_calls: How many model calls of this run have completed.
        failed_attempts: How many attempts of the present model call the framework has seen fail.
        conversation: Digest of what the models of this run read.
        tool_digests: Schemas that the last model call offered, and their digests, by the schemas' identity.
    """

    settings: RunnerSettings
    path: str
    graph: AgentGraph
    recorder: RunRecorder
    activity: Activity
    acting_agent: str
    context: object = None
    completed_model_calls: int = 0
    failed_attempts: int = 0
    conversation: Conversation = field(default_factory=Conversation)
    tool_digests: dict[int, tuple[object, str]] = field(default_factory=dict)
    _seen: Counter[str] = field(default_factory=Counter)

    def nested(self, agent_name: str) -> RunScope:
        """Return the scope of a run that starts inside this one.

        Args:
            agent_name: The agent it starts with.

        Returns:
            A scope that shares configuration, agents, events and activity.
        """
        parent = _PARENT_CALL.get()
        base = f"{self.path}/{parent}/{agent_name}" if parent else f"{self.path}/{agent_name}"
        return RunScope(
            settings=self.settings,
            path=f"{base}#{self.count(base)}",
            graph=self.graph,
            recorder=self.recorder,
            activity=self.activity,
            acting_agent=agent_name,
            context=self.context,
        )

    def count(self, label: str) -> int:
        """Return how often this run has met the label, this time included."""
        self._seen[label] += 1
        return self._seen[label]

    def unit(
        self,
        name: str,
        key: str,
        config: CheckpointConfig,
        *,
        kind: BoundaryKind,
        label: str,
        inputs: Mapping[str, object] | None = None,
        **more: Any,
    ) -> Unit:
        """Describe one boundary of this run.

        Args:
            name: Name of the unit; turned into word characters.
            key: Identity within this run.
            config: What the caller configured for this kind of call.
            kind: Sort of work.
            label: Label shown in listings unless the configuration sets one.
            inputs: What to keep for inspection.
            **more: Further fields of the unit.

        Returns:
            The unit to hand to the seam.
        """
        unit = Unit(
            name=slug(name, fallback=label),
            adapter=ADAPTER,
            kind=kind,
            type=label,
            key=f"{self.path}/{key}",
            inputs=inputs or {},
            retry_if=is_retryable,
            **more,
        )
        return with_config(unit, config)

    def cache_key(self, *parts: str) -> str:
        """Return the key under which other executions may reuse an outcome: its content and the context's identity."""
        identity = context_identity(self.context, self.settings.context_identity)
        return content_key(*(part.encode() for part in (*parts, identity)))


def content_key(*parts: bytes) -> str:
    """Return the key under which other executions may reuse an outcome of the same content."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return f"{ADAPTER}/1/{digest.hexdigest()}"


def context_identity(context: object, identify: ContextIdentity | None) -> str:
    """Return text that is equal only for contexts under which a cached outcome may be shared.

    Args:
        context: The run's context; never stored, only its digest goes into a key.
        identify: The caller's own rule.

    Returns:
        What the rule says; else the content of plain data; else something unique, so that nothing is shared.
    """
    if identify is not None:
        return identify(context)
    if _is_plain(context):
        return repr(context)
    return f"unshared:{id(context)}:{id(object())}"


def _is_plain(value: object) -> bool:
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_plain(item) for key, item in value.items())
    if isinstance(value, (list, tuple)):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, (bool, int, float, str))


def is_retryable(error: BaseException) -> bool:
    """Return whether another attempt of the same call can help.

    Args:
        error: Why the attempt failed.

    Returns:
        `False` for the framework's own verdicts (turn limits, tripwires, misbehaving models, misuse) and for errors of
        kitaru; `True` for every other ordinary exception, and for a tool that ran out of time.
    """
    if isinstance(error, ToolTimeoutError):
        return True
    return isinstance(error, Exception) and not isinstance(error, (AgentsException, KitaruError))


def current_run() -> RunScope | None:
    """Return the run that the calling code belongs to, or `None`."""
    return _RUN.get()


def durable_run() -> RunScope | None:
    """Return the active run if its calls are boundaries here: at flow scope; inside a unit there is none."""
    scope = _RUN.get()
    return scope if scope is not None and in_flow() else None


@contextmanager
def entered(scope: RunScope) -> Iterator[RunScope]:
    """Make a run the current one for the block and for the tasks started in it.

    Args:
        scope: The run.

    Yields:
        The run.
    """
    token = _RUN.set(scope)
    call = _PARENT_CALL.set(None)
    try:
        yield scope
    finally:
        _PARENT_CALL.reset(call)
        _RUN.reset(token)


@contextmanager
def parent_call(call_id: str) -> Iterator[None]:
    """Name the tool call that runs started in the block serve."""
    token = _PARENT_CALL.set(call_id)
    try:
        yield
    finally:
        _PARENT_CALL.reset(token)

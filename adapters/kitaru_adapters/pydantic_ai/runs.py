"""Identity of runs and of the calls in them: positions that are the same on every rerun, never contents or clocks."""

from __future__ import annotations

import threading
from collections import Counter
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydantic_ai.durable_exec import conversation_id_from_run_id

from kitaru import seam
from kitaru_adapters.kit.names import slug
from kitaru_adapters.pydantic_ai.codec import MessageCodec
from kitaru_adapters.pydantic_ai.framework import current_run_context

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic_ai.messages import ModelMessage
    from pydantic_ai.tools import RunContext

    from kitaru_adapters.pydantic_ai.events import RunEvents

__all__ = ["CALLING", "RunState", "conversation_id_from_run_id", "default_run_id", "forget", "run_state"]


CALLING: ContextVar[RunContext[object] | None] = ContextVar("kitaru_pydantic_ai_calling", default=None)
"""The call whose tool body runs at flow scope here, if there is one."""


@dataclass
class RunState:
    """What the adapter keeps of one run while it lasts.

    Attributes:
        path: Where the run stands in its execution; the same on every rerun, resume and replay.
        messages: Codec that encodes each message of the run once.
        events: The ordered list of what happened, if that is wanted.
        tool_defs: What the MCP servers of this run offered, by position of the toolset.
        pending: What deferred calls of the present batch wait for, by call id.
    """

    path: str
    messages: MessageCodec = field(default_factory=MessageCodec)
    events: RunEvents | None = None
    tool_defs: dict[str, Any] = field(default_factory=dict)
    pending: dict[str, object] = field(default_factory=dict)
    _completed: Counter[str] = field(default_factory=Counter)
    _seen: Counter[str] = field(default_factory=Counter)

    def request_key(self, step: int, what: str) -> str:
        """Return the key of the next model operation of a step; only completed ones move it on.

        Args:
            step: The framework's step.
            what: Which operation, such as `request`.

        Returns:
            The key.
        """
        place = f"{self.path}/step{step}/{what}"
        return f"{place}#{self._completed[place] + 1}"

    def request_completed(self, step: int, what: str) -> None:
        """Move on to the next model operation of a step.

        Args:
            step: The framework's step.
            what: Which operation.
        """
        self._completed[f"{self.path}/step{step}/{what}"] += 1

    def tool_key(self, ctx: RunContext[object], name: str) -> str:
        """Return the key of a tool call: by the call's id, which is part of the recorded response.

        Args:
            ctx: The framework's context of the call.
            name: Name of the tool, for calls without an id.

        Returns:
            The key. Equal ids in one step (some models repeat them) are told apart by their order.
        """
        approved = "/approved" if ctx.tool_call_approved else ""
        place = f"{self.path}/step{ctx.run_step}/tool/{ctx.tool_call_id or name}/retry{ctx.retry}{approved}"
        return self._numbered(place)

    def event_key(self, ctx: RunContext[object], kind: str, call_id: str | None) -> str:
        """Return the key of one delivery of an event to a handler.

        Args:
            ctx: The framework's context of the event.
            kind: Kind of the event.
            call_id: Tool call that the event is about, if it is about one.

        Returns:
            The key.
        """
        return self._numbered(f"{self.path}/step{ctx.run_step}/event/{kind}/{call_id or ''}")

    def key(self, *parts: object) -> str:
        """Return the key of something that happens once at this place of the run."""
        return "/".join((self.path, *map(str, parts)))

    def numbered_key(self, *parts: object) -> str:
        """Return the key of something that can happen several times at this place, in a stable order."""
        return self._numbered(self.key(*parts))

    def encode_messages(self, messages: Sequence[ModelMessage]) -> tuple[list[bytes], str]:
        """Return each message as JSON and a digest of what they say together."""
        return self.messages.encode(messages)

    def _numbered(self, place: str) -> str:
        self._seen[place] += 1
        number = self._seen[place]
        return place if number == 1 else f"{place}#{number}"


_RUNS: dict[tuple[str, str], RunState] = {}
_LOCK = threading.Lock()


def default_run_id(agent_name: str) -> str | None:
    """Return the id of a run that starts now at flow scope; `None` anywhere else.

    At flow scope runs of one agent are counted in the order in which they start. Inside a tool of another run the id
    hangs on that tool call, because parallel sub-agents start in any order. A replay has the run ids of its source.

    Args:
        agent_name: Name of the agent.

    Returns:
        The id, unique in the execution and the same on every rerun.
    """
    scope = seam.current_scope()
    if scope is None or not seam.in_flow():
        return None
    parent = CALLING.get() or current_run_context()
    name = slug(agent_name, fallback="agent")
    label = name if parent is None or parent.run_id is None else _nested(parent, name)
    prefix = "" if label.startswith(f"{scope.lineage_id}/") else f"{scope.lineage_id}/"
    return f"{prefix}{label}#{seam.occurrence(_path(label, scope.lineage_id))}"


def _nested(parent: RunContext[object], name: str) -> str:
    return "/".join(part for part in (parent.run_id, parent.tool_call_id, name) if part)


def _path(run_id: str, lineage_id: str) -> str:
    return run_id.removeprefix(f"{lineage_id}/")


def run_state(ctx: RunContext[object]) -> RunState:
    """Return the state of the run that a context belongs to, made on first use.

    Args:
        ctx: Any context of the run.

    Returns:
        Its state in the present execution.
    """
    scope = seam.current_scope()
    execution_id = scope.execution_id if scope is not None else ""
    run_id = ctx.run_id or "run"
    with _LOCK:
        found = _RUNS.get((execution_id, run_id))
        if found is None:
            path = run_id if scope is None else _path(run_id, scope.lineage_id)
            found = _RUNS[execution_id, run_id] = RunState(path)
        return found


def forget(ctx: RunContext[object]) -> None:
    """Let go of a run that ended."""
    scope = seam.current_scope()
    with _LOCK:
        _RUNS.pop((scope.execution_id if scope is not None else "", ctx.run_id or "run"), None)

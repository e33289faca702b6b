"""What may be seen of a run: the capture policy, the events of a run, and the recorder that keeps them in order."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from kitaru.records.plain import JsonObject

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from kitaru.seam import Outcome

__all__ = [
    "EventKind",
    "OpenAIAdapterEvent",
    "OpenAICapturePolicy",
    "OpenAIEventError",
    "OpenAIRunEvent",
    "RunRecorder",
]

EventKind = Literal[
    "runner_call",
    "llm_call",
    "tool_call",
    "custom_tool_call",
    "mcp_call",
    "handoff",
    "interruption",
    "hosted_tool_observed",
]
REDACTED = "(not captured)"
_SHOWN = 2000


class OpenAICapturePolicy(BaseModel):
    """What of a run may be seen in events, summaries, waits and metadata; what replay needs is stored regardless.

    Attributes:
        emit_child_events: Keep an event for every model call, tool call, handoff and interruption.
        save_input: Show inputs and tool arguments.
        save_final_output: Show the final answer in the run summary.
        save_run_state: Put the state of an interrupted run into its result; without it the run cannot be resumed by
            request.
        save_interruption_payloads: Show the arguments of calls that wait for a decision.
        save_response_items: Show the items of each model response in its event.
        save_usage: Record tokens and cost.
        correlate_otel_spans: Put the execution and the run's label into the framework's trace metadata.
        include_stream_text_deltas: Publish pieces of text while a response streams.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    emit_child_events: bool = True
    save_input: bool = True
    save_final_output: bool = True
    save_run_state: bool = True
    save_interruption_payloads: bool = True
    save_response_items: bool = False
    save_usage: bool = True
    correlate_otel_spans: bool = True
    include_stream_text_deltas: bool = False


class OpenAIEventError(BaseModel):
    """An error as far as it may be shown.

    Attributes:
        type: Class of the error.
        message: Its text, unless inputs are not captured.
    """

    model_config = ConfigDict(extra="forbid")

    type: str
    message: str


class OpenAIRunEvent(BaseModel):
    """One thing that happened in a run.

    Attributes:
        event_id: Stable id within the execution.
        kind: What sort of thing.
        status: How it ended: `completed`, `failed`, `interrupted` or `observed`.
        sequence_index: Position in the run, in the order in which the model asked.
        run_label: Stable label of the run.
        agent_name: Agent that acted.
        checkpoint_id: Call of the boundary, if there was one.
        checkpoint_name: Readable id of that call.
        duration_ms: How long it took; absent when it was reused.
        metadata: More facts.
        artifacts: Names of artifacts by role.
        error: Why it failed.
    """

    model_config = ConfigDict(extra="forbid")

    event_id: str
    kind: EventKind
    status: Literal["completed", "failed", "interrupted", "observed"]
    sequence_index: int
    run_label: str
    agent_name: str | None = None
    checkpoint_id: str | None = None
    checkpoint_name: str | None = None
    duration_ms: float | None = None
    metadata: JsonObject = Field(default_factory=dict)
    artifacts: dict[str, str] = Field(default_factory=dict)
    error: OpenAIEventError | None = None


OpenAIAdapterEvent = OpenAIRunEvent


@dataclass
class RunRecorder:
    """Keeps the events of one run, nested runs included, in the order of the model's calls.

    Attributes:
        label: Stable label of the run.
        agent_name: The agent it started with.
        policy: What may be seen.
    """

    label: str
    agent_name: str
    policy: OpenAICapturePolicy
    models: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    _started: float = field(default_factory=time.monotonic)
    _events: dict[int, OpenAIRunEvent] = field(default_factory=dict)
    _reserved: dict[str, int] = field(default_factory=dict)
    _next: int = 0

    def take(self) -> int:
        """Return the next free position."""
        self._next += 1
        return self._next

    def reserve(self, call_keys: Iterable[str]) -> None:
        """Give the calls that a response asks for their positions, before any of them ends.

        Args:
            call_keys: Run path and tool call id, joined; a call that already has a position keeps it.
        """
        for key in call_keys:
            if key not in self._reserved:
                self._reserved[key] = self.take()

    def position(self, call_key: str | None) -> int:
        """Return the position reserved for a call, or a new one."""
        reserved = self._reserved.get(call_key) if call_key is not None else None
        return reserved if reserved is not None else self.take()

    def warn(self, text: str) -> None:
        """Add a warning for the result, once."""
        if text not in self.warnings:
            self.warnings.append(text)

    def saw_model(self, name: str | None) -> None:
        """Remember that a model took part."""
        if name and name not in self.models:
            self.models.append(name)

    def add(
        self,
        kind: EventKind,
        *,
        position: int,
        status: Literal["completed", "failed", "interrupted", "observed"] = "completed",
        agent: str | None = None,
        outcome: Outcome[Any] | None = None,
        duration_ms: float | None = None,
        metadata: Mapping[str, object] | None = None,
        error: BaseException | None = None,
    ) -> None:
        """Keep one event, if the policy wants them.

        Args:
            kind: What happened.
            position: Its place in the run.
            status: How it ended.
            agent: Who acted.
            outcome: The boundary's outcome, if there was a boundary.
            duration_ms: How long it really took.
            metadata: More facts, already fit to be seen.
            error: Why it failed.
        """
        if not self.policy.emit_child_events and kind != "runner_call":
            return
        self._events[position] = OpenAIRunEvent(
            event_id=f"{self.label}:{position}",
            kind=kind,
            status=status,
            sequence_index=position,
            run_label=self.label,
            agent_name=agent,
            checkpoint_id=outcome.call_id if outcome is not None else None,
            checkpoint_name=outcome.invocation_id if outcome is not None else None,
            duration_ms=duration_ms if outcome is None or outcome.executed else None,
            metadata=dict(metadata or {}),
            error=self.error(error) if error is not None else None,
        )

    def error(self, error: BaseException) -> OpenAIEventError:
        """Return an error as far as the policy lets it be seen."""
        return OpenAIEventError(type=type(error).__name__, message=str(error) if self.policy.save_input else REDACTED)

    def events(self) -> list[OpenAIRunEvent]:
        """Return the events, renumbered without the positions that were reserved and never used."""
        ordered = [self._events[position] for position in sorted(self._events)]
        return [event.model_copy(update={"sequence_index": index}) for index, event in enumerate(ordered)]

    def summary(
        self, status: str, *, final_output: object = None, error: BaseException | None = None
    ) -> dict[str, object]:
        """Return the run in a few JSON-ready facts.

        Args:
            status: How the run ended.
            final_output: The answer, shown as text if the policy allows.
            error: Why the run failed.

        Returns:
            Agent, label, status, counts, ids in order, duration and error.
        """
        events = self.events()
        kinds = [event.kind for event in events]
        shown = self.policy.save_final_output and final_output is not None
        return {
            "agent": self.agent_name,
            "run_label": self.label,
            "status": status,
            "model_call_count": kinds.count("llm_call"),
            "tool_call_count": sum(kinds.count(kind) for kind in ("tool_call", "custom_tool_call", "mcp_call")),
            "checkpoint_ids": [event.checkpoint_id for event in events if event.checkpoint_id is not None],
            "duration_ms": round((time.monotonic() - self._started) * 1000, 3),
            "final_output": str(final_output)[:_SHOWN] if shown else None,
            "error": self.error(error).model_dump() if error is not None else None,
        }

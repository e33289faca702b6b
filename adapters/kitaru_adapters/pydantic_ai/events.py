"""The ordered list of what happened in one run, and its summary; in the model's order of calls, not of their ends."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from operator import itemgetter
from typing import TYPE_CHECKING

from kitaru_adapters.kit.streams import safe_message

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic_ai.tools import DeferredToolRequests, RunContext

    from kitaru import seam
    from kitaru_adapters.pydantic_ai.types import CapturePolicy
    from kitaru_adapters.pydantic_ai.waits import ToolCall

__all__ = ["RunEvents"]

_BILLING = {"executed": "incurred", "hit": "reused_not_incurred", "reused": "reused_not_incurred"}
_CACHE = {"executed": "executed", "hit": "checkpoint_cache_hit", "reused": "replay_reused", "overridden": "unknown"}
_PLACE = itemgetter("sequence_index")


@dataclass
class RunEvents:
    """Collects the events of one run.

    Attributes:
        agent_name: Name of the agent.
        run_label: Name of the run, the same on every rerun.
        capture: What may be seen.
        handler: Whether an event stream handler is at work.
    """

    agent_name: str
    run_label: str
    capture: CapturePolicy
    handler: bool = False
    _events: list[dict[str, object]] = field(default_factory=list)
    _reserved: dict[str, int] = field(default_factory=dict)
    _returned: list[dict[str, object]] = field(default_factory=list)
    _next: int = 1
    _turn: int = 0
    _asked: object = None
    _started: float = field(default_factory=time.monotonic)

    def model_request(
        self,
        ctx: RunContext[object],
        outcome: seam.Outcome[object] | None,
        *,
        error: BaseException | None,
        seconds: float,
    ) -> None:
        """Note a model request, and keep places for the calls that its response asks for.

        Args:
            ctx: The framework's context of the request.
            outcome: What the unit came to, if it completed.
            error: Why it did not.
            seconds: How long it took.
        """
        self._turn += 1
        returned = [call["event_id"] for call in sorted(self._returned, key=_PLACE)]
        self._returned = []
        event = self._event("llm_call", self._take(), outcome, error, seconds, step=ctx.run_step)
        self._asked = event["event_id"]
        payload = outcome.value if outcome is not None and isinstance(outcome.value, dict) else {}
        status = outcome.cache_status if outcome is not None else None
        event |= {
            "fan_in_from": returned or None,
            "model_name": payload.get("model_name"),
            "provider_name": payload.get("provider_name"),
            "usage": {key: value for key, value in (payload.get("usage") or {}).items() if value} or None,
            "billing_effect": _BILLING.get(status, "unknown") if status else None,
            "cache_status": _CACHE.get(status, "unknown") if status else None,
        }
        self._events.append(_known(event))
        for part in payload.get("parts", ()):
            if part.get("part_kind") == "tool-call":
                self._reserved[part.get("tool_call_id") or ""] = self._take()

    def tool_call(
        self,
        call: ToolCall,
        kind: str,
        outcome: seam.Outcome[object] | None,
        *,
        error: BaseException | None,
        seconds: float,
    ) -> None:
        """Note a tool call, at the place that the model's response gave it.

        Args:
            call: The call.
            kind: Kind of its toolset.
            outcome: What the unit came to, if it completed.
            error: Why it did not.
            seconds: How long it took.
        """
        mode = self.capture.for_tool(call.shown)
        if mode is None:
            return
        event = self._event("tool_call", self._place(call.ctx.tool_call_id), outcome, error, seconds)
        event |= {
            "tool_name": call.shown,
            "tool_call_id": call.ctx.tool_call_id,
            "toolset_kind": kind,
            "capture_mode": mode,
            "fan_out_from": self._asked,
            "outcome": outcome.carried.get("kind")
            if outcome is not None and isinstance(outcome.carried, dict)
            else None,
            "cache_status": _CACHE.get(outcome.cache_status) if outcome is not None else None,
        }
        self._add_returned(event)

    def deferred(self, ctx: RunContext[object], requests: DeferredToolRequests, answers: Mapping[str, object]) -> None:
        """Note the calls of a batch that waited for a person.

        Args:
            ctx: The framework's context of the step.
            requests: The batch.
            answers: What was answered, by call id.
        """
        approvals = {call.tool_call_id for call in requests.approvals}
        for call in [*requests.approvals, *requests.calls]:
            event = self._event("deferred", self._place(call.tool_call_id), None, None, None, step=ctx.run_step)
            approval = call.tool_call_id in approvals
            event |= {
                "tool_name": call.tool_name,
                "tool_call_id": call.tool_call_id,
                "deferred_kind": "approval_required" if approval else "call_deferred",
                "approved": bool(answers.get(call.tool_call_id)) if approval else None,
            }
            self._add_returned(event)

    def stream_event(self, kind: str, *, seconds: float, error: BaseException | None) -> None:
        """Note one delivery of an event to a handler.

        Args:
            kind: Kind of the delivered event.
            seconds: How long the handler took.
            error: Why it failed, if it did.
        """
        event = self._event("event_stream", self._take(), None, error, seconds)
        self._events.append(_known({**event, "event_kind": kind}))

    def log(self) -> list[dict[str, object]]:
        """Return the events in order, numbered from one."""
        ordered = sorted(self._events, key=_PLACE)
        return [{**event, "sequence_index": number} for number, event in enumerate(ordered, start=1)]

    def summary(self, error: BaseException | None) -> dict[str, object]:
        """Return the summary of the run.

        Args:
            error: Why the run failed, if it did.
        """
        ordered = self.log()
        kinds = [event["kind"] for event in ordered]
        summary = {
            "agent_name": self.agent_name,
            "run_label": self.run_label,
            "status": "completed" if error is None else "failed",
            "model_call_count": kinds.count("llm_call"),
            "tool_call_count": kinds.count("tool_call"),
            "total_events": len(ordered),
            "turn_count": self._turn,
            "event_ids_in_order": [event["event_id"] for event in ordered],
            "duration_ms": round((time.monotonic() - self._started) * 1000, 3),
            "event_stream_handler": self.handler,
            "error": safe_message(error) if error is not None else None,
        }
        return _known(summary)

    def _event(
        self,
        kind: str,
        place: int,
        outcome: seam.Outcome[object] | None,
        error: BaseException | None,
        seconds: float | None,
        *,
        step: int | None = None,
    ) -> dict[str, object]:
        return {
            "event_id": f"{self.run_label}_{kind}_{place}",
            "kind": kind,
            "status": "completed" if error is None else "failed",
            "sequence_index": place,
            "turn_index": self._turn,
            "run_step": step,
            "parent_event_ids": [self._asked] if self._asked is not None else [],
            "checkpoint_name": outcome.invocation_id if outcome is not None else None,
            "checkpoint_id": outcome.call_id if outcome is not None else None,
            "duration_ms": round(seconds * 1000, 3) if seconds is not None else None,
            "error": safe_message(error) if error is not None else None,
        }

    def _add_returned(self, event: dict[str, object]) -> None:
        self._events.append(_known(event))
        self._returned.append(event)

    def _take(self) -> int:
        number, self._next = self._next, self._next + 1
        return number

    def _place(self, call_id: str | None) -> int:
        reserved = self._reserved.pop(call_id or "", None)
        return self._take() if reserved is None else reserved


def _known(event: Mapping[str, object]) -> dict[str, object]:
    return {key: value for key, value in event.items() if value is not None}

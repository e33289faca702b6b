"""What a turn leaves in the journal: its result, its artifacts, one event, one usage record."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Literal

from kitaru.errors import KitaruError
from kitaru_adapters.gemini.capture import Capture, GeminiInteractionCapturePolicy, request_manifest
from kitaru_adapters.gemini.codec import output_text, step_summaries, steps_of, usage_summary
from kitaru_adapters.gemini.errors import safe_text
from kitaru_adapters.gemini.polling import status_of
from kitaru_adapters.gemini.service import sdk_version
from kitaru_adapters.gemini.types import (
    ADAPTER,
    GeminiInteractionEventError,
    GeminiInteractionResult,
    GeminiInteractionRunEvent,
    GeminiUsageSummary,
)
from kitaru_adapters.gemini.values import Json, text_of
from kitaru_adapters.kit.usage import Cost, TokenUsage, calculated_cost, estimated_cost, usage_record

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kitaru.seam import Call
    from kitaru_adapters.gemini.request import GeminiInteractionRequest
    from kitaru_adapters.gemini.turn import Turn
    from kitaru_adapters.kit.streams import LiveStream

__all__ = ["Recorder"]

_EVENTS, _SUMMARIES = "gemini_interactions_events", "gemini_interactions_run_summaries"


class Recorder:
    """Records how one attempt of a turn went, well or badly."""

    def __init__(
        self,
        call: Call,
        request: GeminiInteractionRequest,
        turn: Turn,
        *,
        runner_name: str,
        label: str,
        policy: GeminiInteractionCapturePolicy,
        cost_calculator: Callable[[GeminiUsageSummary], object] | None = None,
        live: LiveStream | None = None,
    ) -> None:
        """Start the clock, and the live view if there is one.

        Args:
            call: The boundary the turn runs in.
            request: The request.
            turn: The turn.
            runner_name: Name of the runner.
            label: Label of the turn within the execution.
            policy: What is saved.
            cost_calculator: Estimates dollars from a usage summary.
            live: The live view of a streamed turn.
        """
        self._call, self._request, self._turn = call, request, turn
        self._runner_name, self._label, self._policy = runner_name, label, policy
        self._calculator, self._live = cost_calculator, live
        self._capture = Capture(call, policy, runner_name=runner_name, label=label)
        self._started = time.monotonic()
        if live is not None:
            live.start(display=f"{request.kind} {request.target_kind}")

    def failed(self, error: BaseException) -> None:
        """Record that the attempt failed; what it cost counts all the same.

        Args:
            error: Why.
        """
        interaction_id = text_of(getattr(error, "interaction_id", None))
        if self._live is not None:
            self._end_live(interaction_id=interaction_id)
            self._live.fail(error)
        if not isinstance(error, Exception):
            return
        shown = GeminiInteractionEventError(type=type(error).__name__, message=safe_text(error))
        try:
            self._account(self._usage(self._turn.last), self._turn.last, status="failed")
            self._log_event(status="failed", interaction_id=interaction_id, error=shown)
        except KitaruError as trouble:
            error.add_note(f"What the turn cost could not be recorded: {type(trouble).__name__}")

    def recorded(self, interaction: Json, *, client: Mapping[str, object]) -> GeminiInteractionResult:
        """Build the result of a stable turn and save what the policy asks for.

        Args:
            interaction: The interaction as JSON.
            client: Facts about the client.

        Returns:
            The value of the checkpoint.
        """
        usage = self._usage(interaction)
        cost = self._account(usage, interaction, status="completed")
        result = self._result(interaction, usage, cost)
        self._save(result, interaction, client)
        result.warnings = [*self._turn.warnings, *self._notices(usage, cost), *self._capture.warnings]
        if self._live is not None:
            self._end_live(interaction_id=result.interaction_id, interaction_status=result.status)
            self._live.complete(display=f"{result.status} {result.interaction_id}".strip())
        return result

    def _end_live(self, **facts: str | None) -> None:
        if self._live is not None:
            self._live.common = {**self._live.common, **{key: value for key, value in facts.items() if value}}

    def _result(self, interaction: Json, usage: GeminiUsageSummary | None, cost: Cost) -> GeminiInteractionResult:
        request = self._request
        return GeminiInteractionResult(
            status="completed" if status_of(interaction) == "completed" else "requires_action",
            interaction_id=text_of(interaction.get("id")) or "",
            previous_interaction_id=text_of(interaction.get("previous_interaction_id"))
            or request.previous_interaction_id,
            output_text=output_text(interaction),
            model=text_of(interaction.get("model")) or request.model,
            agent=text_of(interaction.get("agent")) or request.agent,
            environment_id=text_of(interaction.get("environment_id")),
            steps=step_summaries(interaction),
            usage=usage,
            estimated_cost_usd=cost.estimated_cost_usd,
            duration_ms=self._elapsed_ms(),
            poll_count=self._turn.polls,
            sdk_version=sdk_version(),
            continuation_ids=list(interaction.get("continuation_ids") or []),
            attempt_submissions=self._turn.submissions.submissions(),
            metadata={**(request.metadata or {}), **(self._stream_facts() or {})},
        )

    def _save(self, result: GeminiInteractionResult, interaction: Json, client: Mapping[str, object]) -> None:
        policy, save, request = self._policy, self._capture.save, self._request
        manifest = request_manifest(request, client=client, redact=policy.redact_request_manifest)
        usage = result.usage.model_dump() if result.usage is not None else None
        summary = _summary_of(result)
        names = {
            "input": save("input", request.input, wanted=policy.save_input, type_="prompt"),
            "request_manifest": save(
                "request_manifest", manifest, wanted=policy.save_request_manifest, type_="context"
            ),
            "raw_interaction": save("raw_interaction", interaction, wanted=policy.save_raw_interaction),
            "steps": save("steps", steps_of(interaction), wanted=policy.save_steps),
            "output": save("output", result.output_text, wanted=policy.save_output, type_="response"),
            "usage": save("usage", usage, wanted=policy.save_usage, type_="context"),
            "run_summary": save("run_summary", summary, wanted=policy.emit_events, type_="context"),
        }
        event = self._log_event(status=result.status, interaction_id=result.interaction_id, steps=len(result.steps))
        names["event_log"] = save("event_log", [event], wanted=policy.emit_events, type_="context")
        self._capture.log(_SUMMARIES, summary)
        for kind, name in names.items():
            setattr(result, f"{kind}_artifact_name", name)

    def _log_event(
        self,
        *,
        status: str,
        interaction_id: str | None,
        steps: int = 0,
        error: GeminiInteractionEventError | None = None,
    ) -> Json:
        event = GeminiInteractionRunEvent(
            label=self._label,
            runner_name=self._runner_name,
            kind=self._request.kind,
            target_kind=self._request.target_kind,
            surface="run" if self._turn.streamed_by is None else "stream",
            status=status,
            interaction_id=interaction_id or None,
            previous_interaction_id=self._request.previous_interaction_id,
            duration_ms=self._elapsed_ms(),
            step_count=steps,
            poll_count=self._turn.polls,
            stream=self._stream_facts(),
            error=error,
        ).model_dump()
        self._capture.log(_EVENTS, event)
        return event

    def _stream_facts(self) -> Json | None:
        reader = self._turn.streamed_by
        if reader is None:
            return None
        mode = "rebuilt_from_events" if not self._request.store else "fetched"
        return reader.facts.as_metadata(mode=mode)

    def _usage(self, interaction: Mapping[str, object]) -> GeminiUsageSummary | None:
        return usage_summary(interaction, requested=self._request.model or self._request.agent)

    def _account(
        self,
        usage: GeminiUsageSummary | None,
        interaction: Json,
        *,
        status: Literal["completed", "failed"],
    ) -> Cost:
        if usage is None:
            return Cost()
        tokens = TokenUsage(
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            total_tokens=usage.total_tokens,
            cached_input_tokens=usage.cached_input_tokens,
            reasoning_tokens=usage.reasoning_tokens,
            raw=usage.raw_usage,
        )
        cost = self._cost(usage, tokens)
        interaction_id = text_of(interaction.get("id")) or self._call.call_id
        self._call.record_usage(
            # One interaction may be reported by several calls, such as a turn and a later poll of it.
            {"count_once": True}
            | usage_record(
                record_id=f"{ADAPTER}:{interaction_id}",
                adapter=ADAPTER,
                surface="gemini_interaction",
                call_name=self._call.invocation_id,
                checkpoint_id=self._call.call_id,
                checkpoint_name=self._call.name,
                usage=tokens,
                cost=cost,
                requested_model=usage.requested_model,
                resolved_model=usage.resolved_model,
                provider=usage.provider,
                latency_ms=self._elapsed_ms(),
                status=status,
                warnings=tuple(self._hop_notice(interaction)),
            )
        )
        return cost

    def _cost(self, usage: GeminiUsageSummary, tokens: TokenUsage) -> Cost:
        if self._calculator is not None:
            return calculated_cost(self._calculator, usage)
        return estimated_cost(model=usage.model_name, provider="google", usage=tokens)

    def _hop_notice(self, interaction: Json) -> list[str]:
        hops = interaction.get("continuation_ids") or []
        return [f"sum of the continuation hops {', '.join(hops)}"] if len(hops) > 1 else []

    def _notices(self, usage: GeminiUsageSummary | None, cost: Cost) -> list[str]:
        notices = list(cost.warnings)
        if usage is not None and self._request.agent and cost.estimated_cost_usd is None and not notices:
            notices.append(f"no price is known for the agent {self._request.agent!r}; give a cost_calculator")
        return notices

    def _elapsed_ms(self) -> float:
        return round((time.monotonic() - self._started) * 1000, 3)


def _summary_of(result: GeminiInteractionResult) -> Json:
    return {
        "status": result.status,
        "interaction_id": result.interaction_id,
        "model": result.model,
        "agent": result.agent,
        "step_count": len(result.steps),
        "function_call_count": len(result.function_calls),
        "total_tokens": result.usage.total_tokens if result.usage is not None else None,
        "estimated_cost_usd": result.estimated_cost_usd,
        "duration_ms": result.duration_ms,
        "submission_count": len(result.attempt_submissions),
    }

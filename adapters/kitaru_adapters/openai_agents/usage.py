"""Tokens and cost: the framework's counters in the form that listings and cost reports read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kitaru_adapters.kit.usage import Cost, TokenUsage, calculated_cost, estimated_cost, usage_record
from kitaru_adapters.openai_agents.settings import ADAPTER
from kitaru_adapters.openai_agents.types import OpenAIUsageSummary

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agents.usage import Usage

    from kitaru.seam import Call
    from kitaru_adapters.openai_agents.settings import CostCalculator

__all__ = ["model_call_record", "runner_call_record", "summarise", "summary_cost"]


def summarise(usage: Usage, models: Sequence[str] = ()) -> OpenAIUsageSummary:
    """Return the framework's counters as a summary.

    Args:
        usage: The counters of a call or of a run.
        models: Names of the models that took part.

    Returns:
        The summary; the total is added up where the provider did not report it.
    """
    return OpenAIUsageSummary(
        requests=usage.requests,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        total_tokens=usage.total_tokens or usage.input_tokens + usage.output_tokens,
        cached_input_tokens=getattr(usage.input_tokens_details, "cached_tokens", 0) or 0,
        reasoning_tokens=getattr(usage.output_tokens_details, "reasoning_tokens", 0) or 0,
        models=list(models),
    )


def summary_cost(summary: OpenAIUsageSummary, calculator: CostCalculator | None) -> Cost:
    """Return what a run or a call cost, if exactly one model is known for it.

    Args:
        summary: Its tokens and models.
        calculator: The caller's estimate; it wins over the price table.

    Returns:
        The cost; an empty one when several models, or none, are known.
    """
    if len(summary.models) != 1:
        return Cost()
    if calculator is not None:
        return calculated_cost(calculator, summary)
    return estimated_cost(model=summary.models[0], provider=None, usage=_tokens(summary))


def model_call_record(
    call: Call, usage: Usage, *, model: str | None, calculator: CostCalculator | None, latency_ms: float
) -> dict[str, object]:
    """Return the usage record of one model call.

    Args:
        call: The boundary in whose body it ran.
        usage: Its tokens.
        model: Name of the model.
        calculator: The caller's cost estimate.
        latency_ms: How long it took.

    Returns:
        The record for `Call.record_usage`.
    """
    summary = summarise(usage, [model] if model else [])
    return usage_record(
        record_id=call.invocation_id,
        adapter=ADAPTER,
        surface="model_call",
        call_name=call.name,
        usage=_tokens(summary),
        cost=summary_cost(summary, calculator),
        checkpoint_id=call.call_id,
        checkpoint_name=call.invocation_id,
        requested_model=model,
        latency_ms=latency_ms,
    )


def runner_call_record(
    call: Call, summary: OpenAIUsageSummary, cost: Cost, *, label: str, latency_ms: float, interrupted: bool
) -> dict[str, object]:
    """Return the usage record of a whole run that is one boundary.

    Args:
        call: The boundary in whose body it ran.
        summary: Its tokens and models.
        cost: What it cost.
        label: Stable label of the run.
        latency_ms: How long it took.
        interrupted: Whether it ended with pending approvals.

    Returns:
        The record for `Call.record_usage`.
    """
    return usage_record(
        record_id=label,
        adapter=ADAPTER,
        surface="runner_call",
        call_name=call.name,
        usage=_tokens(summary),
        cost=cost,
        checkpoint_id=call.call_id,
        checkpoint_name=call.invocation_id,
        requested_model=summary.models[0] if len(summary.models) == 1 else None,
        latency_ms=latency_ms,
        status="interrupted" if interrupted else "completed",
    )


def _tokens(summary: OpenAIUsageSummary) -> TokenUsage:
    return TokenUsage(
        input_tokens=summary.input_tokens,
        output_tokens=summary.output_tokens,
        total_tokens=summary.total_tokens,
        cached_input_tokens=summary.cached_input_tokens,
        reasoning_tokens=summary.reasoning_tokens,
    )

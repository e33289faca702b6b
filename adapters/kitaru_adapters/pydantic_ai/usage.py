"""Usage records of model requests, from what the framework reports on the response."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kitaru_adapters.kit.usage import Cost, TokenUsage, calculated_cost, estimated_cost, usage_record
from kitaru_adapters.pydantic_ai.types import ADAPTER, PydanticAIUsageSummary

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kitaru import seam
    from kitaru_adapters.pydantic_ai.settings import Settings

__all__ = ["record_usage", "token_usage"]


def token_usage(reported: Mapping[str, Any]) -> TokenUsage:
    """Return the tokens of one response.

    Args:
        reported: The response's usage as the framework writes it.

    Returns:
        The tokens in the record's words.
    """
    details = reported.get("details") or {}
    reasoning = reported.get("output_reasoning_tokens") or details.get("reasoning_tokens")
    return TokenUsage(
        input_tokens=reported.get("input_tokens"),
        output_tokens=reported.get("output_tokens"),
        cached_input_tokens=reported.get("cache_read_tokens"),
        reasoning_tokens=reasoning,
        raw={key: value for key, value in reported.items() if value},
    )


def record_usage(call: seam.Call, settings: Settings, payload: object, *, latency: float) -> None:
    """Write the usage record of a model request that really ran.

    Args:
        call: The unit's call.
        settings: What the caller set for the agent.
        payload: The response as data.
        latency: Seconds that it took.
    """
    if not isinstance(payload, dict):
        return
    reported = payload.get("usage") or {}
    usage = token_usage(reported)
    model, provider = payload.get("model_name"), payload.get("provider_name")
    call.record_usage(
        usage_record(
            record_id=f"{call.invocation_id}#{call.attempt}",
            adapter=ADAPTER,
            surface="model_call",
            call_name=call.name,
            usage=usage,
            cost=_cost(settings, usage, reported.get("cost"), model=model, provider=provider),
            event_id=f"{call.invocation_id}_event",
            checkpoint_id=call.call_id,
            checkpoint_name=call.name,
            resolved_model=model,
            provider=provider,
            latency_ms=round(latency * 1000, 3),
        )
    )


def _cost(
    settings: Settings, usage: TokenUsage, reported: str | None, *, model: str | None, provider: str | None
) -> Cost:
    if settings.cost_calculator is not None:
        return calculated_cost(settings.cost_calculator, _summary(usage, model=model, provider=provider))
    if reported is not None:
        return Cost(actual_cost_usd=float(reported), source="provider_reported", source_label="pydantic-ai")
    return estimated_cost(model=model, provider=provider, usage=usage)


def _summary(usage: TokenUsage, *, model: str | None, provider: str | None) -> PydanticAIUsageSummary:
    return PydanticAIUsageSummary(
        provider=provider,
        model_name=model,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        total_tokens=usage.total_tokens,
        cached_input_tokens=usage.cached_input_tokens,
        reasoning_tokens=usage.reasoning_tokens,
        raw_usage=dict(usage.raw or {}),
    )

"""Usage records of model calls, in the one form that listings, statistics and cost reports read."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypedDict, TypeVar, Unpack

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["Cost", "TokenUsage", "UsageFacts", "calculated_cost", "estimated_cost", "numbers_delta", "usage_record"]

S = TypeVar("S")
Surface = Literal["direct_llm", "model_call", "runner_call", "agent_invocation", "graph_call", "gemini_interaction"]
Status = Literal["completed", "failed", "interrupted"]
BillingEffect = Literal["incurred", "reused_not_incurred", "unknown"]
RecordedCacheStatus = Literal["executed", "checkpoint_cache_hit", "replay_reused", "unknown"]


@dataclass(frozen=True, kw_only=True)
class TokenUsage:
    """Tokens of one record; `None` means that the provider did not say.

    Attributes:
        input_tokens: Tokens of the request.
        output_tokens: Tokens of the answer.
        total_tokens: Their sum, as reported or added up here.
        cached_input_tokens: Part of the input that the provider read from its cache.
        reasoning_tokens: Part of the output that was reasoning.
        raw: What the provider reported, JSON-ready.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    total_tokens: int | None = None
    cached_input_tokens: int | None = None
    reasoning_tokens: int | None = None
    raw: Mapping[str, object] | None = None

    def __post_init__(self) -> None:
        """Add the total up where the parts are known and it was not given."""
        if self.total_tokens is None and self.input_tokens is not None and self.output_tokens is not None:
            object.__setattr__(self, "total_tokens", self.input_tokens + self.output_tokens)


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What one record cost, and who says so.

    Attributes:
        actual_cost_usd: As the provider reported it.
        estimated_cost_usd: As a calculator or a price table estimates it.
        source: `provider_reported`, `calculator`, `none` or `calculator_error`.
        source_label: Which calculator or table.
        pricing_version: Version of that table.
        warnings: What went wrong while estimating; never a failure of the call.
    """

    actual_cost_usd: float | None = None
    estimated_cost_usd: float | None = None
    source: Literal["provider_reported", "calculator", "none", "calculator_error"] = "none"
    source_label: str | None = None
    pricing_version: str | None = None
    warnings: tuple[str, ...] = field(default=())

    def as_fields(self) -> dict[str, object]:
        """Return the fields of the record's `cost` part."""
        return _known({**{key: value for key, value in vars(self).items() if key != "warnings"}, "currency": "USD"})


def calculated_cost(calculator: Callable[[S], object], summary: S) -> Cost:
    """Ask a calculator of the caller for a cost; whatever goes wrong becomes a warning on the record.

    Args:
        calculator: Returns dollars, or `None` for "I do not know".
        summary: What it gets to see.

    Returns:
        The cost as estimated, or an empty one with a warning.
    """
    try:
        value = calculator(summary)
    except Exception as error:  # noqa: BLE001 - the caller's code must never fail the paid call
        return Cost(source="calculator_error", warnings=(f"cost_calculator raised {type(error).__name__}",))
    if value is None:
        return Cost()
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value) or value < 0:
        text = f"cost_calculator returned {type(value).__name__}, not a finite number from 0 up"
        return Cost(source="calculator_error", warnings=(text,))
    return Cost(estimated_cost_usd=float(value), source="calculator", source_label="cost_calculator")


def estimated_cost(*, model: str | None, provider: str | None, usage: TokenUsage) -> Cost:
    """Estimate a cost from the price table, where the package is installed and knows the model.

    Args:
        model: Name of the model at its provider.
        provider: Name of the provider, if known.
        usage: The tokens.

    Returns:
        The cost as estimated, or an empty one when the table cannot say.
    """
    if not model or usage.input_tokens is None:
        return Cost()
    try:
        import genai_prices
    except ModuleNotFoundError:
        return Cost()
    tokens = genai_prices.Usage(
        input_tokens=usage.input_tokens,
        cache_read_tokens=usage.cached_input_tokens,
        output_tokens=usage.output_tokens or 0,
    )
    try:
        price = genai_prices.calc_price(tokens, model_ref=model, provider_id=provider)
    except LookupError:
        return Cost()
    return Cost(estimated_cost_usd=float(price.total_price), source="calculator", source_label="genai-prices")


class UsageFacts(TypedDict, total=False):
    """What else may be known of a measured call.

    Attributes:
        event_id: Event of the adapter it belongs to.
        checkpoint_id: Call it belongs to.
        checkpoint_name: Name of that call's checkpoint.
        requested_model: Model as asked for.
        resolved_model: Model that answered.
        provider: Who ran it.
        latency_ms: How long it took.
        status: How it ended.
        billing_effect: Whether it was paid for now.
        cache_status: Where the answer came from.
    """

    event_id: str | None
    checkpoint_id: str | None
    checkpoint_name: str | None
    requested_model: str | None
    resolved_model: str | None
    provider: str | None
    latency_ms: float | None
    status: Status
    billing_effect: BillingEffect
    cache_status: RecordedCacheStatus


def usage_record(
    *,
    record_id: str,
    adapter: str,
    surface: Surface,
    call_name: str,
    usage: TokenUsage,
    cost: Cost | None = None,
    warnings: tuple[str, ...] = (),
    **facts: Unpack[UsageFacts],
) -> dict[str, object]:
    """Build one usage record of version 1.

    Args:
        record_id: Stable id of the record within the execution.
        adapter: Which adapter writes it.
        surface: What kind of call it measures.
        call_name: Name of the call, as listings show it.
        usage: The tokens.
        cost: What it cost, if that is known or can be estimated.
        warnings: What a reader of the figures must know.
        **facts: What else is known; by default the call completed, really ran, and was paid for.

    Returns:
        The record, ready for `Call.record_usage`; what is not known is left out.
    """
    priced = cost or Cost()
    record: dict[str, object] = {
        "schema_version": 1,
        "record_id": record_id,
        "adapter": adapter,
        "surface": surface,
        "call_name": call_name,
        "model": facts.get("resolved_model") or facts.get("requested_model"),
        "usage": _known(vars(usage)),
        "cost": priced.as_fields(),
        "status": "completed",
        "billing_effect": "incurred",
        "cache_status": "executed",
        **facts,
        "warnings": [*priced.warnings, *warnings],
    }
    return _known(record)


def _known(fields: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in fields.items() if value is not None}


def numbers_delta(before: Mapping[str, object], after: Mapping[str, object]) -> dict[str, int | float]:
    """Return by how much each counter grew; counters that stood still are left out.

    Measure on a private copy of a shared counter, never on the shared one: under parallel calls that would count the
    neighbours' work as well.

    Args:
        before: The counters before a call.
        after: The same counters after it.

    Returns:
        The differences by name.
    """
    delta: dict[str, int | float] = {}
    for name, value in after.items():
        start = before.get(name, 0)
        if isinstance(value, (int, float)) and isinstance(start, (int, float)) and value != start:
            delta[name] = value - start
    return delta

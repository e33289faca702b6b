"""What a call of a model costs, estimated from a public table of prices that is installed with it."""

from __future__ import annotations

from importlib import metadata

import msgspec

from kitaru.models.api import ModelReply

__all__ = ["Cost", "estimate_cost"]

_SOURCE = "genai-prices"


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """The cost of a call, as far as it is known.

    Attributes:
        actual_cost_usd: What the provider says.
        estimated_cost_usd: What the table says.
        source: `provider_reported`, `calculator`, `none` or `calculator_error`.
        source_label: Who calculated it.
        pricing_version: Version of the table.
        warnings: Why it could not be calculated.
    """

    actual_cost_usd: float | None = None
    estimated_cost_usd: float | None = None
    source: str = "none"
    source_label: str | None = None
    pricing_version: str | None = None
    warnings: tuple[str, ...] = ()


def estimate_cost(provider: str, model: str, reply: ModelReply) -> Cost:
    """Estimate what a call cost; never fails.

    Args:
        provider: Who served it.
        model: The model that was called.
        reply: The answer with its figures.

    Returns:
        The cost; where it cannot be known, a warning says why.
    """
    if reply.input_tokens is None and reply.output_tokens is None:
        return Cost(warnings=("The provider reported no tokens, so no cost was estimated.",))
    try:
        from genai_prices import Usage, calc_price
    except ImportError:
        return Cost(warnings=("No cost was estimated: pip install 'kitaru-core[llm]' brings the table of prices.",))
    usage = Usage(
        input_tokens=reply.input_tokens,
        output_tokens=reply.output_tokens,
        cache_read_tokens=reply.cached_input_tokens,
    )
    try:
        price = calc_price(usage, model_ref=model, provider_id=provider)
    except LookupError:
        return Cost(warnings=(f"No price is known for {provider}/{model}.",))
    except Exception as error:  # noqa: BLE001 - a price that cannot be calculated must not cost the answer
        return Cost(source="calculator_error", warnings=(f"No cost was estimated: {type(error).__name__}.",))
    return Cost(
        estimated_cost_usd=float(price.total_price),
        source="calculator",
        source_label=_SOURCE,
        pricing_version=_version(),
    )


def _version() -> str | None:
    try:
        return metadata.version(_SOURCE)
    except metadata.PackageNotFoundError:
        return None

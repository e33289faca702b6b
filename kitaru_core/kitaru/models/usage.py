"""Usage records of `llm()`, in the form `llm_usage_v1`."""

from __future__ import annotations

from typing import Literal

import msgspec

from kitaru.models.aliases import ResolvedModelSelection
from kitaru.models.api import ModelReply
from kitaru.models.pricing import Cost, estimate_cost
from kitaru.records.plain import JsonObject
from kitaru.settings.values import EstimatedCosts

__all__ = ["CallFacts", "call_metadata", "cost_of", "usage_record"]

_ADAPTER = "kitaru.llm"
_SURFACE = "direct_llm"
_COUNTS = ("input_tokens", "output_tokens", "total_tokens", "cached_input_tokens", "reasoning_tokens")


class CallFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known about a call besides its answer.

    Attributes:
        name: Name of the call.
        selection: The model.
        provider: Who served it.
        credential_source: Where the credential was found; `None` if none was used.
        latency_ms: How long it took.
        status: How it ended.
        mocked: Whether the answer is a canned one.
    """

    name: str
    selection: ResolvedModelSelection
    provider: str
    credential_source: str | None = None
    latency_ms: float = 0.0
    status: Literal["completed", "failed"] = "completed"
    mocked: bool = False


def cost_of(facts: CallFacts, reply: ModelReply | None, policy: EstimatedCosts) -> Cost:
    """Return what a call cost.

    Args:
        facts: The call.
        reply: Its answer, if there is one.
        policy: Whether to estimate what the provider does not say.
    """
    if reply is None or facts.mocked:
        return Cost()
    if reply.actual_cost_usd is not None:
        return Cost(actual_cost_usd=reply.actual_cost_usd, source="provider_reported", source_label=facts.provider)
    if policy == "off":
        return Cost()
    return estimate_cost(facts.provider, facts.selection.resolved_model.partition("/")[2], reply)


def usage_record(facts: CallFacts, reply: ModelReply | None, cost: Cost) -> JsonObject:
    """Build the usage record of a call.

    Args:
        facts: The call.
        reply: Its answer, if there is one.
        cost: What it cost.

    Returns:
        The record; call, checkpoint and attempt are filled in by the engine.
    """
    counts = {} if reply is None else _counts(reply)
    if reply is not None and reply.raw_usage:
        counts["raw"] = dict(reply.raw_usage)
    priced = {
        name: value
        for name in ("actual_cost_usd", "estimated_cost_usd", "source_label", "pricing_version")
        if (value := getattr(cost, name)) is not None
    }
    selection = facts.selection
    return {
        "record_id": facts.name,
        "adapter": _ADAPTER,
        "surface": _SURFACE,
        "call_name": facts.name,
        "model": (reply.model if reply is not None else None) or selection.resolved_model,
        "requested_model": selection.requested_model,
        "resolved_model": selection.resolved_model,
        "provider": facts.provider,
        "usage": counts,
        "cost": {**priced, "currency": "USD", "source": cost.source},
        "latency_ms": facts.latency_ms,
        "status": facts.status,
        "billing_effect": "incurred" if facts.status == "completed" and not facts.mocked else "unknown",
        "cache_status": "unknown" if facts.mocked else "executed",
        "warnings": list(cost.warnings),
    }


def call_metadata(facts: CallFacts, reply: ModelReply, cost: Cost) -> JsonObject:
    """Build what is shown of a call under `llm_calls`; what is not known is left out.

    Args:
        facts: The call.
        reply: Its answer.
        cost: What it cost.
    """
    shown = {
        "requested_model": facts.selection.requested_model,
        "alias": facts.selection.alias,
        "resolved_model": facts.selection.resolved_model,
        "credential_source": facts.credential_source,
        "latency_ms": facts.latency_ms,
        "tokens_input": reply.input_tokens,
        "tokens_output": reply.output_tokens,
        "total_tokens": _counts(reply).get("total_tokens"),
        "estimated_cost_usd": cost.estimated_cost_usd,
    }
    return {name: value for name, value in shown.items() if value is not None}


def _counts(reply: ModelReply) -> JsonObject:
    counts = {name: value for name in _COUNTS if (value := getattr(reply, name)) is not None}
    if "total_tokens" not in counts and {"input_tokens", "output_tokens"} <= counts.keys():
        counts["total_tokens"] = counts["input_tokens"] + counts["output_tokens"]
    return counts

"""Tokens and cost of one invocation, also when its session was paid for before."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from kitaru_adapters.claude_agent_sdk.types import ClaudeUsageSummary
from kitaru_adapters.kit.usage import Cost, TokenUsage, calculated_cost, estimated_cost, usage_record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from kitaru.records.plain import JsonMapping, JsonObject
    from kitaru.seam import Call

    Counted: TypeAlias = JsonObject  # tokens and dollars by Claude's own names
    Figures: TypeAlias = JsonMapping

__all__ = ["SessionLedger", "SessionTotals", "Spent", "price", "spent", "summary_of", "usage_records"]

_COUNTERS = (
    "inputTokens",
    "outputTokens",
    "cacheReadInputTokens",
    "cacheCreationInputTokens",
    "webSearchRequests",
    "thinkingTokens",
    "cacheCreationEphemeral5mInputTokens",
    "cacheCreationEphemeral1hInputTokens",
    "costUSD",
)
_LEDGER_SIZE = 4096


@dataclass(frozen=True)
class SessionTotals:
    """What a session has cost up to the end of an invocation.

    Attributes:
        execution_id: The execution whose invocation it was.
        cost_usd: Cost of the whole session, as Claude reports it.
        model_usage: The same by model.
    """

    execution_id: str
    cost_usd: float | None
    model_usage: Mapping[str, Figures]


class SessionLedger:
    """The sessions that the running body has seen in results; a rerun sees the same ones in the same order."""

    def __init__(self) -> None:
        self._totals: OrderedDict[tuple[str, str], SessionTotals] = OrderedDict()

    def get(self, execution_id: str, session_id: str) -> SessionTotals | None:
        """Return what is known about a session in this execution."""
        return self._totals.get((execution_id, session_id))

    def put(self, execution_id: str, session_id: str, totals: SessionTotals) -> None:
        """Keep what a result says about its session."""
        self._totals[execution_id, session_id] = totals
        self._totals.move_to_end((execution_id, session_id))
        if len(self._totals) > _LEDGER_SIZE:
            self._totals.popitem(last=False)


@dataclass(frozen=True)
class Spent:
    """What one invocation used up.

    Attributes:
        usage: Tokens as Claude reports them.
        model_usage: Tokens and cost by model.
        cost_usd: Cost, or `None` where it cannot be told apart from earlier ones.
        warnings: Why something is missing.
    """

    usage: Counted
    model_usage: dict[str, Counted]
    cost_usd: float | None
    warnings: tuple[str, ...] = ()


def spent(
    usage: Figures | None,
    model_usage: Mapping[str, Figures] | None,
    cost_usd: float | None,
    *,
    before: SessionTotals | None,
) -> Spent:
    """Return this invocation's share of what Claude reports.

    Claude counts tokens per run, but cost and usage by model over the whole life of a session.

    Args:
        usage: Tokens of the run.
        model_usage: Usage by model, of the session.
        cost_usd: Cost, of the session.
        before: What the session had cost before; `None` if this invocation opened it or nothing is known.
    """
    tokens, by_model = dict(usage or {}), {name: dict(found) for name, found in (model_usage or {}).items()}
    if before is not None:
        by_model = dict(_shares(by_model, before.model_usage))
        share = None if cost_usd is None else max(0.0, cost_usd - (before.cost_usd or 0.0))
        return Spent(tokens, by_model, share)
    counted = sum(int(found.get("inputTokens", 0)) for found in by_model.values())
    if tokens and counted > int(tokens.get("input_tokens") or 0) and _is_single(by_model):
        text = "Claude reports the cost of the whole session; the share of this invocation is not known."
        return Spent(tokens, {}, None, (text,))
    return Spent(tokens, by_model, cost_usd)


def summary_of(found: Spent) -> ClaudeUsageSummary:
    """Return the tokens of an invocation in the common form."""
    models = list(found.model_usage)
    if found.usage:
        cached = int(found.usage.get("cache_read_input_tokens") or 0)
        written = int(found.usage.get("cache_creation_input_tokens") or 0)
        asked = int(found.usage.get("input_tokens") or 0) + cached + written
        answered = int(found.usage.get("output_tokens") or 0)
        thinking = (found.usage.get("output_tokens_details") or {}).get("thinking_tokens")
    else:
        parts = list(found.model_usage.values())
        cached = sum(int(part.get("cacheReadInputTokens", 0)) for part in parts)
        written = sum(int(part.get("cacheCreationInputTokens", 0)) for part in parts)
        asked = sum(int(part.get("inputTokens", 0)) for part in parts) + cached + written
        answered, thinking = sum(int(part.get("outputTokens", 0)) for part in parts), None
    return ClaudeUsageSummary(
        model_name=models[0] if len(models) == 1 else None,
        input_tokens=asked,
        output_tokens=answered,
        total_tokens=asked + answered,
        cached_input_tokens=cached,
        reasoning_tokens=thinking,
        raw_usage=found.usage,
        raw_model_usage=found.model_usage,
    )


def price(found: Spent, calculator: Callable[[ClaudeUsageSummary], object] | None) -> Cost:
    """Return the estimated cost: Claude's own figure, else the calculator's, else the price table's.

    Args:
        found: What was used up.
        calculator: The caller's calculator.
    """
    summary = summary_of(found)
    if found.cost_usd is not None and (found.cost_usd > 0 or not summary.total_tokens):
        return Cost(estimated_cost_usd=found.cost_usd, source="provider_reported", source_label="claude_agent_sdk")
    if calculator is not None:
        cost = calculated_cost(calculator, summary)
        if cost.estimated_cost_usd is not None or cost.warnings:
            return cost
    tokens = TokenUsage(
        input_tokens=summary.input_tokens,
        output_tokens=summary.output_tokens,
        cached_input_tokens=summary.cached_input_tokens,
    )
    return estimated_cost(model=summary.model_name, provider="anthropic", usage=tokens)


def usage_records(call: Call, label: str, found: Spent, cost: Cost, *, failed: bool = False) -> list[dict[str, object]]:
    """Build the usage records of an attempt: one, or one for each model where several took part.

    Args:
        call: The call it belongs to.
        label: Which invocation of the runner it was.
        found: What was used up.
        cost: What it cost in all.
        failed: Whether the attempt failed.
    """
    records = []
    models: list[str | None] = [*found.model_usage] or [None]
    for model in models:
        part = found if len(models) == 1 else _of_model(found, str(model))
        priced = cost if len(models) == 1 else _as_reported(part, cost)
        summary = summary_of(part)
        tokens = TokenUsage(
            input_tokens=summary.input_tokens,
            output_tokens=summary.output_tokens,
            cached_input_tokens=summary.cached_input_tokens,
            reasoning_tokens=summary.reasoning_tokens,
            raw=part.usage or part.model_usage,
        )
        records.append(
            usage_record(
                record_id=f"{call.call_id}:{call.attempt}:{label}" + (f":{model}" if len(models) > 1 else ""),
                adapter="claude_agent_sdk",
                surface="agent_invocation",
                call_name=call.name,
                usage=tokens,
                cost=priced,
                checkpoint_id=call.call_id,
                checkpoint_name=call.name,
                resolved_model=model,
                provider="anthropic",
                status="failed" if failed else "completed",
                warnings=found.warnings,
            )
        )
    return records


def _of_model(found: Spent, model: str) -> Spent:
    part = found.model_usage[model]
    return Spent({}, {model: part}, part.get("costUSD"))


def _as_reported(part: Spent, cost: Cost) -> Cost:
    if cost.source != "provider_reported":
        return Cost()  # a figure for all models together cannot be split
    return Cost(estimated_cost_usd=part.cost_usd, source=cost.source, source_label=cost.source_label)


def _shares(after: Mapping[str, Counted], before: Mapping[str, Figures]) -> Iterator[tuple[str, Counted]]:
    for model, counted in after.items():
        start = before.get(model, {})
        share = {**counted, **{n: counted[n] - start.get(n, 0) for n in _COUNTERS if n in counted}}
        if any(share.get(name) for name in _COUNTERS):
            yield model, share


def _is_single(by_model: Mapping[str, object]) -> bool:
    return len(by_model) == 1

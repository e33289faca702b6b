"""Tokens and cost of an execution, summed up from its usage records."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Set as AbstractSet

from kitaru.records.facts import UsageRecorded
from kitaru.records.plain import JsonObject

__all__ = ["summarise_usage"]

_TOKENS = ("total_tokens", "input_tokens", "output_tokens")


def summarise_usage(records: Iterable[UsageRecorded], reused: AbstractSet[str] = frozenset()) -> JsonObject:
    """Sum up usage records; what a reused call once cost is counted, but not as incurred.

    Args:
        records: The records; one that repeats the id of another of the same attempt counts once, one without an id
            repeats none. A record with `count_once` set measures something outside, such as a provider's job, that
            several calls of the execution may report.
        reused: Ids of the calls whose values were reused.

    Returns:
        The summary, schema `llm_usage_summary_v1`.
    """
    unique = _unique(records, reused)
    totals: JsonObject = {"usage_record_count": len(unique)}
    for prefix in ("incurred_", "reused_"):
        totals[f"{prefix}usage_record_count"] = 0
    for name in _TOKENS:
        totals |= {name: 0, f"incurred_{name}": 0, f"reused_{name}": 0}
    costs: dict[str, list[float]] = {"actual_cost_usd": [], "estimated_cost_usd": []}
    display: list[float] = []
    without_cost = 0
    for fact in unique.values():
        usage = fact.usage
        is_reused = fact.call_id in reused or usage.get("billing_effect") == "reused_not_incurred"
        prefix = "reused_" if is_reused else "incurred_"
        totals[f"{prefix}usage_record_count"] += 1
        for name in _TOKENS:
            amount = int((usage.get("usage") or {}).get(name) or 0)
            totals[name] += amount
            totals[f"{prefix}{name}"] += amount
        cost = usage.get("cost") or {}
        without_cost += _add_costs(cost, costs, display, is_reused=is_reused)
    return {
        **totals,
        **{name: sum(values) if values else None for name, values in costs.items()},
        "display_cost_usd": sum(display) if display else None,
        "records_without_cost_count": without_cost,
        "adapters": sorted({str(fact.usage["adapter"]) for fact in unique.values() if fact.usage.get("adapter")}),
        "models": sorted({str(fact.usage["model"]) for fact in unique.values() if fact.usage.get("model")}),
        "cost_policy": "actual_else_estimated",
        "warnings": sorted({str(text) for fact in unique.values() for text in fact.usage.get("warnings") or ()}),
    }


def _unique(records: Iterable[UsageRecorded], reused: AbstractSet[str]) -> dict[object, UsageRecorded]:
    unique: dict[object, UsageRecorded] = {}
    for fact in records:
        place = None if fact.usage.get("count_once") else (fact.call_id, fact.attempt)
        key = (place, _record_id(fact) or len(unique))
        # The newest report is the most complete one, but what a reused call paid for was not paid here.
        if key not in unique or unique[key].call_id not in reused:
            unique[key] = fact
    return unique


def _record_id(fact: UsageRecorded) -> str:
    return str(fact.usage.get("record_id") or fact.usage.get("event_id") or "")


def _add_costs(cost: JsonObject, costs: dict[str, list[float]], display: list[float], *, is_reused: bool) -> int:
    known = {name: cost[name] for name in costs if isinstance(cost.get(name), int | float)}
    if not known:
        return 1
    if not is_reused:
        for name, amount in known.items():
            costs[name].append(float(amount))
        display.append(float(known.get("actual_cost_usd", known.get("estimated_cost_usd", 0.0))))
    return 0

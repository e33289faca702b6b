"""From the service's JSON to the recorded result: steps, answer text, tokens, and merged hops.

Only JSON is read here, never an object of the SDK, so values survive whatever either major version thinks of a step.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kitaru_adapters.gemini.types import FUNCTION_CALL, GeminiInteractionStepSummary, GeminiUsageSummary
from kitaru_adapters.gemini.values import Json, JsonData, text_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["merge_hops", "output_text", "step_summaries", "usage_summary"]

_PREVIEW = 240
_MODEL_OUTPUT, _USER_INPUT = "model_output", "user_input"
_FIRST_HOP_FIELDS = ("previous_interaction_id", "created", "input")
_LISTED_COUNTS = {
    "cached_tokens_by_modality": ("modality", "tokens"),
    "input_tokens_by_modality": ("modality", "tokens"),
    "output_tokens_by_modality": ("modality", "tokens"),
    "tool_use_tokens_by_modality": ("modality", "tokens"),
    "grounding_tool_count": ("type", "count"),
}


def steps_of(interaction: Mapping[str, object]) -> list[Json]:
    """Return the steps of an interaction that are objects."""
    steps = interaction.get("steps")
    return [step for step in steps if isinstance(step, dict)] if isinstance(steps, list) else []


def step_summaries(interaction: Mapping[str, object]) -> list[GeminiInteractionStepSummary]:
    """Return the steps without their contents; function calls keep their arguments."""
    return [_summary(index, step) for index, step in enumerate(steps_of(interaction))]


def _summary(index: int, step: Json) -> GeminiInteractionStepSummary:
    kind = str(step.get("type") or "unknown")
    own = text_of(step.get("id"))
    arguments = step.get("arguments") if kind == FUNCTION_CALL else None
    text = step_text(step)
    return GeminiInteractionStepSummary(
        index=index,
        step_id=own,
        type=kind,
        status=text_of(step.get("status")),
        call_id=text_of(step.get("call_id")) or (own if kind.endswith("_call") else None),
        tool_name=text_of(step.get("name")),
        text_preview=text[:_PREVIEW] if text else None,
        arguments=arguments if isinstance(arguments, dict) else ({} if kind == FUNCTION_CALL else None),
        raw_keys=tuple(sorted(step)),
    )


def step_text(step: Mapping[str, object]) -> str:
    """Return the text of a step that is the model's own answer; other steps have none here."""
    content = step.get("content") if step.get("type") == _MODEL_OUTPUT else None
    blocks = content if isinstance(content, list) else [content]
    return "".join(str(block["text"]) for block in blocks if isinstance(block, dict) and text_of(block.get("text")))


def output_text(interaction: Mapping[str, object]) -> str | None:
    """Return the answer of a turn.

    Only the model's own output after the last input, function call or function result counts: thoughts, tools and
    sandboxes are not the answer, and what was said before an open function call is not final.

    Args:
        interaction: The interaction as JSON.

    Returns:
        The text, or `None` when there is none.
    """
    parts: list[str] = []
    for step in reversed(steps_of(interaction)):
        if step.get("type") in {_USER_INPUT, FUNCTION_CALL, "function_result"}:
            break
        parts.append(step_text(step))
    return "".join(reversed(parts)) or None


def usage_summary(
    interaction: Mapping[str, object], *, requested: str | None, price_as: str | None = None
) -> GeminiUsageSummary | None:
    """Read the token counts of an interaction.

    Args:
        interaction: The interaction as JSON.
        requested: Model or agent asked for.
        price_as: Model that answered, if the service names it elsewhere.

    Returns:
        The counts, or `None` when the service reported none.
    """
    usage = interaction.get("usage")
    if not isinstance(usage, dict) or not usage:
        return None
    resolved = price_as or text_of(interaction.get("model")) or text_of(interaction.get("agent"))
    return GeminiUsageSummary(
        model_name=resolved or requested,
        requested_model=requested,
        resolved_model=resolved,
        input_tokens=_count(usage, "total_input_tokens"),
        output_tokens=_count(usage, "total_output_tokens"),
        total_tokens=_count(usage, "total_tokens"),
        cached_input_tokens=_count(usage, "total_cached_tokens"),
        reasoning_tokens=_count(usage, "total_thought_tokens"),
        tool_use_tokens=_count(usage, "total_tool_use_tokens"),
        raw_usage=usage,
    )


def _count(usage: Mapping[str, object], name: str) -> int | None:
    value = usage.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def merge_hops(hops: Sequence[Json]) -> Json:
    """Merge the hops of one continued turn the way the SDK does.

    Args:
        hops: The interactions as JSON, oldest first; at least one.

    Returns:
        The last hop with the steps of all, the token counts summed, and `continuation_ids` naming every hop.
    """
    last = dict(hops[-1])
    if len(hops) == 1:
        return last
    steps: list[Json] = steps_of(hops[0])
    for hop in hops[1:]:
        later = steps_of(hop)
        while later and later[0].get("type") == _USER_INPUT:
            later = later[1:]
        steps = steps + later
    first = {name: hops[0][name] for name in _FIRST_HOP_FIELDS if name in hops[0]}
    for name in _FIRST_HOP_FIELDS:
        last.pop(name, None)
    ids = [str(hop["id"]) for hop in hops if text_of(hop.get("id"))]
    usage = _merged_usage([hop["usage"] for hop in hops if isinstance(hop.get("usage"), dict)])
    return last | first | {"steps": steps, "continuation_ids": ids} | ({"usage": usage} if usage else {})


def _merged_usage(usages: Sequence[Json]) -> Json:
    merged: Json = {}
    for usage in usages:
        for name, value in usage.items():
            merged[name] = _added(name, merged[name], value) if name in merged else value
    if usages:
        merged["initial_input_tokens"] = usages[0].get("initial_input_tokens", usages[0].get("total_input_tokens"))
    return {name: value for name, value in merged.items() if value is not None}


def _added(name: str, before: JsonData, value: JsonData) -> JsonData:
    if isinstance(before, int) and isinstance(value, int):
        return before + value
    if name in _LISTED_COUNTS and isinstance(before, list) and isinstance(value, list):
        key, count = _LISTED_COUNTS[name]
        sums: dict[object, Json] = {}
        for entry in [*before, *value]:
            known = sums.get(entry.get(key))
            sums[entry.get(key)] = entry | {count: known[count] + entry[count]} if known else dict(entry)
        return list(sums.values())
    return value

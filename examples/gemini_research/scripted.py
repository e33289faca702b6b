"""What the service answers when the example runs without a key: a research job, two function calls, a briefing."""

from __future__ import annotations

from typing import Any

from kitaru_adapters.gemini.loopback import Turn, function_call

FINDINGS = "Heat pumps outsold gas boilers in four of the five regions."
USAGE = {"total_input_tokens": 900, "total_output_tokens": 120, "total_tokens": 1020}


def answer(body: dict[str, Any]) -> Turn:
    """Decide what one create does.

    Args:
        body: Body of the create, as the SDK sent it.

    Returns:
        The scripted turn.
    """
    if "agent" in body:
        return Turn(text=FINDINGS, pending=["queued", "in_progress", "in_progress", "in_progress"], usage=USAGE)
    items = body["input"]
    results = [item for item in items if item["type"] == "function_result"] if isinstance(items, list) else []
    if not results:
        sales = function_call("look_up_sales", "call-1", region="north")
        publish = function_call("publish", "call-2", title="Heat pumps lead")
        return Turn(steps=[sales, publish], usage=USAGE)
    figures, published = (item["result"] for item in results)
    outcome = "published" if published["approved"] else "kept as a draft"
    return Turn(text=f"{FINDINGS} North: {figures['units']} units. The briefing was {outcome}.", usage=USAGE)

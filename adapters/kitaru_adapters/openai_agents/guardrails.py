"""Tool guardrails, observed: a call that a guardrail stops leaves an event in the log, and no unit."""

from __future__ import annotations

import dataclasses
import inspect
from typing import TYPE_CHECKING

from kitaru_adapters.openai_agents.boundary import durable_run

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from agents.tool import FunctionTool
    from agents.tool_guardrails import ToolGuardrailFunctionOutput, ToolInputGuardrail, ToolInputGuardrailData

__all__ = ["observed_guardrails"]


def observed_guardrails(tool: FunctionTool, agent: str) -> list[ToolInputGuardrail[object]] | None:
    """Return copies of a tool's input guardrails that leave an event when they stop a call.

    Args:
        tool: The user's tool.
        agent: Agent it belongs to.

    Returns:
        The copies, or `None` when the tool has none.
    """
    if tool.tool_input_guardrails is None:
        return None
    return [
        dataclasses.replace(guardrail, guardrail_function=_observed(guardrail, index, agent), name=guardrail.get_name())
        for index, guardrail in enumerate(tool.tool_input_guardrails)
    ]


def _observed(
    guardrail: ToolInputGuardrail[object], index: int, agent: str
) -> Callable[[ToolInputGuardrailData], Awaitable[ToolGuardrailFunctionOutput]]:
    async def run(data: ToolInputGuardrailData) -> ToolGuardrailFunctionOutput:
        facts = {"guardrail_index": index, "guardrail_name": guardrail.get_name()}
        try:
            result = guardrail.guardrail_function(data)
            output: ToolGuardrailFunctionOutput = await result if inspect.isawaitable(result) else result
        except Exception as error:
            _keep(data, agent, {**facts, "guardrail_behavior": "raise_exception"}, error=error)
            raise
        behavior = output.behavior["type"]
        if behavior != "allow":
            _keep(data, agent, {**facts, "guardrail_behavior": behavior})
        return output

    return run


def _keep(data: ToolInputGuardrailData, agent: str, facts: dict[str, object], error: Exception | None = None) -> None:
    scope = durable_run()
    if scope is None:
        return
    failed = error is not None or facts["guardrail_behavior"] == "raise_exception"
    scope.recorder.add(
        "tool_call",
        position=scope.recorder.position(f"{scope.path}/{data.context.tool_call_id}"),
        status="failed" if failed else "completed",
        agent=agent,
        metadata={
            "tool_name": data.context.tool_name,
            "tool_call_id": data.context.tool_call_id,
            "tool_invoked": False,
            "blocked_by_guardrail": True,
            **facts,
        },
        error=error,
    )

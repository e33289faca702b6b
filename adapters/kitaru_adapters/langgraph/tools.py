"""Durable tools outside `create_agent`: a raw `ToolNode`, and the subagents of Deep Agents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

from kitaru_adapters.langgraph.boundary import CallResult, durable_tool_call
from kitaru_adapters.langgraph.invocation import active_invocation
from kitaru_adapters.langgraph.policies import LangGraphCallCheckpointPolicy
from kitaru_adapters.langgraph.steps import Step, drive, drive_async

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from langgraph.prebuilt.tool_node import AsyncToolCallWrapper, ToolCallRequest, ToolCallWrapper

__all__ = ["DELEGATING_TOOL", "ToolWrappers", "deep_agent_policy", "durable_subagents", "durable_tool_wrappers"]

DELEGATING_TOOL = "task"
"""The tool by which Deep Agents hand work to a subagent: a unit of its own would hide the subagent's calls."""

_GENERAL = "general-purpose"


class ToolWrappers(TypedDict):
    """The two wrappers of tool calls that a `ToolNode` takes."""

    wrap_tool_call: ToolCallWrapper
    awrap_tool_call: AsyncToolCallWrapper


def durable_tool_wrappers() -> ToolWrappers:
    """Return the two wrappers that make the tools of a raw `ToolNode` durable.

    Returns:
        Keywords for `ToolNode(tools, **durable_tool_wrappers())`.
    """
    return {"wrap_tool_call": _wrap, "awrap_tool_call": _awrap}


def _wrap(request: ToolCallRequest, execute: Callable[[ToolCallRequest], CallResult]) -> CallResult:
    inv = active_invocation()
    if inv is None:
        return execute(request)
    return drive(durable_tool_call(inv, request, lambda: Step(lambda: execute(request))))


async def _awrap(request: ToolCallRequest, execute: Callable[[ToolCallRequest], Awaitable[CallResult]]) -> CallResult:
    inv = active_invocation()
    if inv is None:
        return await execute(request)
    return await drive_async(durable_tool_call(inv, request, lambda: Step(run_async=lambda: execute(request))))


def deep_agent_policy(**settings: Any) -> LangGraphCallCheckpointPolicy:
    """Return the call policy for Deep Agents, where the delegating tool leaves checkpoints to the subagent's calls.

    Args:
        **settings: Further fields of `LangGraphCallCheckpointPolicy`.

    Returns:
        The policy.
    """
    named = {DELEGATING_TOOL: False, **settings.pop("tool_checkpoint_config_by_name", {})}
    return LangGraphCallCheckpointPolicy(tool_checkpoint_config_by_name=named, **settings)


def durable_subagents(
    subagents: Sequence[dict[str, Any]] | None,
    middleware: object,
    *,
    general_purpose: bool = True,
) -> list[Any]:
    """Put the middleware into every subagent of a deep agent, which would not inherit it otherwise.

    Args:
        subagents: Subagent specifications as `create_deep_agent` takes them.
        middleware: A `KitaruLangGraphMiddleware`.
        general_purpose: Whether to add the general-purpose subagent; Deep Agents adds one without the middleware.

    Returns:
        New specifications; those of ready-made runnables are handed on as they are.
    """
    specs = [dict(spec) for spec in subagents or ()]
    if general_purpose and not any(spec.get("name") == _GENERAL for spec in specs):
        from deepagents.middleware.subagents import GENERAL_PURPOSE_SUBAGENT

        specs.insert(0, dict(GENERAL_PURPOSE_SUBAGENT))
    return [
        spec
        if "runnable" in spec or "graph_id" in spec
        else {**spec, "middleware": [*spec.get("middleware", ()), middleware]}
        for spec in specs
    ]

"""The tool seam: which copy of a tool an agent gets, so that every call of it is one durable unit.

A decorated tool is more than a function: its invoker prepares arguments for approval policies, turns exceptions into
text for the model, and carries the original callable. The copy made here has an invoker of the same class, built around
the same implementation, and is checked to offer what the original offered. So approval policies see what they always
saw, durable retries see real exceptions, and what the model read is what is recorded.
"""

from __future__ import annotations

import dataclasses
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, TypeAlias

from agents import tool as sdk
from agents.tool import ApplyPatchTool, ComputerTool, CustomTool, FunctionTool, LocalShellTool, ShellTool
from agents.tool_context import ToolContext

from kitaru.errors import KitaruUsageError
from kitaru_adapters.openai_agents.boundary import durable_run, parent_call
from kitaru_adapters.openai_agents.executors import Invoke, durable_custom, durable_editor, durable_executor
from kitaru_adapters.openai_agents.guardrails import observed_guardrails
from kitaru_adapters.openai_agents.toolrun import FunctionToolRun, run_function_tool

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from agents import Agent
    from agents.tool import Tool

    from kitaru_adapters.kit.configs import CheckpointConfig
    from kitaru_adapters.openai_agents.settings import RunnerSettings, ToolCheckpointOverride

__all__ = ["durable_tool", "is_durable"]

_MARK = "__kitaru_durable__"
_SYNC_MARK = "__agents_sync_function_tool__"
Invocation: TypeAlias = "Callable[[_CopiedInvoker, ToolContext, str], Awaitable[object]]"
"""What a tool's copy does instead of the tool: called with the invoker, the framework's context and the arguments."""


@sdk.function_tool
def _probe() -> str:
    """Show which invoker the installed release builds around a function."""
    return ""


_Invoker: Any = type(_probe.on_invoke_tool)


class _CopiedInvoker(_Invoker):  # type: ignore[misc]  # the framework does not publish the class
    """The invoker of a tool's copy: the same implementation and failure policy, called through `invoke`."""

    def __init__(self, inner: Any, invoke: Invocation, *, function_tool: FunctionTool | None = None) -> None:
        super().__init__(inner._invoke_tool_impl, inner._on_handled_error, function_tool=function_tool)  # noqa: SLF001 - its parts are what is copied
        self._inner = inner
        self._invoke = invoke
        if getattr(inner, _SYNC_MARK, False):
            setattr(self, _SYNC_MARK, True)

    def __agents_bind_function_tool__(self, function_tool: FunctionTool) -> _CopiedInvoker:
        """Return the invoker for one tool; the framework asks whenever a tool is made or copied."""
        if self._function_tool is function_tool:
            return self
        return _CopiedInvoker(self._inner, self._invoke, function_tool=function_tool)

    async def __call__(self, ctx: ToolContext, input: str) -> object:  # noqa: A002 - the framework's signature
        """Call the tool."""
        return await self._invoke(self, ctx, input)

    async def plainly(self, ctx: ToolContext, arguments: str) -> object:
        """Call the tool as the framework would."""
        return await super().__call__(ctx, arguments)

    def as_run(self, ctx: ToolContext, arguments: str, original: FunctionTool) -> FunctionToolRun:
        """Return one call of the tool in the parts that a unit needs."""

        async def settle(error: Exception) -> str | None:
            text = await sdk.maybe_invoke_function_tool_failure_error_function(
                function_tool=self._function_tool, context=ctx, error=error
            )
            if text is not None:
                self._on_handled_error(self._function_tool, error, arguments, ctx)
            return text

        return FunctionToolRun(
            tool=original,
            ctx=ctx,
            arguments=arguments,
            invoke=lambda: self._invoke_tool_impl(ctx, arguments),
            settle=settle,
        )


def durable_tool(tool: Tool, agent: Agent, settings: RunnerSettings, prepared: Callable[[Agent], Agent]) -> Tool:
    """Return the copy of a tool whose calls are recorded.

    Args:
        tool: A tool of the user's; it is not changed.
        agent: The agent it belongs to.
        settings: How the runner was configured.
        prepared: Returns the prepared copy of an agent that is used as a tool.

    Returns:
        The copy; the tool itself when nothing of it runs here, as with hosted tools.

    Raises:
        KitaruUsageError: The tool cannot be recorded call by call, or a copy would weaken it.
    """
    if isinstance(tool, FunctionTool):
        if getattr(tool, "_is_agent_tool", False):
            return _agent_tool(tool, prepared)
        return _function_tool(tool, agent.name, settings)
    if isinstance(tool, ComputerTool):
        msg = (
            f"Agent {agent.name!r} has the computer tool {tool.name!r}, whose live session cannot be recorded call by "
            "call. Use checkpoint_strategy='runner_call' for this agent."
        )
        raise KitaruUsageError(msg)
    return _other_tool(tool, agent.name, settings)


def is_durable(tool: Tool) -> bool:
    """Return whether a function tool is a copy made here, or a tool of an MCP server whose calls are recorded there."""
    return hasattr(tool, _MARK) or getattr(tool, "_mcp_tool_binding", None) is not None


def _other_tool(tool: Tool, agent: str, settings: RunnerSettings) -> Tool:
    config = settings.for_tool(tool.name, custom=True)
    if config is False:
        return tool
    if isinstance(tool, CustomTool):
        return dataclasses.replace(tool, on_invoke_tool=durable_custom(tool, agent, config))
    if isinstance(tool, (ShellTool, LocalShellTool)) and tool.executor is not None:
        executor: Any = durable_executor(tool.executor, tool.name, agent, config)
        return dataclasses.replace(tool, executor=executor)
    if isinstance(tool, ApplyPatchTool):
        return dataclasses.replace(tool, editor=durable_editor(tool.editor, tool.name, agent, config))
    return tool


def _function_tool(tool: FunctionTool, agent: str, settings: RunnerSettings) -> FunctionTool:
    config = settings.for_tool(tool.name)
    if not isinstance(tool.on_invoke_tool, _Invoker):
        return _handmade_tool(tool, agent, config)
    invoke = _held if config is False else _recorded(tool, agent, config)
    copy = _copy(tool, _CopiedInvoker(tool.on_invoke_tool, invoke), agent, timed_here=config is not False)
    _check_not_weakened(tool, copy)
    return copy


def _recorded(tool: FunctionTool, agent: str, config: CheckpointConfig) -> Invocation:
    async def invoke(invoker: _CopiedInvoker, ctx: ToolContext, arguments: str) -> object:
        scope = durable_run()
        run = invoker.as_run(ctx, arguments, tool)
        if scope is None:
            return await run.outside()
        return await run_function_tool(scope, run, agent, config)

    return invoke


async def _held(invoker: _CopiedInvoker, ctx: ToolContext, arguments: str) -> object:
    scope = durable_run()
    async with scope.activity.working() if scope is not None else nullcontext():
        return await invoker.plainly(ctx, arguments)


def _agent_tool(tool: FunctionTool, prepared: Callable[[Agent], Agent]) -> FunctionTool:
    async def invoke(invoker: _CopiedInvoker, ctx: ToolContext, arguments: str) -> object:
        with parent_call(ctx.tool_call_id) if durable_run() is not None else nullcontext():
            return await invoker.plainly(ctx, arguments)

    if not isinstance(tool.on_invoke_tool, _Invoker):
        msg = f"The agent tool {tool.name!r} has an invoker of its own, so the calls in it cannot be told apart."
        raise KitaruUsageError(msg + " Make it with Agent.as_tool(), or use checkpoint_strategy='runner_call'.")
    copy = _copy(tool, _CopiedInvoker(tool.on_invoke_tool, invoke), "", timed_here=False)
    nested = getattr(tool, "_agent_instance", None)
    if nested is not None:
        copy._agent_instance = prepared(nested)  # noqa: SLF001 - restored states look for nested agents here
    return copy


def _handmade_tool(tool: FunctionTool, agent: str, config: ToolCheckpointOverride) -> FunctionTool:
    async def invoke(ctx: ToolContext, arguments: str) -> object:
        async def inner() -> object:
            context: Any = sdk._get_function_tool_invoke_context(tool, ctx)  # noqa: SLF001 - what the tool's annotation asks for
            return await tool.on_invoke_tool(context, arguments)

        scope = durable_run()
        run = FunctionToolRun(tool=tool, ctx=ctx, arguments=arguments, invoke=inner)
        if config is False or scope is None:
            async with scope.activity.working() if scope is not None else nullcontext():
                return await run.outside()
        return await run_function_tool(scope, run, agent, config)

    return _copy(tool, invoke, agent, timed_here=True)


def _copy(tool: FunctionTool, invoke: Invoke, agent: str, *, timed_here: bool) -> FunctionTool:
    copy = dataclasses.replace(
        tool,
        on_invoke_tool=invoke,
        tool_input_guardrails=observed_guardrails(tool, agent),
        # the unit keeps the time itself, so that running out of it is an outcome that can be recorded
        timeout_seconds=None if timed_here else tool.timeout_seconds,
    )
    setattr(copy, _MARK, True)
    return copy


def _check_not_weakened(tool: FunctionTool, copy: FunctionTool) -> None:
    ours, theirs = copy.on_invoke_tool, tool.on_invoke_tool
    same = {
        "argument preparation": hasattr(ours, "prepare_arguments") == hasattr(theirs, "prepare_arguments"),
        "original callable": getattr(copy, "__wrapped__", None) is getattr(tool, "__wrapped__", None),
        "sync marker": getattr(ours, _SYNC_MARK, False) == getattr(theirs, _SYNC_MARK, False),
        "approval policy": copy.needs_approval is tool.needs_approval,
        "guardrails": len(copy.tool_input_guardrails or ()) == len(tool.tool_input_guardrails or ()),
    }
    if lost := sorted(name for name, kept in same.items() if not kept):
        msg = (
            f"The tool {tool.name!r} cannot be recorded: its copy would lose {', '.join(lost)} under the installed "
            "release of openai-agents. Use checkpoint_strategy='runner_call', or a release that this adapter supports."
        )
        raise KitaruUsageError(msg)

"""One call of one tool as a durable unit: attempts, time limit, the tool's own failure policy, and the record."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeVar

from agents.exceptions import ToolTimeoutError
from agents.tool import default_tool_timeout_error_message

from kitaru.errors import KitaruError
from kitaru.seam import run_unit_async
from kitaru_adapters.openai_agents.boundary import is_retryable
from kitaru_adapters.openai_agents.capture import REDACTED
from kitaru_adapters.openai_agents.codec import storable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from agents.tool import FunctionTool
    from agents.tool_context import ToolContext

    from kitaru.seam import Call, Outcome
    from kitaru_adapters.kit.configs import CheckpointConfig
    from kitaru_adapters.openai_agents.boundary import RunScope

__all__ = ["FunctionToolRun", "ToolUnit", "run_function_tool", "run_tool_unit"]

T = TypeVar("T")
_SHOWN = 500
_DEFAULT_POLICY_SPOKE = "_function_tool_default_failure_handled"


async def _no_policy(_error: Exception) -> str | None:
    return None


@dataclass
class FunctionToolRun:
    """One call of a function tool.

    Attributes:
        tool: The user's tool, which knows its time limit.
        ctx: The framework's context of this call.
        arguments: JSON text of the arguments.
        invoke: Calls the implementation; may be called again for another attempt.
        settle: Turns an exception into the text that the model reads, or returns `None` if it is to be raised.
    """

    tool: FunctionTool
    ctx: ToolContext
    arguments: str
    invoke: Callable[[], Awaitable[object]]
    settle: Callable[[Exception], Awaitable[str | None]] = _no_policy

    async def timed(self) -> object:
        """Call the implementation within the tool's time limit.

        Returns:
            What the tool returned.

        Raises:
            ToolTimeoutError: The time ran out.
        """
        limit = self.tool.timeout_seconds
        if limit is None:
            return await self.invoke()
        task = asyncio.ensure_future(self.invoke())
        try:
            return await asyncio.wait_for(task, timeout=limit)
        except TimeoutError as error:
            if task.done() and not task.cancelled():
                return task.result()
            raise ToolTimeoutError(tool_name=self.tool.name, timeout_seconds=limit) from error

    async def settled(self, error: Exception) -> str | None:
        """Return the text that the model reads for a failure, by the tool's own policy; `None` to raise it."""
        if not isinstance(error, ToolTimeoutError):
            return await self.settle(error)
        if self.tool.timeout_behavior == "raise_exception":
            return None
        formatter = self.tool.timeout_error_function
        if formatter is None:
            self.default_policy_spoke = True
            return default_tool_timeout_error_message(tool_name=self.tool.name, timeout_seconds=error.timeout_seconds)
        text = formatter(self.ctx, error)
        return await text if not isinstance(text, str) else text

    async def outside(self) -> object:
        """Call the tool without a unit, with the same policies.

        Returns:
            What the tool returned, or the text of its failure policy.
        """
        try:
            return await self.timed()
        except Exception as error:
            text = await self.settled(error)
            if text is None:
                raise
            return text

    @property
    def default_policy_spoke(self) -> bool:
        """Whether the framework's default policy made the text of the last failure; the framework asks afterwards."""
        return bool(getattr(self.ctx, _DEFAULT_POLICY_SPOKE, False))

    @default_policy_spoke.setter
    def default_policy_spoke(self, value: bool) -> None:
        setattr(self.ctx, _DEFAULT_POLICY_SPOKE, value)


@dataclass(frozen=True)
class ToolUnit:
    """What identifies a call of a tool, and what may be seen of it.

    Attributes:
        name: Name of the tool.
        agent: Agent that called it.
        call_id: Id that the model gave the call; empty if it gave none.
        arguments: The arguments as the model sent them.
        config: What the caller configured.
        event: Kind of event in the run's log.
    """

    name: str
    agent: str
    call_id: str
    arguments: str
    config: CheckpointConfig
    event: Literal["tool_call", "custom_tool_call"] = "tool_call"


async def run_function_tool(scope: RunScope, run: FunctionToolRun, agent: str, config: CheckpointConfig) -> object:
    """Run one call of a function tool as a unit, or return what was recorded.

    Args:
        scope: The run it belongs to.
        run: The call.
        agent: Agent that called.
        config: What the caller configured.

    Returns:
        The tool's value, or the text that the model read for its failure.
    """
    unit = ToolUnit(run.tool.name, agent, run.ctx.tool_call_id, run.arguments, config)
    attempts = 0

    async def body(call: Call) -> object:
        nonlocal attempts
        attempts += 1
        try:
            return storable(await run.timed())
        except KitaruError:
            raise  # misuse of the runtime in a tool is for people, not for the model
        except Exception as error:
            if attempts <= config.get("retries", 0) and is_retryable(error):
                raise
            text = await run.settled(error)
            if text is None:
                raise
            call.carry({"failed": type(error).__name__, "default_policy": run.default_policy_spoke})
            return text

    outcome = await run_tool_unit(scope, unit, body)
    if isinstance(outcome.carried, dict) and outcome.carried.get("default_policy"):
        run.default_policy_spoke = True
    return outcome.value


async def run_tool_unit(scope: RunScope, tool: ToolUnit, body: Callable[[Call], Awaitable[T]]) -> Outcome[T]:
    """Open the unit of one tool call and keep its event.

    Args:
        scope: The run it belongs to.
        tool: What identifies the call.
        body: Runs the tool.

    Returns:
        The seam's outcome.
    """
    call_key = tool.call_id or f"{tool.name}#{scope.count(f'tool/{tool.name}')}"
    config = tool.config
    unit = scope.unit(
        f"{tool.agent}_{tool.name}_tool_call",
        f"tool/{call_key}",
        config,
        kind="tool",
        label="tool_call",
        inputs={"tool_args": _shown_arguments(tool)} if scope.settings.capture.save_input else {},
        identity={"tool": tool.name, "arguments": tool.arguments},
        cache_key=scope.cache_key("tool", tool.name, tool.arguments) if config.get("cache") else None,
        group=f"{scope.path}/tools/{scope.completed_model_calls}",
    )
    position, started = scope.recorder.position(f"{scope.path}/{call_key}"), time.monotonic()
    metadata: dict[str, object] = {"tool_name": tool.name, "tool_call_id": tool.call_id or None}
    metadata["arguments"] = tool.arguments[:_SHOWN] if scope.settings.capture.save_input else REDACTED
    try:
        async with scope.activity.working():
            outcome = await run_unit_async(unit, body)
    except Exception as error:
        scope.recorder.add(
            tool.event, position=position, status="failed", agent=tool.agent, metadata=metadata, error=error
        )
        raise
    carried = outcome.carried if isinstance(outcome.carried, dict) else {}
    scope.recorder.add(
        tool.event,
        position=position,
        status="failed" if "failed" in carried else "completed",
        agent=tool.agent,
        outcome=outcome,
        duration_ms=round((time.monotonic() - started) * 1000, 3),
        metadata={**metadata, **({"failed": carried["failed"]} if "failed" in carried else {})},
    )
    return outcome


def _shown_arguments(tool: ToolUnit) -> dict[str, object]:
    try:
        parsed = json.loads(tool.arguments) if tool.arguments else {}
    except ValueError:
        parsed = None
    return {
        "tool_name": tool.name,
        "tool_call_id": tool.call_id or None,
        "raw_args": tool.arguments,
        "parsed_args": parsed,
    }

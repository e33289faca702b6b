"""The LangChain middleware by which model and tool calls become checkpoints of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langchain.agents.middleware.types import AgentMiddleware

from kitaru_adapters.langgraph.boundary import CallResult, durable_model_call, durable_tool_call
from kitaru_adapters.langgraph.invocation import active_invocation
from kitaru_adapters.langgraph.steps import Step, drive, drive_async

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from langchain.agents.middleware.types import ModelRequest
    from langgraph.prebuilt.tool_node import ToolCallRequest

    from kitaru_adapters.langgraph.policies import LangGraphCallCheckpointPolicy, LangGraphCapturePolicy

__all__ = ["KitaruLangGraphMiddleware"]


class KitaruLangGraphMiddleware(AgentMiddleware[Any, Any, Any]):
    """Makes each model and tool call of an agent a checkpoint while a `KitaruGraphRunner` runs it with `"calls"`.

    Put it last in the list: guards, limits and retries of other middleware then stay outside and run again, and only
    the real call is recorded. It keeps no state, so one instance may serve many agents. Without a runner, or outside a
    flow, every call passes straight through. The runner's policy and capture win over those given here.

    Args:
        graph_name: Name shown for agents that have none.
        checkpoint_policy: Kept for readers of the instance.
        capture: Kept for readers of the instance.
    """

    def __init__(
        self,
        *,
        graph_name: str | None = None,
        checkpoint_policy: LangGraphCallCheckpointPolicy | None = None,
        capture: LangGraphCapturePolicy | None = None,
    ) -> None:
        super().__init__()
        self._graph_name = graph_name
        self.checkpoint_policy = checkpoint_policy
        self.capture = capture

    @property
    def graph_name(self) -> str | None:
        """Name shown for agents that have none."""
        return self._graph_name

    def wrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], CallResult]
    ) -> CallResult:
        """Make a model call, durable where the running invocation wants it.

        Args:
            request: What the model is asked.
            handler: Really asks it.

        Returns:
            The model's result.
        """
        inv = active_invocation()
        if inv is None:
            return handler(request)
        return drive(durable_model_call(inv, request, lambda: Step(lambda: handler(request))))

    async def awrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], Awaitable[CallResult]]
    ) -> CallResult:
        """Make a model call on this event loop, durable where the running invocation wants it.

        Args:
            request: What the model is asked.
            handler: Really asks it.

        Returns:
            The model's result.
        """
        inv = active_invocation()
        if inv is None:
            return await handler(request)
        return await drive_async(durable_model_call(inv, request, lambda: Step(run_async=lambda: handler(request))))

    def wrap_tool_call(self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], CallResult]) -> CallResult:
        """Make a tool call, durable where the running invocation wants it.

        Args:
            request: The call.
            handler: Really runs the tool.

        Returns:
            The tool's result.
        """
        inv = active_invocation()
        if inv is None:
            return handler(request)
        return drive(durable_tool_call(inv, request, lambda: Step(lambda: handler(request))))

    async def awrap_tool_call(
        self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], Awaitable[CallResult]]
    ) -> CallResult:
        """Make a tool call on this event loop, durable where the running invocation wants it.

        Args:
            request: The call.
            handler: Really runs the tool.

        Returns:
            The tool's result.
        """
        inv = active_invocation()
        if inv is None:
            return await handler(request)
        return await drive_async(durable_tool_call(inv, request, lambda: Step(run_async=lambda: handler(request))))

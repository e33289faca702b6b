"""The MCP seam: listings and calls of a server are durable units, and a rerun needs no server.

An agent's copy gets copies of its servers. A copy keeps the class, the approval policy, the filters and the guardrails;
only listing and calling go through a unit, whose body talks to the user's own server. The id of a call reaches the unit
through the framework's metadata hook, which runs just before the call in the same task.
"""

from __future__ import annotations

import copy
import inspect
import time
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

from agents.mcp import MCPServer, MCPServerManager
from agents.tool_context import ToolContext

from kitaru.seam import run_unit_async
from kitaru_adapters.openai_agents.boundary import durable_run
from kitaru_adapters.openai_agents.codec import TypedCodec, item_bytes

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from agents.mcp import MCPToolMetaContext
    from mcp.types import CallToolResult, Tool

    from kitaru.records.plain import Json, JsonObject
    from kitaru.seam import Call
    from kitaru_adapters.openai_agents.boundary import RunScope
    from kitaru_adapters.openai_agents.settings import RunnerSettings

__all__ = ["Connections", "durable_server"]

_CALL_ID: ContextVar[str | None] = ContextVar("kitaru_openai_agents_mcp_call", default=None)


def _tools_type() -> type[list[Tool]]:
    from mcp.types import Tool

    return list[Tool]


def _result_type() -> type[CallToolResult]:
    from mcp.types import CallToolResult

    return CallToolResult


_TOOLS: Final = TypedCodec(_tools_type)
_RESULT: Final = TypedCodec(_result_type)


def _as_result(value: object) -> CallToolResult:
    from mcp.types import CallToolResult

    if isinstance(value, CallToolResult):
        return value
    if isinstance(value, dict) and "content" in value:
        return CallToolResult.model_validate(value)
    return CallToolResult.model_validate({"content": [{"type": "text", "text": str(value)}]})


class Connections:
    """Connects servers that a body needs and the user has not connected, and closes those at the end of the run."""

    def __init__(self) -> None:
        self._managers: dict[int, MCPServerManager] = {}

    async def ensure(self, server: MCPServer) -> None:
        """Connect a server unless it is connected.

        Args:
            server: The user's own server.

        Raises:
            Exception: Whatever the server raises when it cannot be reached.
        """
        if getattr(server, "session", server) is None and id(server) not in self._managers:
            # the manager keeps connecting and closing in one task, which the transports need
            manager = MCPServerManager([server], connect_in_parallel=True, strict=True)
            await manager.connect_all()
            self._managers[id(server)] = manager

    async def close(self) -> None:
        """Close what was connected here."""
        managers, self._managers = list(self._managers.values()), {}
        for manager in managers:
            await manager.cleanup_all()


def durable_server(server: MCPServer, agent: str, settings: RunnerSettings, connections: Connections) -> MCPServer:
    """Return the copy of a server whose listings and calls are recorded.

    Args:
        server: The user's server; it is not changed.
        agent: Agent it belongs to.
        settings: How the runner was configured.
        connections: Connects it when that is needed.

    Returns:
        The copy.
    """
    copied: Any = copy.copy(server)
    resolver = getattr(server, "tool_meta_resolver", None)

    async def resolve_meta(context: MCPToolMetaContext) -> Json:
        _CALL_ID.set(context.run_context.tool_call_id if isinstance(context.run_context, ToolContext) else None)
        meta = resolver(context) if resolver is not None else None
        return await meta if inspect.isawaitable(meta) else meta

    async def list_tools(*args: Any, **kwargs: Any) -> list[Tool]:
        async def listed() -> list[Tool]:
            await connections.ensure(server)
            return await server.list_tools(*args, **kwargs)

        scope = durable_run()
        return await listed() if scope is None else await _list(scope, server.name, agent, settings, listed)

    async def call_tool(tool_name: str, arguments: JsonObject | None, **more: Any) -> CallToolResult:
        async def called() -> CallToolResult:
            await connections.ensure(server)
            return await server.call_tool(tool_name, arguments, **more)

        scope = durable_run()
        if scope is None:
            return await called()
        return await _McpCall(scope, server.name, agent, tool_name, item_bytes(arguments).decode()).run(called)

    copied.tool_meta_resolver = resolve_meta
    copied.list_tools = list_tools
    copied.call_tool = call_tool
    return copied  # type: ignore[no-any-return]  # a shallow copy has the class of what was copied


async def _list(
    scope: RunScope, server: str, agent: str, settings: RunnerSettings, listed: Callable[[], Awaitable[list[Tool]]]
) -> list[Tool]:
    turn = f"mcp/{server}/{agent}/list/{scope.completed_model_calls}"
    unit = scope.unit(
        f"{agent}_{server}_list_tools",
        f"{turn}#{scope.count(turn)}",
        settings.mcp,
        kind="mcp",
        label="mcp_list",
        identity={"server": server},
        codec=_TOOLS,
        cache_key=scope.cache_key("mcp_list", server) if settings.mcp.get("cache") else None,
    )

    async def body(_call: Call) -> list[Tool]:
        return await listed()

    async with scope.activity.working():
        return (await run_unit_async(unit, body)).value


class _McpCall:
    def __init__(self, scope: RunScope, server: str, agent: str, tool: str, arguments: str) -> None:
        self._scope = scope
        self._server = server
        self._agent = agent
        self._tool = tool
        self._arguments = arguments
        self._call_id = _CALL_ID.get() or f"{tool}#{scope.count(f'mcp/{server}/{tool}')}"

    async def run(self, called: Callable[[], Awaitable[CallToolResult]]) -> CallToolResult:
        scope, config = self._scope, self._scope.settings.mcp
        shown = {"tool_name": self._tool, "tool_call_id": self._call_id, "raw_args": self._arguments}
        unit = scope.unit(
            f"{self._agent}_{self._server}_{self._tool}_mcp_call",
            f"mcp/{self._server}/{self._call_id}",
            config,
            kind="mcp",
            label="mcp_call",
            inputs={"tool_args": shown} if scope.settings.capture.save_input else {},
            identity={"server": self._server, "tool": self._tool, "arguments": self._arguments},
            codec=_RESULT,
            validate=_as_result,
            cache_key=scope.cache_key("mcp", self._server, self._tool, self._arguments)
            if config.get("cache")
            else None,
            group=f"{scope.path}/tools/{scope.completed_model_calls}",
        )

        async def body(_call: Call) -> CallToolResult:
            return await called()

        position, started = scope.recorder.position(f"{scope.path}/{self._call_id}"), time.monotonic()
        facts = {"server": self._server, "tool_name": self._tool, "tool_call_id": self._call_id}
        try:
            async with scope.activity.working():
                outcome = await run_unit_async(unit, body)
        except Exception as error:
            scope.recorder.add(
                "mcp_call", position=position, status="failed", agent=self._agent, metadata=facts, error=error
            )
            raise
        elapsed = round((time.monotonic() - started) * 1000, 3)
        scope.recorder.add(
            "mcp_call", position=position, agent=self._agent, outcome=outcome, duration_ms=elapsed, metadata=facts
        )
        return outcome.value

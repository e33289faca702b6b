"""MCP servers: discovery and calls are units, and nothing connects unless a unit really runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Self

import anyio
from pydantic_ai.durable_exec import JSON_CODEC
from pydantic_ai.mcp import MCPToolset
from pydantic_ai.messages import InstructionPart
from pydantic_ai.tools import ToolDefinition

from kitaru import seam
from kitaru.errors import KitaruUsageError
from kitaru_adapters.kit.configs import with_config
from kitaru_adapters.kit.names import slug
from kitaru_adapters.pydantic_ai.framework import record_unit
from kitaru_adapters.pydantic_ai.runs import run_state
from kitaru_adapters.pydantic_ai.toolsets import KitaruToolset, kitaruify_toolset
from kitaru_adapters.pydantic_ai.types import ADAPTER

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from pydantic_ai.tools import RunContext
    from pydantic_ai.toolsets import ToolsetTool

    from kitaru_adapters.pydantic_ai.types import CapturePolicy, CheckpointConfig
    from kitaru_adapters.pydantic_ai.waits import ToolCall

__all__ = ["KitaruMCPServer", "kitaruify_mcp_server"]

_Instructions = str | InstructionPart | Sequence[str | InstructionPart] | None


@dataclass
class KitaruMCPServer(KitaruToolset):
    """An MCP server whose discovery and calls become units of type `mcp_call`; one session serves a whole run."""

    kind: Literal["generic", "function", "mcp"] = field(default="mcp", init=False)
    _entered: bool = field(default=False, init=False, repr=False)
    _lock: anyio.Lock = field(default_factory=anyio.Lock, init=False, repr=False)

    @property
    def server(self) -> MCPToolset[object]:
        """The wrapped server."""
        if not isinstance(self.wrapped, MCPToolset):
            msg = f"{type(self.wrapped).__qualname__} is not an MCPToolset."
            raise KitaruUsageError(msg)
        return self.wrapped

    async def __aenter__(self) -> Self:
        """Connect now where calls are not recorded; at flow scope the first unit that needs the server connects."""
        if not seam.in_flow():
            await self._connected()
        return self

    async def __aexit__(self, *args: object) -> bool | None:
        """Close the session if one was opened, however the run ended."""
        async with self._lock:
            if not self._entered:
                return None
            self._entered = False
            return await self.wrapped.__aexit__(*args)

    async def get_tools(self, ctx: RunContext[object]) -> dict[str, ToolsetTool[object]]:
        """Return what the server offers, from the record where it was asked before.

        Args:
            ctx: The framework's context of the step.

        Returns:
            The tools by name.
        """
        if not seam.in_flow():
            return await (await self._connected()).get_tools(ctx)
        known = run_state(ctx).tool_defs
        if not (self.server.cache_tools and self.position in known):
            data = await self._discover("list_tools", ctx, lambda: self._list(ctx))
            known[self.position] = JSON_CODEC.load(dict[str, ToolDefinition], data)
        return {name: self.server.tool_for_tool_def(found, ctx=ctx) for name, found in known[self.position].items()}

    async def get_instructions(self, ctx: RunContext[object]) -> _Instructions:
        """Return the server's instructions, from the record where it was asked before.

        Args:
            ctx: The framework's context of the step.

        Returns:
            The instructions, or `None` where they are switched off.
        """
        if not self.server.include_instructions:
            return None
        if not seam.in_flow():
            return await self.server.get_instructions(ctx)
        known, place = run_state(ctx).tool_defs, f"{self.position}/instructions"
        if place not in known:
            data = await self._discover("instructions", ctx, lambda: self._read_instructions(ctx))
            known[place] = JSON_CODEC.load(_Instructions, data)
        loaded: _Instructions = known[place]
        return loaded

    async def _run(self, call: ToolCall, ctx: RunContext[object]) -> object:
        return await (await self._connected()).call_tool(call.name, call.args, ctx, call.tool)

    async def _list(self, ctx: RunContext[object]) -> object:
        tools = await (await self._connected()).get_tools(ctx)
        return JSON_CODEC.dump(dict[str, ToolDefinition], {name: tool.tool_def for name, tool in tools.items()})

    async def _read_instructions(self, ctx: RunContext[object]) -> object:
        return JSON_CODEC.dump(_Instructions, await (await self._connected()).get_instructions(ctx))

    async def _discover(self, what: str, ctx: RunContext[object], read: Callable[[], Awaitable[object]]) -> object:
        label = slug(self.id or f"mcp_{self.position}", fallback="mcp")
        unit = seam.Unit(
            name=f"{label}_{what}",
            adapter=ADAPTER,
            kind="mcp",
            type="mcp_call",
            key=run_state(ctx).key(f"toolset{self.position}", f"step{ctx.run_step}", what),
        )
        outcome = await seam.run_unit_async(with_config(unit, self.settings.mcp_config), lambda _: read())
        record_unit(executed=outcome.executed)
        return outcome.value

    async def _connected(self) -> MCPToolset[object]:
        async with self._lock:
            if not self._entered:
                await self.wrapped.__aenter__()
                self._entered = True
        return self.server


def kitaruify_mcp_server(
    server: MCPToolset[Any] | KitaruMCPServer,
    *,
    capture: CapturePolicy | None = None,
    tool_checkpoint_config_by_name: Mapping[str, CheckpointConfig | Literal[False]] | None = None,
    mcp_checkpoint_config: CheckpointConfig | None = None,
) -> KitaruToolset:
    """Wrap one MCP server, for agents that are put together by hand.

    Args:
        server: An `MCPToolset`; one that is already wrapped comes back as it is.
        capture: What may be seen of its calls.
        tool_checkpoint_config_by_name: Settings of single tools; `False` runs a tool at flow scope.
        mcp_checkpoint_config: Settings of its calls and discovery.

    Returns:
        The wrapped server.

    Raises:
        KitaruUsageError: It is no MCP server, or a configuration is wrong.
    """
    given: object = server
    if not isinstance(given, (MCPToolset, KitaruMCPServer)):
        msg = f"kitaruify_mcp_server() takes an MCPToolset, not a {type(given).__qualname__}; use kitaruify_toolset()."
        raise KitaruUsageError(msg)
    return kitaruify_toolset(
        given,
        capture=capture,
        tool_checkpoint_config_by_name=tool_checkpoint_config_by_name,
        mcp_checkpoint_config=mcp_checkpoint_config,
    )

"""Toolsets whose calls become units: one wrapper for every kind, at the leaves, so that run-time ones are covered."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast

import msgspec
from pydantic_ai.durable_exec import durable_unit_scope
from pydantic_ai.toolsets import AbstractToolset, DynamicToolset, FunctionToolset, WrapperToolset
from pydantic_core import to_jsonable_python

from kitaru import seam
from kitaru.errors import KitaruEncodingError, KitaruUsageError
from kitaru_adapters.kit.configs import CheckpointConfig, check_config, config_for, with_config
from kitaru_adapters.kit.names import slug
from kitaru_adapters.pydantic_ai.codec import fingerprint
from kitaru_adapters.pydantic_ai.framework import record_unit
from kitaru_adapters.pydantic_ai.guard import guarded
from kitaru_adapters.pydantic_ai.outcomes import add_usage, private_usage, record_outcome, replay_outcome, usage_delta
from kitaru_adapters.pydantic_ai.runs import RunState, run_state
from kitaru_adapters.pydantic_ai.settings import Settings, make_settings
from kitaru_adapters.pydantic_ai.types import ADAPTER
from kitaru_adapters.pydantic_ai.waits import ToolCall, defer_hitl, suspendable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pydantic_ai.tools import RunContext
    from pydantic_ai.toolsets import ToolsetTool

    from kitaru_adapters.pydantic_ai.types import CapturePolicy

__all__ = ["AnyToolset", "KitaruFunctionToolset", "KitaruToolset", "kitaruify_toolset", "wrap_leaves"]

AnyToolset: TypeAlias = AbstractToolset[Any]
"""A toolset of an agent with dependencies of any type, which the adapter hands on and never looks at."""
_METADATA = "kitaru"


@dataclass
class KitaruToolset(WrapperToolset[Any]):
    """Runs each call of a toolset's tools as one unit when the run stands at flow scope; elsewhere it does nothing.

    Attributes:
        wrapped: The toolset.
        settings: What the caller set.
        position: Where the toolset stands among those of its run; identity of its discovery.
    """

    settings: Settings = field(default_factory=Settings)
    position: str = "0"

    kind: Literal["generic", "function", "mcp"] = field(default="generic", init=False)

    @property
    def id(self) -> str | None:
        """The wrapped toolset's id."""
        return self.wrapped.id

    @property
    def _explicit_id(self) -> str | None:
        # Forwarded with `id`, so that an id derived from an address stays marked as derived through the wrapper.
        return self.wrapped._explicit_id  # noqa: SLF001 - forwarded, as the framework does

    def visit_and_replace(self, visitor: Callable[[AbstractToolset[object]], AbstractToolset[object]]) -> AnyToolset:
        """Return the toolset itself: what is inside is already wrapped.

        Args:
            visitor: What somebody wants to do with the leaves.

        Returns:
            This toolset.
        """
        del visitor
        return self

    async def call_tool(
        self, name: str, tool_args: dict[str, object], ctx: RunContext[object], tool: ToolsetTool[object]
    ) -> Any:
        """Call a tool: as a unit, at flow scope where it was opted out, or plainly where the run is not at flow scope.

        Args:
            name: Name of the tool in this toolset.
            tool_args: Its validated arguments.
            ctx: The framework's context of the call.
            tool: The framework's description of the tool.

        Returns:
            What the tool returned, the same on every rerun.
        """
        call = ToolCall(name, tool_args, ctx, tool)
        if not seam.in_flow():
            return await self._run(call, ctx)
        defer_hitl(self.settings, self.wrapped, call)
        config = self._config(call)
        if config is False:
            return await suspendable(ctx, lambda: self._run(call, ctx))
        return await self._as_unit(config, call)

    async def _run(self, call: ToolCall, ctx: RunContext[object]) -> object:
        return await self.wrapped.call_tool(call.name, call.args, ctx, call.tool)

    def _config(self, call: ToolCall) -> CheckpointConfig | Literal[False]:
        named = self.settings.named_configs
        for candidate in (call.shown, call.name):
            if candidate in named:
                return config_for(candidate, {}, named)
        own = (call.tool.tool_def.metadata or {}).get(_METADATA)
        if own is False:
            return False
        if own is not None:
            return check_config(own, argument=f"metadata[{_METADATA!r}] of tool {call.shown!r}")
        return self.settings.mcp_config if self.kind == "mcp" else self.settings.tool_config

    async def _as_unit(self, config: CheckpointConfig, call: ToolCall) -> object:
        state, usage = run_state(call.ctx), call.ctx.usage
        before = private_usage(usage)

        async def body(unit_call: seam.Call) -> object:
            private = private_usage(before)
            with guarded(call.ctx, private) as unit_ctx, durable_unit_scope():
                value, carried = await record_outcome(self._run(call, unit_ctx), tool=call.shown)
            delta = usage_delta(before, private)
            unit_call.carry(carried if delta is None else {**carried, "usage": delta})
            return value

        started = time.monotonic()
        try:
            outcome = await seam.run_unit_async(self._unit(config, call, state), body)
        except Exception as error:
            if state.events is not None:
                state.events.tool_call(call, self.kind, None, error=error, seconds=time.monotonic() - started)
            raise
        record_unit(executed=outcome.executed)
        add_usage(usage, outcome.carried)
        if state.events is not None:
            state.events.tool_call(call, self.kind, outcome, error=None, seconds=time.monotonic() - started)
        return replay_outcome(outcome.value, outcome.carried)

    def _unit(self, config: CheckpointConfig, call: ToolCall, state: RunState) -> seam.Unit:
        arguments = to_jsonable_python(call.args, fallback=_type_name)
        full = self.settings.capture.for_tool(call.shown) == "full"
        unit = seam.Unit(
            name=f"{slug(call.shown, fallback='unnamed')}_tool",
            adapter=ADAPTER,
            kind="mcp" if self.kind == "mcp" else "tool",
            type="mcp_call" if self.kind == "mcp" else "tool_call",
            key=state.tool_key(call.ctx, call.shown),
            inputs={"tool_args": arguments} if full else {},
            identity={"tool": call.shown, "arguments": fingerprint(arguments)},
            group=state.key(f"step{call.ctx.run_step}", "tools"),
            retry_if=_retryable,
        )
        unit = with_config(unit, config)
        return self._cacheable(unit, call, arguments) if unit.cache else unit

    def _cacheable(self, unit: seam.Unit, call: ToolCall, arguments: object) -> seam.Unit:
        identify, ctx = self.settings.deps_cache_identity, call.ctx
        if ctx.deps is not None and identify is None:
            # Dependencies that nobody can identify may belong to another tenant: never share what they produced.
            return msgspec.structs.replace(unit, cache=False)
        deps = identify(ctx.deps) if identify is not None else None
        key = {"tool": call.shown, "arguments": arguments, "call": ctx.tool_call_id, "retry": ctx.retry, "deps": deps}
        return msgspec.structs.replace(unit, cache_key=fingerprint(key))


@dataclass
class KitaruFunctionToolset(KitaruToolset):
    """A toolset of Python functions whose calls become units of type `tool_call`."""

    kind: Literal["generic", "function", "mcp"] = field(default="function", init=False)


def _type_name(value: object) -> str:
    return f"{type(value).__module__}.{type(value).__qualname__}"


def _retryable(error: BaseException) -> bool:
    return not isinstance(error, (KitaruEncodingError, KitaruUsageError))


def wrap_leaves(toolset: AnyToolset, settings: Settings, *, position: str = "") -> AnyToolset:
    """Return the toolset with every leaf wrapped, whatever its kind and wherever it came from.

    Args:
        toolset: The toolset of a run, or a part of it.
        settings: What the caller set for the agent.
        position: Where this part stands among the toolsets of the run.

    Returns:
        A new toolset; the given one is not changed.
    """
    number = 0

    def wrap(leaf: AbstractToolset[object]) -> AnyToolset:
        nonlocal number
        number += 1
        return _wrap_leaf(leaf, settings, f"{position}{number}")

    return toolset.visit_and_replace(wrap)


def _wrap_leaf(leaf: AbstractToolset[object], settings: Settings, position: str) -> AbstractToolset[object]:
    if isinstance(leaf, KitaruToolset):
        return leaf
    if isinstance(leaf, FunctionToolset):
        return KitaruFunctionToolset(leaf, settings, position)
    if isinstance(leaf, DynamicToolset):
        return _dynamic(leaf, settings, position)
    if _is_mcp(leaf):
        from kitaru_adapters.pydantic_ai.mcp import KitaruMCPServer

        return KitaruMCPServer(leaf, settings, position)
    return KitaruToolset(leaf, settings, position)


def _is_mcp(leaf: AbstractToolset[object]) -> bool:
    # A toolset of this class exists only once its module is loaded; importing it here would cost everybody a second.
    module = sys.modules.get("pydantic_ai.mcp")
    return module is not None and isinstance(leaf, module.MCPToolset)


def _dynamic(leaf: DynamicToolset[object], settings: Settings, position: str) -> DynamicToolset[object]:
    async def wrapped(ctx: RunContext[object]) -> AnyToolset | None:
        made = leaf.toolset_func(ctx)
        made = made if made is None or isinstance(made, AbstractToolset) else await made
        return None if made is None else wrap_leaves(made, settings, position=f"{position}.")

    return DynamicToolset(wrapped, per_run_step=leaf.per_run_step, id=leaf.id)


def kitaruify_toolset(
    toolset: AnyToolset,
    *,
    capture: CapturePolicy | None = None,
    tool_checkpoint_config: CheckpointConfig | None = None,
    tool_checkpoint_config_by_name: Mapping[str, CheckpointConfig | Literal[False]] | None = None,
    mcp_checkpoint_config: CheckpointConfig | None = None,
) -> KitaruToolset:
    """Wrap one toolset, for agents that are put together by hand.

    Args:
        toolset: Any toolset; one that is already wrapped comes back as it is.
        capture: What may be seen of its calls.
        tool_checkpoint_config: Settings of its calls.
        tool_checkpoint_config_by_name: Settings of single tools; `False` runs a tool at flow scope.
        mcp_checkpoint_config: Settings of its calls and discovery, where it is an MCP server.

    Returns:
        The wrapped toolset.

    Raises:
        KitaruUsageError: A configuration is wrong.
    """
    if isinstance(toolset, KitaruToolset):
        return toolset
    settings = make_settings(
        agent_name="agent",
        capture=capture,
        tool_checkpoint_config=tool_checkpoint_config,
        tool_checkpoint_config_by_name=tool_checkpoint_config_by_name,
        mcp_checkpoint_config=mcp_checkpoint_config,
    )
    wrapped = KitaruToolset(toolset, settings) if isinstance(toolset, DynamicToolset) else None
    return wrapped or cast("KitaruToolset", _wrap_leaf(toolset, settings, toolset.id or "0"))

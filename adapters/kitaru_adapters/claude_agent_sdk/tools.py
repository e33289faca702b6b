"""In-process tools whose results survive a crash of the invocation that called them."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from claude_agent_sdk import create_sdk_mcp_server

from kitaru.errors import KitaruUsageError
from kitaru.seam import ControlSignal

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence

    from claude_agent_sdk import McpSdkServerConfig, SdkMcpTool

    from kitaru.records.plain import JsonObject
    from kitaru_adapters.claude_agent_sdk.guard import RunGuard
    from kitaru_adapters.claude_agent_sdk.notes import AttemptNotes, Fields, NoteBook

    Tool: TypeAlias = SdkMcpTool[Any]
    Identify: TypeAlias = Callable[[JsonObject], object]

__all__ = ["ToolMemory", "ToolReuse", "current_memory", "durable_mcp_server"]

ToolReuse = Literal["always", "never"]
ToolEffect = Literal["idempotent", "irreversible"]

current_memory: ContextVar[ToolMemory | None] = ContextVar("kitaru_claude_tool_memory", default=None)
_tool_use_id: ContextVar[str | None] = ContextVar("kitaru_claude_tool_use_id", default=None)
_TOOL_USE_ID = "claudecode/toolUseId"

_UNKNOWN = (
    "An earlier attempt of this very call broke off, so it is not known whether it took effect, and it must not happen "
    "twice. It was not run again: a person has to find out what happened."
)


@dataclass
class ToolMemory:
    """What tools of earlier attempts returned, handed out once each.

    Attributes:
        book: Where results are written.
        guard: Ends the run when a result cannot be kept.
        stored: Results of earlier attempts by identity, in order.
        begun: How many calls of an identity were begun by earlier attempts, where that was written down.
        taken: Keys of the stored results that were handed out.
    """

    book: NoteBook
    guard: RunGuard
    stored: dict[str, list[Fields]] = field(default_factory=dict)
    begun: Counter[str] = field(default_factory=Counter)
    taken: set[str] = field(default_factory=set)
    _asked: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(
        cls, book: NoteBook, guard: RunGuard, earlier: Sequence[AttemptNotes], *, told: Collection[str] = ()
    ) -> ToolMemory:
        """Read the memory of an invocation.

        Args:
            book: Its notes.
            guard: Ends the run when a result cannot be kept.
            earlier: Its earlier attempts.
            told: Ids of calls whose result the session holds, so that the model will not ask for them again.
        """
        memory = cls(book, guard)
        for attempt in earlier:
            for result in attempt.results:
                if result["key"] not in told:
                    memory.stored.setdefault(result["identity"], []).append(result)
            for identity, number in attempt.begun.items():
                memory.begun[identity] = max(memory.begun[identity], number)
        return memory

    async def keep(self, kind: str, **value: object) -> None:
        """Write a note; a run whose tools cannot be recorded must not go on.

        Args:
            kind: Which note.
            **value: Its fields.
        """
        try:
            await self.book.write(kind, **value)
        except Exception as error:
            self.guard.fail(error)
            raise

    def ask(self, identity: str) -> tuple[int, Fields | None]:
        """Return how often this identity was asked for in this attempt, and the stored result of that number.

        Args:
            identity: Tool and arguments.
        """
        self._asked[identity] += 1
        number = self._asked[identity]
        found = self.stored.get(identity, [])
        return number, found[number - 1] if number <= len(found) else None


def durable_mcp_server(
    name: str,
    tools: Sequence[Tool],
    *,
    version: str = "1",
    reuse: ToolReuse = "always",
    reuse_by_name: Mapping[str, ToolReuse] | None = None,
    effect_by_name: Mapping[str, ToolEffect] | None = None,
    identity_by_name: Mapping[str, Identify] | None = None,
) -> McpSdkServerConfig:
    """Make an in-process MCP server whose tools do not repeat completed calls when an invocation is attempted again.

    Results are kept inside the invocation, not as checkpoints of their own. The n-th equal call of an attempt (same
    tool, same arguments) gets the n-th stored result. A call that was in flight at the crash, or that failed, runs
    again. A new plan of the model that happens to make the same call gets the old result, too; a tool for which that
    is wrong takes `reuse="never"`. Outside a flow the tools behave as if `create_sdk_mcp_server` had been used.

    Args:
        name: Name of the server.
        tools: Functions made with the SDK's `tool` decorator.
        version: Version of the server.
        reuse: Whether stored results are handed out again.
        reuse_by_name: The same for single tools; these win.
        effect_by_name: `irreversible` for tools whose call is not run again when an earlier attempt of it broke off
            and nobody knows whether it took effect. Claude is told so.
        identity_by_name: Functions that say what makes a call of a tool the same call, from its arguments.

    Returns:
        A configuration for `ClaudeAgentOptions.mcp_servers`.

    Raises:
        KitaruUsageError: A name belongs to no tool of this server.
    """
    known = {tool.name for tool in tools}
    for argument, given in (
        ("reuse_by_name", reuse_by_name),
        ("effect_by_name", effect_by_name),
        ("identity_by_name", identity_by_name),
    ):
        if unknown := sorted(set(given or {}) - known):
            msg = f"{argument} names tools that server {name!r} does not have: {', '.join(unknown)}."
            raise KitaruUsageError(msg)
    wrapped = [
        _Durable(
            server=name,
            tool=tool,
            reuse=(reuse_by_name or {}).get(tool.name, reuse) == "always",
            irreversible=(effect_by_name or {}).get(tool.name) == "irreversible",
            identify=(identity_by_name or {}).get(tool.name),
        ).as_tool()
        for tool in tools
    ]
    config = create_sdk_mcp_server(name, version, wrapped)
    _see_tool_use_ids(config["instance"])
    return config


@dataclass(frozen=True)
class _Durable:
    server: str
    tool: Tool
    reuse: bool
    irreversible: bool
    identify: Identify | None

    def as_tool(self) -> Tool:
        return replace(self.tool, handler=self._handle)

    async def _handle(self, arguments: dict[str, object]) -> dict[str, object]:
        memory = current_memory.get()
        if memory is None:
            return await self.tool.handler(arguments)
        try:
            return await self._remembered(memory, arguments)
        except ControlSignal as signal:
            # In a handler a signal would end the server and leave the run hanging, so it ends the run from outside.
            memory.guard.fail(signal)
            return {"content": [{"type": "text", "text": "The run has ended."}], "is_error": True}

    async def _remembered(self, memory: ToolMemory, arguments: dict[str, object]) -> dict[str, object]:
        identity = self._identity(arguments)
        number, stored = memory.ask(identity)
        if stored is not None and self.reuse:
            memory.taken.add(stored["key"])
            await memory.keep("tool_reused", key=stored["key"])
            return dict(stored["result"])
        if self.irreversible and number <= memory.begun[identity]:
            return {"content": [{"type": "text", "text": _UNKNOWN}], "is_error": True}
        return await self._run(memory, identity, number, arguments)

    async def _run(
        self, memory: ToolMemory, identity: str, number: int, arguments: dict[str, object]
    ) -> dict[str, object]:
        if self.irreversible:
            await memory.keep("tool_begun", identity=identity, number=number)
        result = await self.tool.handler(arguments)
        if not result.get("is_error"):
            key = _tool_use_id.get() or f"{identity}#{number}"
            await memory.keep("tool_result", key=key, identity=identity, result=result)
        elif self.irreversible:
            await memory.keep("tool_begun", identity=identity, number=number - 1)  # it said itself that it failed
        return result

    def _identity(self, arguments: dict[str, object]) -> str:
        meant = arguments if self.identify is None else self.identify(arguments)
        text = json.dumps(meant, sort_keys=True, separators=(",", ":"), default=str)
        return f"{self.server}.{self.tool.name}:{hashlib.sha256(text.encode()).hexdigest()}"


def _see_tool_use_ids(server: Any) -> None:
    """Let handlers see the model's id of a call, which the program sends along and the SDK drops."""
    middleware = getattr(server, "middleware", None)
    if middleware is not None:
        middleware.append(_remember_tool_use)
        return
    import mcp.types

    inner = server.request_handlers[mcp.types.CallToolRequest]

    async def handle(request: object) -> object:
        meta = getattr(getattr(request, "params", None), "meta", None)
        _tool_use_id.set((getattr(meta, "model_extra", None) or {}).get(_TOOL_USE_ID))
        return await inner(request)

    server.request_handlers[mcp.types.CallToolRequest] = handle


async def _remember_tool_use(context: object, call_next: Callable[[object], Awaitable[object]]) -> object:
    _tool_use_id.set((getattr(context, "meta", None) or {}).get(_TOOL_USE_ID))
    return await call_next(context)

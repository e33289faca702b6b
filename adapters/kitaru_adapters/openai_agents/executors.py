"""Tools whose work is done by a callable of the application: custom tools, shells and patch editors."""

from __future__ import annotations

import hashlib
import inspect
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from agents.editor import ApplyPatchOperation, ApplyPatchResult

from kitaru_adapters.openai_agents.boundary import durable_run
from kitaru_adapters.openai_agents.codec import item_bytes, storable
from kitaru_adapters.openai_agents.toolrun import ToolUnit, run_tool_unit

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from agents.editor import ApplyPatchEditor
    from agents.tool import CustomTool, LocalShellCommandRequest, ShellCommandRequest
    from agents.tool_context import ToolContext

    from kitaru.seam import Call
    from kitaru_adapters.kit.configs import CheckpointConfig

__all__ = ["Invoke", "durable_custom", "durable_editor", "durable_executor"]

R = TypeVar("R", "ShellCommandRequest", "LocalShellCommandRequest")
T = TypeVar("T")
Applied: TypeAlias = ApplyPatchResult | str | None
Invoke: TypeAlias = "Callable[[ToolContext, str], Awaitable[object]]"
"""The function behind a tool: called with the framework's context of the call and the text of the arguments."""


def durable_custom(tool: CustomTool, agent: str, config: CheckpointConfig) -> Invoke:
    """Return the function behind a custom tool, recorded by the id of the call.

    Args:
        tool: The user's tool.
        agent: Agent it belongs to.
        config: What the caller configured.

    Returns:
        A function for the tool's copy.
    """

    async def invoke(ctx: ToolContext, text: str) -> object:
        unit = ToolUnit(tool.name, agent, ctx.tool_call_id, text, config, "custom_tool_call")
        return await _recorded(unit, lambda: tool.on_invoke_tool(ctx, text))

    return invoke


def durable_executor(
    executor: Callable[[R], Awaitable[T] | T], name: str, agent: str, config: CheckpointConfig
) -> Callable[[R], Awaitable[T | str]]:
    """Return the executor of a shell tool, recorded by the id of the shell call.

    Args:
        executor: The user's executor.
        name: Name of the tool.
        agent: Agent it belongs to.
        config: What the caller configured.

    Returns:
        An executor for the tool's copy.
    """

    async def execute(request: R) -> T | str:
        action = item_bytes(getattr(request.data, "action", None)).decode()
        unit = ToolUnit(name, agent, getattr(request.data, "call_id", "") or "", action, config, "custom_tool_call")
        return await _recorded(unit, lambda: executor(request))

    return execute


def durable_editor(editor: ApplyPatchEditor, name: str, agent: str, config: CheckpointConfig) -> ApplyPatchEditor:
    """Return the editor of a patch tool, recorded by the content of the operation and how often it occurred.

    Args:
        editor: The user's editor.
        name: Name of the tool.
        agent: Agent it belongs to.
        config: What the caller configured.

    Returns:
        An editor for the tool's copy.
    """
    return _DurableEditor(editor, name, agent, config)


class _DurableEditor:
    def __init__(self, editor: ApplyPatchEditor, name: str, agent: str, config: CheckpointConfig) -> None:
        self._editor = editor
        self._name = name
        self._agent = agent
        self._config = config

    async def create_file(self, operation: ApplyPatchOperation) -> Applied:
        """Create a file, once."""
        return await self._apply(operation, self._editor.create_file)

    async def update_file(self, operation: ApplyPatchOperation) -> Applied:
        """Change a file, once."""
        return await self._apply(operation, self._editor.update_file)

    async def delete_file(self, operation: ApplyPatchOperation) -> Applied:
        """Delete a file, once."""
        return await self._apply(operation, self._editor.delete_file)

    async def _apply(
        self, operation: ApplyPatchOperation, apply: Callable[[ApplyPatchOperation], Awaitable[Applied] | Applied]
    ) -> Applied:
        shown = {name: getattr(operation, name, None) for name in ("type", "path", "diff", "move_to")}
        content = item_bytes(shown).decode()
        scope = durable_run()
        number = scope.count(f"{self._name}/{content}") if scope is not None else 0
        unit = ToolUnit(
            self._name,
            self._agent,
            f"{operation.type}:{_digest(content)}#{number}",
            content,
            self._config,
            "custom_tool_call",
        )
        return await _recorded(unit, lambda: apply(operation))


async def _recorded(unit: ToolUnit, run: Callable[[], Awaitable[T] | T]) -> T | str:
    async def awaited() -> T:
        value = run()
        return await value if inspect.isawaitable(value) else value

    async def body(_call: Call) -> T | str:
        return storable(await awaited())

    scope = durable_run()
    return await awaited() if scope is None else (await run_tool_unit(scope, unit, body)).value


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]

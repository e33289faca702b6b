"""PydanticAI under kitaru: wrap an agent once, and its runs survive crashes, wait for people and can be replayed.

Names are loaded on first use, so that the plugin system can look at this package without importing the framework.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from kitaru_adapters.pydantic_ai.agent import KitaruAgent
    from kitaru_adapters.pydantic_ai.capability import KitaruDurability
    from kitaru_adapters.pydantic_ai.context import KitaruRunContext
    from kitaru_adapters.pydantic_ai.deprecated import wrap
    from kitaru_adapters.pydantic_ai.hitl import hitl_tool
    from kitaru_adapters.pydantic_ai.mcp import KitaruMCPServer, kitaruify_mcp_server
    from kitaru_adapters.pydantic_ai.model import KitaruModel
    from kitaru_adapters.pydantic_ai.sandbox import (
        DEFAULT_SANDBOX_TOOL_MAX_CHARS,
        SANDBOX_COMMAND_TOOL_NAME,
        SandboxCommandToolResult,
        sandbox_command_toolset,
    )
    from kitaru_adapters.pydantic_ai.settings import validate_checkpoint_strategy
    from kitaru_adapters.pydantic_ai.toolsets import KitaruFunctionToolset, KitaruToolset, kitaruify_toolset
    from kitaru_adapters.pydantic_ai.types import (
        PYDANTIC_AI_STREAM_COMPLETED,
        PYDANTIC_AI_STREAM_EVENT,
        PYDANTIC_AI_STREAM_EVENT_KINDS,
        PYDANTIC_AI_STREAM_FAILED,
        PYDANTIC_AI_STREAM_STARTED,
        PYDANTIC_AI_STREAM_TERMINAL_EVENT_KINDS,
        CaptureConfig,
        CaptureMode,
        CapturePolicy,
        CheckpointConfig,
        CheckpointRuntime,
        CheckpointStrategy,
        PydanticAIUsageSummary,
    )
    from kitaru_adapters.pydantic_ai.waits import wait_for_input

__all__ = [
    "DEFAULT_SANDBOX_TOOL_MAX_CHARS",
    "PYDANTIC_AI_STREAM_COMPLETED",
    "PYDANTIC_AI_STREAM_EVENT",
    "PYDANTIC_AI_STREAM_EVENT_KINDS",
    "PYDANTIC_AI_STREAM_FAILED",
    "PYDANTIC_AI_STREAM_STARTED",
    "PYDANTIC_AI_STREAM_TERMINAL_EVENT_KINDS",
    "SANDBOX_COMMAND_TOOL_NAME",
    "CaptureConfig",
    "CaptureMode",
    "CapturePolicy",
    "CheckpointConfig",
    "CheckpointRuntime",
    "CheckpointStrategy",
    "KitaruAgent",
    "KitaruDurability",
    "KitaruFunctionToolset",
    "KitaruMCPServer",
    "KitaruModel",
    "KitaruRunContext",
    "KitaruToolset",
    "PydanticAIUsageSummary",
    "SandboxCommandToolResult",
    "hitl_tool",
    "kitaruify_mcp_server",
    "kitaruify_toolset",
    "sandbox_command_toolset",
    "validate_checkpoint_strategy",
    "wait_for_input",
    "wrap",
]

_MODULES: Final = {
    "agent": ("KitaruAgent",),
    "capability": ("KitaruDurability",),
    "context": ("KitaruRunContext",),
    "deprecated": ("wrap",),
    "hitl": ("hitl_tool",),
    "mcp": ("KitaruMCPServer", "kitaruify_mcp_server"),
    "model": ("KitaruModel",),
    "sandbox": (
        "DEFAULT_SANDBOX_TOOL_MAX_CHARS",
        "SANDBOX_COMMAND_TOOL_NAME",
        "SandboxCommandToolResult",
        "sandbox_command_toolset",
    ),
    "settings": ("validate_checkpoint_strategy",),
    "toolsets": ("KitaruFunctionToolset", "KitaruToolset", "kitaruify_toolset"),
    "waits": ("wait_for_input",),
}
_HOME: Final = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> object:
    """Load a public name on first use."""
    if name not in __all__:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    value = getattr(import_module(f"{__name__}.{_HOME.get(name, 'types')}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, loaded or not."""
    return __all__

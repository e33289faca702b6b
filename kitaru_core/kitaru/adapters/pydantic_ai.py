"""The promised import path of the PydanticAI adapter: everything is in `kitaru_adapters.pydantic_ai`."""

from __future__ import annotations

from kitaru_adapters.kit.missing import require_framework

with require_framework("pydantic_ai", extra="pydantic-ai"):
    import pydantic_ai as _framework  # noqa: F401 - only to see whether it is there

from kitaru_adapters.pydantic_ai import (
    DEFAULT_SANDBOX_TOOL_MAX_CHARS,
    PYDANTIC_AI_STREAM_COMPLETED,
    PYDANTIC_AI_STREAM_EVENT,
    PYDANTIC_AI_STREAM_EVENT_KINDS,
    PYDANTIC_AI_STREAM_FAILED,
    PYDANTIC_AI_STREAM_STARTED,
    PYDANTIC_AI_STREAM_TERMINAL_EVENT_KINDS,
    SANDBOX_COMMAND_TOOL_NAME,
    CaptureConfig,
    CaptureMode,
    CapturePolicy,
    CheckpointConfig,
    CheckpointRuntime,
    CheckpointStrategy,
    KitaruAgent,
    KitaruDurability,
    KitaruFunctionToolset,
    KitaruModel,
    KitaruRunContext,
    KitaruToolset,
    PydanticAIUsageSummary,
    SandboxCommandToolResult,
    hitl_tool,
    kitaruify_toolset,
    sandbox_command_toolset,
    validate_checkpoint_strategy,
    wait_for_input,
    wrap,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from kitaru_adapters.pydantic_ai import KitaruMCPServer, kitaruify_mcp_server

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

_MCP = ("KitaruMCPServer", "kitaruify_mcp_server")


def __getattr__(name: str) -> object:
    """Load the names that need the framework's MCP client on first use."""
    if name not in _MCP:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    import kitaru_adapters.pydantic_ai as home

    return getattr(home, name)

"""The adapter for the Claude Agent SDK; import it as `kitaru.adapters.claude_agent_sdk`.

Names are loaded on first use, so that the plugin in this package can be read without the SDK.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from kitaru_adapters.claude_agent_sdk.capture import ClaudeCapturePolicy
    from kitaru_adapters.claude_agent_sdk.codec import dump_messages, load_messages
    from kitaru_adapters.claude_agent_sdk.continuation import ClaudeContinuation
    from kitaru_adapters.claude_agent_sdk.errors import ClaudeInterruptedError, ClaudeRunError
    from kitaru_adapters.claude_agent_sdk.request import ClaudeRunRequest, ClaudeToolDecision
    from kitaru_adapters.claude_agent_sdk.runner import KitaruClaudeRunner
    from kitaru_adapters.claude_agent_sdk.sandbox import (
        DEFAULT_CLAUDE_SANDBOX_COMMAND_MAX_CHARS,
        KITARU_SANDBOX_COMMAND_ALLOWED_TOOL_NAME,
        KITARU_SANDBOX_COMMAND_TOOL_NAME,
        KITARU_SANDBOX_MCP_SERVER_NAME,
        allowed_tool_name,
        create_kitaru_sandbox_mcp_server,
    )
    from kitaru_adapters.claude_agent_sdk.sessions import KitaruSessionStore
    from kitaru_adapters.claude_agent_sdk.settings import validate_checkpoint_strategy
    from kitaru_adapters.claude_agent_sdk.stream import (
        CLAUDE_STREAM_COMPLETED,
        CLAUDE_STREAM_EVENT,
        CLAUDE_STREAM_EVENT_KINDS,
        CLAUDE_STREAM_FAILED,
        CLAUDE_STREAM_STARTED,
        CLAUDE_STREAM_TERMINAL_EVENT_KINDS,
    )
    from kitaru_adapters.claude_agent_sdk.tools import durable_mcp_server
    from kitaru_adapters.claude_agent_sdk.types import (
        ClaudeAdapterEvent,
        ClaudeDeferredTool,
        ClaudeEarlierAttempt,
        ClaudeEventError,
        ClaudeRunEvent,
        ClaudeRunResult,
        ClaudeToolCall,
        ClaudeUsageSummary,
    )
    from kitaru_adapters.claude_agent_sdk.waits import (
        ClaudeToolApproval,
        wait_for_tool_approval,
        wait_for_tool_approval_async,
    )
    from kitaru_adapters.kit.configs import CheckpointConfig, CheckpointRuntime

__all__ = [
    "CLAUDE_STREAM_COMPLETED",
    "CLAUDE_STREAM_EVENT",
    "CLAUDE_STREAM_EVENT_KINDS",
    "CLAUDE_STREAM_FAILED",
    "CLAUDE_STREAM_STARTED",
    "CLAUDE_STREAM_TERMINAL_EVENT_KINDS",
    "DEFAULT_CLAUDE_SANDBOX_COMMAND_MAX_CHARS",
    "KITARU_SANDBOX_COMMAND_ALLOWED_TOOL_NAME",
    "KITARU_SANDBOX_COMMAND_TOOL_NAME",
    "KITARU_SANDBOX_MCP_SERVER_NAME",
    "CheckpointConfig",
    "CheckpointRuntime",
    "ClaudeAdapterEvent",
    "ClaudeCapturePolicy",
    "ClaudeContinuation",
    "ClaudeDeferredTool",
    "ClaudeEarlierAttempt",
    "ClaudeEventError",
    "ClaudeInterruptedError",
    "ClaudeRunError",
    "ClaudeRunEvent",
    "ClaudeRunRequest",
    "ClaudeRunResult",
    "ClaudeToolApproval",
    "ClaudeToolCall",
    "ClaudeToolDecision",
    "ClaudeUsageSummary",
    "KitaruClaudeRunner",
    "KitaruSessionStore",
    "allowed_tool_name",
    "create_kitaru_sandbox_mcp_server",
    "dump_messages",
    "durable_mcp_server",
    "load_messages",
    "validate_checkpoint_strategy",
    "wait_for_tool_approval",
    "wait_for_tool_approval_async",
]

_HOME: Final = {
    "CheckpointConfig": "kitaru_adapters.kit.configs",
    "CheckpointRuntime": "kitaru_adapters.kit.configs",
    "ClaudeCapturePolicy": "capture",
    "ClaudeContinuation": "continuation",
    "ClaudeInterruptedError": "errors",
    "ClaudeRunError": "errors",
    "ClaudeRunRequest": "request",
    "ClaudeToolApproval": "waits",
    "ClaudeToolDecision": "request",
    "DEFAULT_CLAUDE_SANDBOX_COMMAND_MAX_CHARS": "sandbox",
    "KitaruClaudeRunner": "runner",
    "KitaruSessionStore": "sessions",
    "allowed_tool_name": "sandbox",
    "create_kitaru_sandbox_mcp_server": "sandbox",
    "dump_messages": "codec",
    "durable_mcp_server": "tools",
    "load_messages": "codec",
    "validate_checkpoint_strategy": "settings",
    "wait_for_tool_approval": "waits",
    "wait_for_tool_approval_async": "waits",
}
_HOME_BY_PREFIX: Final = (("CLAUDE_STREAM_", "stream"), ("KITARU_SANDBOX_", "sandbox"), ("Claude", "types"))


def __getattr__(name: str) -> object:
    """Load a public name on first use."""
    if name not in __all__:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    home = _HOME.get(name) or next(room for prefix, room in _HOME_BY_PREFIX if name.startswith(prefix))
    value = getattr(import_module(home if "." in home else f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, loaded or not."""
    return __all__

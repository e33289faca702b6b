"""A tool by which Claude runs commands in the sandbox of the active stack instead of on this machine."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import asdict, dataclass, is_dataclass
from typing import TYPE_CHECKING, Literal, Required, TypedDict

from claude_agent_sdk import ToolAnnotations, tool

import kitaru
from kitaru.errors import (
    KitaruBackendError,
    KitaruFeatureNotAvailableError,
    KitaruStateError,
    KitaruUsageError,
)
from kitaru_adapters.claude_agent_sdk.tools import durable_mcp_server

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from claude_agent_sdk import McpSdkServerConfig

__all__ = [
    "DEFAULT_CLAUDE_SANDBOX_COMMAND_MAX_CHARS",
    "KITARU_SANDBOX_COMMAND_ALLOWED_TOOL_NAME",
    "KITARU_SANDBOX_COMMAND_TOOL_NAME",
    "KITARU_SANDBOX_MCP_SERVER_NAME",
    "allowed_tool_name",
    "create_kitaru_sandbox_mcp_server",
]

KITARU_SANDBOX_MCP_SERVER_NAME = "kitaru"
KITARU_SANDBOX_COMMAND_TOOL_NAME = "run_command"
KITARU_SANDBOX_COMMAND_ALLOWED_TOOL_NAME = "mcp__kitaru__run_command"
DEFAULT_CLAUDE_SANDBOX_COMMAND_MAX_CHARS = 217_232

_NAME = re.compile(r"(?!.*__)[A-Za-z0-9_-]+")
_DESCRIPTION = "Run one command in an isolated sandbox. A non-zero exit code is part of the result, not an error."
_ENVELOPE = 32_768  # room for everything around the two outputs, so that the block stays below what is advertised
_MAX_ENV_CHARACTERS = 65_536
_SHOWN = ("stdout", "stderr", "exit_code", "stdout_truncated", "stderr_truncated", "timed_out", "cleanup")
_CATEGORIES: tuple[tuple[type[Exception], str], ...] = (
    (KitaruUsageError, "usage"),
    (KitaruFeatureNotAvailableError, "feature_not_available"),
    (KitaruStateError, "state"),
    (KitaruBackendError, "backend"),
)
_MESSAGES = {
    "usage": "The command or one of its settings was refused.",
    "feature_not_available": "No sandbox is available to this run.",
    "state": "The active stack does not have exactly one sandbox.",
    "backend": "The sandbox failed.",
    "runtime": "The command could not be run.",
}


def allowed_tool_name(server: str, tool_name: str) -> str:
    """Return the name under which Claude knows a tool of an MCP server.

    Args:
        server: Name of the server.
        tool_name: Name of the tool.

    Returns:
        `mcp__{server}__{tool}`, for `allowed_tools`.

    Raises:
        KitaruUsageError: A part has other characters than letters, digits, `_` and `-`, or a double underscore.
    """
    for part in (server, tool_name):
        if not _NAME.fullmatch(part):
            msg = (
                f"{part!r} cannot be part of a tool name: letters, digits, '_' and '-' only, and no double underscore."
            )
            raise KitaruUsageError(msg)
    return f"mcp__{server}__{tool_name}"


def create_kitaru_sandbox_mcp_server(
    *,
    server_name: str = KITARU_SANDBOX_MCP_SERVER_NAME,
    tool_name: str = KITARU_SANDBOX_COMMAND_TOOL_NAME,
    description: str | None = None,
    default_max_chars: int = DEFAULT_CLAUDE_SANDBOX_COMMAND_MAX_CHARS,
    default_cleanup: Literal["destroy", "close"] = "destroy",
    run_command: Callable[..., object] | None = None,
) -> McpSdkServerConfig:
    """Make an in-process MCP server with one tool that runs a command in the sandbox.

    Commands are not repeatable in general, so their results are never handed out again.

    Args:
        server_name: Name of the server.
        tool_name: Name of the tool.
        description: What Claude is told about it.
        default_max_chars: Most characters of each output.
        default_cleanup: What becomes of the sandbox session.
        run_command: Runs the command, with the signature of `kitaru.run_sandbox_command`, which is the default.

    Returns:
        A configuration for `ClaudeAgentOptions.mcp_servers`.

    Raises:
        KitaruUsageError: A name or a limit cannot be.
    """
    allowed_tool_name(server_name, tool_name)
    if isinstance(default_max_chars, bool) or not isinstance(default_max_chars, int) or default_max_chars < 0:
        msg = f"default_max_chars={default_max_chars!r} must be a whole number from 0 up."
        raise KitaruUsageError(msg)
    if default_cleanup not in {"destroy", "close"}:
        msg = f"default_cleanup={default_cleanup!r} must be 'destroy' or 'close'."
        raise KitaruUsageError(msg)
    size = default_max_chars + _ENVELOPE
    command = _Command(default_max_chars, default_cleanup, size, run_command)
    annotations = ToolAnnotations(maxResultSizeChars=size)
    made = tool(tool_name, description or _DESCRIPTION, _schema(default_max_chars), annotations)(command.handle)
    return durable_mcp_server(server_name, [made], reuse="never")


class _Arguments(TypedDict, total=False):
    """What Claude may say, as the tool's schema has it."""

    command: Required[str | list[str]]
    cwd: str
    env: dict[str, str]
    max_chars: int
    cleanup: Literal["destroy", "close"]


@dataclass(frozen=True)
class _Command:
    max_chars: int
    cleanup: Literal["destroy", "close"]
    size: int
    run_command: Callable[..., object] | None

    async def handle(self, arguments: _Arguments) -> dict[str, object]:
        try:
            result = await asyncio.to_thread(self._run, arguments)
        except Exception as error:  # noqa: BLE001 - whatever goes wrong, Claude is told in a safe form
            return _block(_failure(error), failed=True)
        fields = asdict(result) if is_dataclass(result) and not isinstance(result, type) else vars(result)
        return _block(_fitted({"status": "completed", **{name: fields.get(name) for name in _SHOWN}}, self.size))

    def _run(self, arguments: _Arguments) -> object:
        env = arguments.get("env") or {}
        if sum(len(name) + len(value) for name, value in env.items()) > _MAX_ENV_CHARACTERS:
            msg = "The environment is too large."
            raise KitaruUsageError(msg)
        return (self.run_command or kitaru.run_sandbox_command)(
            arguments["command"],
            cwd=arguments.get("cwd"),
            env=env or None,
            max_chars=arguments.get("max_chars", self.max_chars),
            cleanup=arguments.get("cleanup", self.cleanup),
        )


def _failure(error: Exception) -> dict[str, object]:
    category = next((name for kind, name in _CATEGORIES if isinstance(error, kind)), "runtime")
    detail = {"type": type(error).__name__, "category": category, "message": _MESSAGES[category]}
    return {"status": "failed", "error": detail}


def _fitted(fields: dict[str, object], size: int) -> dict[str, object]:
    """Cut the outputs until the whole block stays below the advertised size."""
    outputs = {name: str(fields[name] or "") for name in ("stdout", "stderr")}
    while (excess := len(json.dumps(fields | outputs)) - size) >= 0:
        longest = max(outputs, key=lambda name: len(outputs[name]))
        if not outputs[longest]:
            break
        outputs[longest] = outputs[longest][: max(0, len(outputs[longest]) - max(excess, 64))]
        fields[f"{longest}_truncated"] = True
    return fields | outputs


def _block(fields: Mapping[str, object], *, failed: bool = False) -> dict[str, object]:
    return {"content": [{"type": "text", "text": json.dumps(fields)}], "is_error": failed}


def _schema(max_chars: int) -> dict[str, object]:
    text = {"type": "string", "minLength": 1}
    return {
        "type": "object",
        "properties": {
            "command": {
                "anyOf": [
                    {**text, "maxLength": 8192},
                    {"type": "array", "minItems": 1, "maxItems": 128, "items": {**text, "maxLength": 4096}},
                ]
            },
            "cwd": {"type": "string", "maxLength": 4096},
            "env": {
                "type": "object",
                "maxProperties": 64,
                "propertyNames": {"minLength": 1, "maxLength": 256},
                "additionalProperties": {"type": "string", "maxLength": 8192},
            },
            "max_chars": {"type": "integer", "minimum": 0, "maximum": max_chars},
            "cleanup": {"enum": ["destroy", "close"]},
        },
        "required": ["command"],
        "additionalProperties": False,
    }

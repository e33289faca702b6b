"""A tool that runs one command in the active stack's sandbox."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Final, Literal

from agents.tool import FunctionTool

import kitaru
from kitaru.errors import KitaruUsageError

if TYPE_CHECKING:
    from agents.tool_context import ToolContext

    from kitaru.records.plain import JsonObject

__all__ = ["sandbox_command_tool"]

_DESCRIPTION = "Run one shell command in an isolated sandbox and return its output and exit code."
_SHOWN = (
    "stdout",
    "stderr",
    "exit_code",
    "stdout_truncated",
    "stderr_truncated",
    "timed_out",
    "cleanup_succeeded",
    "cleanup_error",
)
_SCHEMA: Final[JsonObject] = {
    "type": "object",
    "properties": {
        "command": {"type": "string", "description": "The command to run."},
        "cwd": {"type": ["string", "null"], "description": "Directory to run it in."},
    },
    "required": ["command"],
    "additionalProperties": False,
}


def sandbox_command_tool(
    *,
    name: str = "kitaru_sandbox_command",
    description: str | None = None,
    max_chars: int = 1_048_576,
    timeout_seconds: float | None = 30.0,
    cleanup: Literal["destroy", "close"] = "destroy",
) -> FunctionTool:
    """Return a tool with which an agent runs commands in the active stack's sandbox.

    Args:
        name: Name of the tool.
        description: What the model reads about it.
        max_chars: Characters kept of each output stream.
        timeout_seconds: Time limit of one command.
        cleanup: What happens to the sandbox session afterwards.

    Returns:
        The tool. It takes `command` and `cwd` only, answers compact JSON, and shows no ids and no environment. Input
        that does not fit is answered with an error object, so that the model can correct it.

    Raises:
        KitaruUsageError: An option does not fit.
    """
    _check_options(name, max_chars, timeout_seconds, cleanup)

    async def invoke(ctx: ToolContext, arguments: str) -> str:
        del ctx
        import asyncio

        try:
            command, cwd = _parsed(arguments)
        except ValueError as error:
            return _compact({"error": {"code": "invalid_tool_input", "message": str(error)}})
        result = await asyncio.to_thread(
            kitaru.run_sandbox_command,
            command,
            cwd=cwd,
            max_chars=max_chars,
            timeout_seconds=timeout_seconds,
            cleanup=cleanup,
        )
        return _compact({field: getattr(result, field) for field in _SHOWN})

    return FunctionTool(
        name=name,
        description=description or _DESCRIPTION,
        params_json_schema=_SCHEMA,
        on_invoke_tool=invoke,
        strict_json_schema=False,
    )


def _check_options(name: object, max_chars: object, timeout: object, cleanup: object) -> None:
    if not isinstance(name, str) or not name.strip():
        msg = f"name={name!r} must be the name of a tool that is not blank."
        raise KitaruUsageError(msg)
    if isinstance(max_chars, bool) or not isinstance(max_chars, int) or max_chars < 0:
        msg = f"max_chars={max_chars!r} must be a whole number from 0 up."
        raise KitaruUsageError(msg)
    fits = isinstance(timeout, (int, float)) and not isinstance(timeout, bool) and 0 < timeout < math.inf
    if timeout is not None and not fits:
        msg = f"timeout_seconds={timeout!r} must be a finite number above 0, or None."
        raise KitaruUsageError(msg)
    if cleanup not in ("destroy", "close"):
        msg = f"cleanup={cleanup!r} must be 'destroy' or 'close'."
        raise KitaruUsageError(msg)


def _parsed(arguments: str) -> tuple[str, str | None]:
    try:
        given = json.loads(arguments) if arguments else {}
    except ValueError:
        msg = "the arguments are not valid JSON"
        raise ValueError(msg) from None
    if not isinstance(given, dict):
        msg = "the arguments must be an object"
        raise ValueError(msg)  # noqa: TRY004 - answered to the model, not raised to a person
    if unknown := sorted(set(given) - {"command", "cwd"}):
        msg = f"unknown arguments: {', '.join(unknown)}"
        raise ValueError(msg)
    command, cwd = given.get("command"), given.get("cwd")
    if not isinstance(command, str) or not command.strip():
        msg = "command must be a text that is not blank"
        raise ValueError(msg)
    if cwd is not None and not isinstance(cwd, str):
        msg = "cwd must be a text or null"
        raise ValueError(msg)
    return command, cwd


def _compact(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))

"""A LangChain tool that runs one command in the sandbox of the active stack."""

from __future__ import annotations

import asyncio
import hashlib
import json
from typing import TYPE_CHECKING, Literal

from langchain_core.tools import StructuredTool
from pydantic import BaseModel, ConfigDict, Field

import kitaru
from kitaru.errors import KitaruError, KitaruRuntimeError, KitaruUsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "DEFAULT_SANDBOX_COMMAND_TOOL_DESCRIPTION",
    "DEFAULT_SANDBOX_COMMAND_TOOL_MAX_CHARS",
    "DEFAULT_SANDBOX_COMMAND_TOOL_NAME",
    "SandboxCommandToolArgs",
    "create_sandbox_command_tool",
]

DEFAULT_SANDBOX_COMMAND_TOOL_NAME = "run_sandbox_command"
DEFAULT_SANDBOX_COMMAND_TOOL_MAX_CHARS = 20_000
DEFAULT_SANDBOX_COMMAND_TOOL_DESCRIPTION = (
    "Run one shell command in the sandbox and return its output and exit code. A non-zero exit code is a normal result."
)
_SHOWN = ("stdout", "stderr", "exit_code", "stdout_truncated", "stderr_truncated", "timed_out", "cleanup_succeeded")


class SandboxCommandToolArgs(BaseModel):
    """What the model gives.

    Attributes:
        command: The command.
        cwd: Directory to run it in.
    """

    model_config = ConfigDict(extra="forbid")

    command: str = Field(min_length=1, description="The shell command to run.")
    cwd: str | None = Field(default=None, description="Directory to run it in.")


def create_sandbox_command_tool(
    *,
    name: str = DEFAULT_SANDBOX_COMMAND_TOOL_NAME,
    description: str | None = None,
    default_cwd: str | None = None,
    env: Mapping[str, str] | None = None,
    max_chars: int = DEFAULT_SANDBOX_COMMAND_TOOL_MAX_CHARS,
    cleanup: Literal["destroy", "close"] = "destroy",
) -> StructuredTool:
    """Return a tool that runs one command in the sandbox, synchronously or asynchronously.

    The model chooses the commands, so they can read whatever the sandbox can read, and their output is recorded. A
    command does not do the same twice, so leave its checkpoints without `cache`.

    Args:
        name: Name of the tool.
        description: What the model reads about it.
        default_cwd: Directory where the model names none.
        env: Environment of the command; its values never reach a record or an error.
        max_chars: How much of the output and of the errors is kept, each.
        cleanup: What happens to the sandbox afterwards.

    Returns:
        The tool; its result is a JSON object.

    Raises:
        KitaruUsageError: An argument cannot be.
    """
    if isinstance(max_chars, bool) or not isinstance(max_chars, int) or max_chars < 0:
        msg = f"max_chars={max_chars!r} must be a whole number from 0 up."
        raise KitaruUsageError(msg)
    if cleanup not in {"destroy", "close"}:
        msg = f"cleanup={cleanup!r} must be 'destroy' or 'close'."
        raise KitaruUsageError(msg)
    private = {"cwd": default_cwd, "env": dict(env or {}), "max_chars": max_chars, "cleanup": cleanup}

    def run(command: str, cwd: str | None = None) -> str:
        return _run(command, cwd or default_cwd, dict(env or {}), max_chars, cleanup)

    async def run_async(command: str, cwd: str | None = None) -> str:
        return await asyncio.to_thread(run, command, cwd)

    return StructuredTool.from_function(
        func=run,
        coroutine=run_async,
        name=name,
        description=description or DEFAULT_SANDBOX_COMMAND_TOOL_DESCRIPTION,
        args_schema=SandboxCommandToolArgs,
        metadata={"kitaru_cache_identity": _digest(private)},
    )


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _run(
    command: str, cwd: str | None, env: dict[str, str], max_chars: int, cleanup: Literal["destroy", "close"]
) -> str:
    try:
        result = kitaru.run_sandbox_command(command, cwd=cwd, env=env or None, max_chars=max_chars, cleanup=cleanup)
    except KitaruError:
        raise
    except Exception as error:  # noqa: BLE001 - a provider's text may hold the command or its environment
        msg = f"The sandbox could not run the command ({type(error).__name__}). See the logs of the sandbox."
        raise KitaruRuntimeError(msg) from None
    return json.dumps({field: getattr(result, field) for field in _SHOWN})

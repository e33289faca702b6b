"""A tool that runs one command in the sandbox of the active stack."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict
from pydantic_ai.toolsets import FunctionToolset

import kitaru
from kitaru.errors import KitaruUsageError

__all__ = [
    "DEFAULT_SANDBOX_TOOL_MAX_CHARS",
    "SANDBOX_COMMAND_TOOL_NAME",
    "SandboxCommandToolResult",
    "sandbox_command_toolset",
]

SANDBOX_COMMAND_TOOL_NAME = "run_sandbox_command"
DEFAULT_SANDBOX_TOOL_MAX_CHARS = 20_000


class SandboxCommandToolResult(BaseModel):
    """What the model gets to see of one command; a non-zero exit code is a normal result.

    Attributes:
        command: The command.
        cwd: Where it ran, if that was asked for.
        stdout: Its output, cut to the limit.
        stderr: Its errors, cut to the limit.
        exit_code: How it ended.
        stdout_truncated: Whether output was cut.
        stderr_truncated: Whether errors were cut.
        cleanup_succeeded: Whether the sandbox was let go of.
        cleanup_error: Why not.
    """

    model_config = ConfigDict(extra="forbid")

    command: str
    cwd: str | None = None
    stdout: str
    stderr: str
    exit_code: int
    stdout_truncated: bool = False
    stderr_truncated: bool = False
    cleanup_succeeded: bool = True
    cleanup_error: str | None = None


def sandbox_command_toolset(
    *, max_chars: int = DEFAULT_SANDBOX_TOOL_MAX_CHARS, cleanup: Literal["destroy", "close"] = "destroy"
) -> FunctionToolset[object]:
    """Return a toolset with the one tool `run_sandbox_command(command, cwd=None)`.

    The model chooses the commands, so they can read whatever the sandbox can read, and their output is recorded.

    Args:
        max_chars: How much of the output and of the errors is kept.
        cleanup: What happens to the sandbox afterwards.

    Returns:
        An ordinary function toolset.

    Raises:
        KitaruUsageError: An argument cannot be.
    """
    if isinstance(max_chars, bool) or not isinstance(max_chars, int) or max_chars < 0:
        msg = f"max_chars={max_chars!r} must be a whole number from 0 up."
        raise KitaruUsageError(msg)
    if cleanup not in {"destroy", "close"}:
        msg = f"cleanup={cleanup!r} must be 'destroy' or 'close'."
        raise KitaruUsageError(msg)

    def run_sandbox_command(command: str, cwd: str | None = None) -> SandboxCommandToolResult:
        """Run one shell command in the sandbox and return what it wrote.

        Args:
            command: The command.
            cwd: Directory to run it in.
        """
        result = kitaru.run_sandbox_command(command, cwd=cwd, max_chars=max_chars, cleanup=cleanup)
        return SandboxCommandToolResult(
            command=command,
            cwd=cwd,
            stdout=result.stdout,
            stderr=result.stderr,
            exit_code=result.exit_code,
            stdout_truncated=result.stdout_truncated,
            stderr_truncated=result.stderr_truncated,
            cleanup_succeeded=result.cleanup_succeeded,
            cleanup_error=result.cleanup_error,
        )

    return FunctionToolset([run_sandbox_command])

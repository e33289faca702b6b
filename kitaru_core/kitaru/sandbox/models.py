"""What a command in a sandbox is asked with, and what it gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Cleanup", "SandboxCommandResult"]

Cleanup = Literal["destroy", "close"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxCommandResult:
    """How a command ended; what was in its environment is not part of it.

    Attributes:
        command: The command, in the notation of a shell; secrets that are known here are cut out.
        cwd: The folder it ran in.
        stdout: What it wrote, as far as it was kept.
        stderr: What it wrote to its error stream, as far as it was kept.
        exit_code: Its exit code; negative for the signal that ended it, and -1 when its time was over.
        stdout_truncated: Whether it wrote more.
        stderr_truncated: Whether it wrote more to its error stream.
        timed_out: Whether it was ended because its time was over.
        stack_id: Id of the stack.
        stack_name: Name of the stack.
        sandbox_id: Id of the sandbox.
        sandbox_name: Name of the sandbox.
        session_id: Id of this session.
        cleanup: What was to be done with the session's folder.
        cleanup_succeeded: Whether that worked.
        cleanup_error: Why it did not.
    """

    command: str
    cwd: str
    stdout: str
    stderr: str
    exit_code: int
    stdout_truncated: bool = False
    stderr_truncated: bool = False
    timed_out: bool = False
    stack_id: str = ""
    stack_name: str = ""
    sandbox_id: str = ""
    sandbox_name: str = ""
    session_id: str = ""
    cleanup: Cleanup = "destroy"
    cleanup_succeeded: bool = True
    cleanup_error: str | None = None

"""Keeps the program from outliving its run, and ends one that did."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, cast

import claude_agent_sdk

from kitaru_adapters.claude_agent_sdk import launch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from claude_agent_sdk import ClaudeAgentOptions

__all__ = ["Launcher", "Lease", "end_survivor", "find_program", "launched"]

_SCRIPT = '#!/bin/sh\nexec "$KITARU_CLAUDE_PYTHON" -I -S "$KITARU_CLAUDE_LAUNCH" "$@"\n'


class Lease(TypedDict):
    """Which process a program runs in.

    Attributes:
        pid: Its process id.
        started: When it started, in the words of the system.
        host: The machine.
    """

    pid: int
    started: str | None
    host: str


@dataclass(frozen=True)
class Launcher:
    """A program about to run, or running.

    Attributes:
        options: Options to start it with.
        lease_file: Where the started process says which one it is; `None` where the program is started directly.
    """

    options: ClaudeAgentOptions
    lease_file: Path | None = None

    def lease(self) -> Lease | None:
        """Return process id, start time and host of the program, once it runs."""
        if self.lease_file is None:
            return None
        try:
            return cast("Lease", {**json.loads(self.lease_file.read_text()), "host": socket.gethostname()})
        except (OSError, ValueError):
            return None


def find_program(options: ClaudeAgentOptions) -> Path | None:
    """Return the program that the SDK would start, or `None` if only the SDK itself can tell."""
    bundled = Path(claude_agent_sdk.__file__).parent / "_bundled" / "claude"
    if options.cli_path is None and bundled.is_file():
        return bundled
    found = shutil.which(str(options.cli_path or "claude"))
    return Path(found) if found else None


@contextlib.contextmanager
def launched(options: ClaudeAgentOptions, *, by_kernel: bool = sys.platform == "linux") -> Iterator[Launcher]:
    """Prepare to start the program so that it is ended when this process dies.

    Linux does that by itself. It ties it to the thread that starts the program, which is the thread of the caller's
    event loop: it lives as long as the run. Other systems close this process's end of a pipe, at which a child of the
    program waits.

    Args:
        options: Options of the run.
        by_kernel: Whether the kernel ends the program; a pipe does otherwise.

    Yields:
        The options to run with. Where a launcher cannot work (no POSIX, no program found, a temporary folder that
        does not allow programs) these are the same options.
    """
    program = find_program(options)
    if os.name != "posix" or program is None:
        yield Launcher(options)
        return
    with tempfile.TemporaryDirectory(prefix="kitaru-claude-", ignore_cleanup_errors=True) as folder:
        script, lease_file = Path(folder, "claude"), Path(folder, "lease.json")
        script.write_text(_SCRIPT)
        script.chmod(0o700)
        if not os.access(script, os.X_OK):
            yield Launcher(options)
            return
        settings = {
            "KITARU_CLAUDE_PYTHON": sys.executable,
            "KITARU_CLAUDE_LAUNCH": launch.__file__,
            "KITARU_CLAUDE_PROGRAM": str(program.absolute()),
            "KITARU_CLAUDE_PARENT": str(os.getpid()),
            "KITARU_CLAUDE_LEASE": str(lease_file),
            "KITARU_CLAUDE_PIPE": "" if by_kernel else str(Path(folder, "alive")),
        }
        with contextlib.nullcontext() if by_kernel else _held_open(Path(folder, "alive")):
            yield Launcher(replace(options, cli_path=script, env={**options.env, **settings}), lease_file)


@contextlib.contextmanager
def _held_open(pipe: Path) -> Iterator[None]:
    """Make a pipe that stays open as long as this process lives, and no longer than the block."""
    os.mkfifo(pipe, 0o600)
    other_end = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)  # without one, the end that writes cannot be opened
    held = os.open(pipe, os.O_WRONLY)
    os.close(other_end)
    try:
        yield
    finally:
        os.close(held)


def end_survivor(lease: Lease | None, *, session_id: str | None = None, sign: signal.Signals = signal.SIGKILL) -> bool:
    """End the program of an attempt that is over, if it still runs on this machine.

    Args:
        lease: What the attempt wrote down about its process.
        session_id: Its session, if it was given on the command line; then the process must show it there.
        sign: How to end it.

    Returns:
        Whether the process was there.
    """
    if not lease or lease.get("host") != socket.gethostname() or not lease.get("started"):
        return False
    pid = int(lease["pid"])
    if launch.started_at(pid) != lease["started"] or not _shows(pid, session_id):
        return False
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, sign)
        return True
    return False


def _shows(pid: int, session_id: str | None) -> bool:
    if session_id is None:
        return True
    try:
        return session_id.encode() in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return session_id in (launch.shown_by_ps(pid, "args") or "")

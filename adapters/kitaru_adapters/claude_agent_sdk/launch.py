"""Starts Claude's program so that it does not outlive the process that asked for it.

Run by path, with nothing but the standard library. It sees to it that this process is ended when its parent dies, says
which process it is, and becomes the program; process id and standard streams stay what they were.

Linux ends the process by itself. Elsewhere a small child of the program waits at a pipe that the parent holds open, and
ends the program when the pipe closes.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PREFIX = "KITARU_CLAUDE_"


def started_at(pid: int) -> str | None:
    """Return when a process started, in the words of the system, or `None` where it does not say."""
    try:
        line = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return shown_by_ps(pid, "lstart")
    return line.rpartition(")")[2].split()[19]


def shown_by_ps(pid: int, column: str) -> str | None:
    """Return what `ps` shows of a process, or `None` where there is no such process or no `ps`."""
    command = ["/bin/ps", "-ww", "-o", f"{column}=", "-p", str(pid)]
    try:
        found = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10)  # noqa: S603 - constants and a number
    except (OSError, subprocess.TimeoutExpired):
        return None
    return found.stdout.strip() or None


def _leave_watcher(pipe: str) -> None:
    """Fork a child that ends this process, and the program it becomes, when nobody holds the pipe open any more."""
    program = os.getpid()
    held = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)  # or it would wait for a parent that is gone
    if os.fork():
        os.close(held)
        return
    os.set_blocking(held, True)
    os.setsid()
    empty = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(empty, stream)
    while os.read(held, 1):
        pass
    # As long as this child's parent is the program, no other process can have its id.
    if os.getppid() == program:
        os.kill(program, signal.SIGKILL)
    os._exit(0)


def main() -> None:
    """Become the program named in the environment."""
    settings = {name: os.environ.pop(f"{_PREFIX}{name}") for name in ("PROGRAM", "PARENT", "LEASE", "LAUNCH", "PIPE")}
    os.environ.pop(f"{_PREFIX}PYTHON", None)
    if settings["PIPE"]:
        _leave_watcher(settings["PIPE"])
    elif sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != int(settings["PARENT"]):
            sys.exit("the process that asked for Claude is gone")
    pid = os.getpid()
    Path(settings["LEASE"]).write_text(json.dumps({"pid": pid, "started": started_at(pid)}))
    os.execv(settings["PROGRAM"], [settings["PROGRAM"], *sys.argv[1:]])  # noqa: S606 - no shell is the point


if __name__ == "__main__":
    main()

"""Starts Claude's program so that it does not outlive the process that asked for it.

Run by path, with nothing but the standard library. It tells the kernel to end this process when its parent dies, says
which process it is, and becomes the program; process id and standard streams stay what they were.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PREFIX = "KITARU_CLAUDE_"


def started_at(pid: int) -> str | None:
    """Return the kernel's start time of a process, or `None` where the kernel does not say."""
    try:
        line = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    return line.rpartition(")")[2].split()[19]


def main() -> None:
    """Become the program named in the environment."""
    settings = {name: os.environ.pop(f"{_PREFIX}{name}") for name in ("PROGRAM", "PARENT", "LEASE", "LAUNCH")}
    os.environ.pop(f"{_PREFIX}PYTHON", None)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != int(settings["PARENT"]):
            sys.exit("the process that asked for Claude is gone")
    pid = os.getpid()
    Path(settings["LEASE"]).write_text(json.dumps({"pid": pid, "started": started_at(pid)}))
    os.execv(settings["PROGRAM"], [settings["PROGRAM"], *sys.argv[1:]])  # noqa: S606 - no shell is the point


if __name__ == "__main__":
    main()

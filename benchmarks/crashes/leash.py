"""Children that do not outlive the process that started them."""

from __future__ import annotations

import ctypes
import os
import signal

__all__ = ["die_with_parent"]

_SET_PARENT_DEATH_SIGNAL = 1


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when its parent ends, however that one ends.

    Args:
        parent: The parent's process id; if it has ended already, so does this process.
    """
    ctypes.CDLL(None, use_errno=True).prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)

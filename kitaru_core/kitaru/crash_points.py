"""Named points at which a test may stop or break the runtime.

A point costs one look at an empty dictionary while nothing is armed. `KITARU_CRASH_AT=point` or `point:n` in the
environment makes the process kill itself with SIGKILL when it passes the point for the n-th time; tests may `arm` a
point with an action of their own.
"""

from __future__ import annotations

import os
import re
import signal
import threading
from collections.abc import Callable

from kitaru.errors import KitaruUsageError

__all__ = ["POINTS", "arm", "arm_from_environment", "disarm", "hit"]

POINTS: tuple[str, ...] = (
    "flow.created",
    "flow.body_done",
    "boundary.before_body",
    "boundary.after_body",
    "boundary.after_commit",
    "boundary.failed",
    "wait.opened",
    "wait.before_pause",
    "wait.answered",
    "journal.before_commit",
    "journal.in_transaction",
    "journal.after_commit",
    "note.written",
    "artifact.written",
)

_armed: dict[str, list[tuple[int, Callable[[], None]]]] = {}
_passed: dict[str, int] = {}
_lock = threading.Lock()


def hit(point: str) -> None:
    """Pass a point; runs the action armed for this passage, if there is one."""
    if not _armed:
        return
    actions = []
    with _lock:
        if point in _armed:
            _passed[point] = _passed.get(point, 0) + 1
            actions = [action for n, action in _armed[point] if n == _passed[point]]
    for action in actions:
        action()


def arm(point: str, n: int = 1, action: Callable[[], None] | None = None) -> None:
    """Have an action run when a point is passed for the n-th time from now.

    Args:
        point: One of `POINTS`.
        n: Which passage, from 1.
        action: What to run; by default the process kills itself with SIGKILL.

    Raises:
        KitaruUsageError: There is no such point; it is a `ValueError`.
    """
    if point not in POINTS:
        msg = f"There is no crash point {point!r}; there are: {', '.join(POINTS)}."
        raise KitaruUsageError(msg)
    with _lock:
        _armed.setdefault(point, []).append((_passed.get(point, 0) + n, action or _kill))


def disarm() -> None:
    """Forget all armed points and all passages."""
    with _lock:
        _armed.clear()
        _passed.clear()


def arm_from_environment() -> None:
    """Arm what `KITARU_CRASH_AT` names; several points are separated by commas.

    Raises:
        KitaruUsageError: It names no point, or no passage of one.
    """
    for item in os.environ.get("KITARU_CRASH_AT", "").split(","):
        point, _, n = item.strip().partition(":")
        if not point:
            continue
        if not re.fullmatch("[1-9][0-9]*", n or "1"):
            msg = f"KITARU_CRASH_AT={item.strip()} must name a passage as a number from 1, such as {point}:2."
            raise KitaruUsageError(msg)
        arm(point, int(n or 1))


def _kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


arm_from_environment()

"""Who runs an execution, and whether that runner can still be alive.

A lease names its holder by host, boot, process and start time of the process. On the machine where the reader stands
that is enough to know at once that a killed runner is gone. Whether a *living* process has let its lease lapse is
decided by the monotonic clock, which all processes of one boot share and no clock step changes. Between machines only
the wall clock can be compared, so there a lease is given twice its time.
"""

from __future__ import annotations

import os
import socket
import time
import uuid
from functools import cache
from pathlib import Path

import msgspec

__all__ = ["Owner", "clock", "current_owner", "owner_is_alive"]


_TOKEN_OF_PROCESS: dict[int, str] = {}


class Owner(msgspec.Struct, frozen=True):
    """The process that holds a lease.

    Attributes:
        token: Random name of this process's journal session; tells two lives of one pid apart.
        host: Host name.
        boot: Id of the machine's present boot, empty where the system has none.
        pid: Process id.
        namespace: The pid namespace, empty where there is none.
        started: Start time of the process as the kernel counts it, empty where unknown.
    """

    token: str
    host: str
    boot: str
    pid: int
    namespace: str
    started: str


def clock() -> float:
    """Return the clock by which leases of this machine are measured, in seconds."""
    return time.monotonic()


@cache
def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _started(pid: int) -> str:
    """Return when a process started, as field 22 of /proc/PID/stat says, or an empty text."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return stat.rpartition(")")[2].split()[19]


def _namespace() -> str:
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""


@cache
def current_owner() -> Owner:
    """Return this process as a lease holder; the same object for the life of the process."""
    pid = os.getpid()
    return Owner(
        token=_TOKEN_OF_PROCESS.setdefault(pid, uuid.uuid4().hex),
        host=socket.gethostname(),
        boot=_boot(),
        pid=pid,
        namespace=_namespace(),
        started=_started(pid),
    )


# A forked child is another process, and says so.
os.register_at_fork(after_in_child=current_owner.cache_clear)


def _process_exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return not _is_zombie(pid)


def _is_zombie(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] in {"Z", "X"}


def owner_is_alive(
    owner: Owner, *, until_clock: float, until_wall: float, ttl: float, here: Owner | None = None
) -> bool:
    """Say whether the holder of a lease may still be running.

    Args:
        owner: The holder as recorded.
        until_clock: When the lease lapses, by `clock()` of the holder's machine.
        until_wall: The same moment by the holder's wall clock.
        ttl: Length of a lease in seconds; the extra time given to another machine.
        here: Who asks; this process by default.

    Returns:
        `False` as soon as it is certain, or long enough since the last sign of life.
    """
    here = here or current_owner()
    if owner.boot != here.boot:
        return owner.host != here.host and time.time() < until_wall + ttl
    if not owner.boot and owner.host != here.host:
        return time.time() < until_wall + ttl
    if owner.namespace == here.namespace:
        if not _process_exists(owner.pid):
            return False
        if owner.started and _started(owner.pid) not in {owner.started, ""}:
            return False
    # Without the id of a boot, the clock may be that of an earlier one; the wall clock does not begin anew with a boot.
    return clock() < until_clock if owner.boot else time.time() < until_wall + ttl

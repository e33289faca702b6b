"""A program for several processes: each word on its command line is something one of them does."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import kitaru
from kitaru.errors import KitaruExecutionError, KitaruStateError

LOG = Path(os.environ["RIVAL_LOG"])


def _log(text: str) -> None:
    with LOG.open("a") as file:
        file.write(f"{text}\n")


@kitaru.checkpoint
def early(number: int) -> int:
    """Complete at once."""
    return number


@kitaru.checkpoint
def last() -> int:
    """Fail in the process that sets executions up."""
    if "fail" in sys.argv:
        msg = "left for the others"
        raise RuntimeError(msg)
    _log(f"{kitaru.current_execution_id()} last")
    time.sleep(0.01)
    return 3


@kitaru.flow
def contended() -> list[int]:
    """Three calls that complete and one that the rivals fight for."""
    return [*(early(number) for number in range(3)), last()]


@kitaru.checkpoint
def slow(number: int) -> int:
    """Hold the second call open until somebody says go on."""
    _log(f"body {number}")
    while number == 1 and not LOG.with_name("go on").exists():
        time.sleep(0.01)
    return number


@kitaru.flow
def sleepy() -> list[int]:
    """Run four calls, the second of which takes its time."""
    return [slow(number) for number in range(4)]


def _fail(count: int) -> list[str]:
    handles = [contended.run() for _ in range(count)]
    for handle in handles:
        try:
            handle.wait()
        except KitaruExecutionError:
            continue
    return [handle.exec_id for handle in handles]


def _retry_all(executions: list[str]) -> list[str]:
    won = []
    for execution in executions:
        try:
            kitaru.KitaruClient().executions.retry(execution, block=True)
            won.append(execution)
        except KitaruStateError:
            continue
    return won


def _sleep() -> list[str]:
    handle = sleepy.run()
    handle.wait()
    return [str(handle.status)]


def main() -> None:
    """Do what the first word says."""
    what, *words = sys.argv[1:]
    executions = kitaru.KitaruClient().executions
    said = {
        "fail": lambda: _fail(int(words[0])),
        "retry-all": lambda: _retry_all(words),
        "slow": _sleep,
        "list": lambda: [found.exec_id for found in executions.list()],
        "status": lambda: [str(executions.get(words[0]).status)],
        "results": lambda: [str(executions.get(word).result()).replace(" ", "") for word in words],
    }[what]()
    sys.stdout.write(" ".join(said))


if __name__ == "__main__":
    main()

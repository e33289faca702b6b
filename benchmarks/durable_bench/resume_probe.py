"""Run as a script: make an execution that failed after many checkpoints, or continue it and say when it got there."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import kitaru


@kitaru.checkpoint
def step(number: int) -> int:
    """Return its number."""
    return number


@kitaru.checkpoint
def next_boundary() -> float:
    """Fail where the execution is prepared; say when it was reached where it is continued."""
    if os.environ.get("BENCH_PREPARE"):
        msg = "the process that prepares the execution stops here"
        raise RuntimeError(msg)
    sys.stdout.write(f"{time.monotonic()}\n")
    sys.stdout.flush()
    return 0.0


@kitaru.flow
def long_flow(count: int) -> int:
    """Run `count` checkpoints one after another, then one more."""
    for n in range(count):
        step(n)
    next_boundary()
    return count


def main() -> None:
    """Prepare or continue."""
    if sys.argv[1] == "prepare":
        os.environ["BENCH_PREPARE"] = "1"
        handle = long_flow.run(int(sys.argv[2]))
        try:
            handle.wait()
        except kitaru.KitaruUserCodeError:
            sys.stdout.write(f"{handle.exec_id}\n")
    else:
        kitaru.KitaruClient().executions.retry(sys.argv[2])
        kitaru.FlowHandle.from_exec_id(sys.argv[2]).wait()


if __name__ == "__main__":
    main()

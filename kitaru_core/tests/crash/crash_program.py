"""A program that starts its flow, or continues the one that a killed process left behind, until it has its result."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import kitaru
from kitaru.seam import current_call


def _ran(name: str) -> None:
    with Path(os.environ["CRASH_LOG"]).open("a") as file:
        file.write(f"{name}\n")


@kitaru.checkpoint
def first() -> dict[str, int]:
    """Leave a note and an artifact."""
    _ran("first")
    call = current_call()
    if call is not None:
        call.note("intent", {"of": "first"})
    kitaru.save("report", {"pages": 3})
    return {"first": 1}


@kitaru.checkpoint(retries=1)
def second(failed: str) -> dict[str, int]:
    """Fail in its first attempt."""
    call = current_call()
    if call is not None and call.attempt == 1:
        raise ConnectionError(failed)
    _ran("second")
    return {"second": 2}


@kitaru.checkpoint
def third() -> dict[str, int]:
    """Complete."""
    _ran("third")
    return {"third": 3}


@kitaru.flow
def killed() -> list[object]:
    """Two calls, a wait, and one more call."""
    return [first(), second("first attempt"), kitaru.wait(schema=int, name="number", timeout=0), third()]


def main() -> None:
    """Start or continue, answer, and print the result."""
    os.environ["KITARU_RUN_MODE"] = "inline"
    executions = kitaru.KitaruClient().executions
    found = executions.list()
    execution = executions.get(found[0].exec_id if found else killed.run().exec_id)
    while not execution.status.is_successful:
        if execution.status == "failed":
            execution = executions.retry(execution.exec_id, block=True)
            continue
        if execution.pending_wait is not None:
            executions.input(execution.exec_id, wait="number", value=7)
        execution = executions.resume(execution.exec_id, block=True)
    sys.stdout.write(str(execution.result()))


if __name__ == "__main__":
    main()

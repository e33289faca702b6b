"""What `kitaru018_peer` runs; that engine finds its flows by module and name, and reads its settings when imported."""

from __future__ import annotations

import json
from pathlib import Path

from durable_bench.meter import Meter
from kitaru import checkpoint, flow


@checkpoint
def step(number: int, size: int) -> str:
    """Return a text of `size` characters."""
    return chr(97 + number % 26) * size


@flow
def sequence(count: int, size: int, report: str) -> int:
    """Run `count` checkpoints and write what they cost to a file; a list here might be that of another copy."""
    with Meter() as meter:
        for n in range(count):
            step(n, size)
            meter.lap()
    Path(report).write_text(json.dumps(meter.result(count)), encoding="utf-8")
    return count


@flow
def single(number: int) -> str:
    """Run one checkpoint."""
    return step(number, 1)

"""Where a checkpoint of kitaru spends its time."""

from __future__ import annotations

import cProfile
import importlib
import os
import pstats
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["profile_steps"]


def profile_steps(folder: Path, count: int = 2000, top: int = 30) -> None:
    """Profile `count` sequential checkpoints and print the most expensive functions.

    The flow runs on this thread, so that the profile sees the body, the boundary and the commit alike.

    Args:
        folder: Where the store goes.
        count: How many checkpoints.
        top: How many functions to print.
    """
    os.environ.update(KITARU_RUN_MODE="inline", KITARU_DURABILITY="process")
    peer = importlib.import_module("durable_bench.peers.kitaru_peer").Peer(folder)
    peer.steps(200, 100)
    profile = cProfile.Profile()
    profile.enable()
    costs = peer.steps(count, 100)
    profile.disable()
    pstats.Stats(profile, stream=sys.stdout).strip_dirs().sort_stats("tottime").print_stats(top)
    sys.stdout.write(f"{(costs['piece'] or 0) * 1e6:.0f} us per checkpoint under the profiler\n")
    peer.close()

"""What doubles have in common: each is wrong in one way, and says which cases must notice.

`families` are the groups of cases that the fault can reach; within them exactly the cases in `fails` must fail.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

from kitaru_toy import DurableRunner
from toy_harness import ToyHarness

DOUBLES: dict[str, type[ToyHarness]] = {}


def double(
    families: str, fails: str, harness: type[ToyHarness] = ToyHarness
) -> Callable[[type[DurableRunner]], type[DurableRunner]]:
    """Make a harness of a broken runner."""

    def declare(broken: type[DurableRunner]) -> type[DurableRunner]:
        facts = {
            "adapter": broken.adapter,
            "runner": broken,
            "families": frozenset(families.split()),
            "fails": frozenset(f"A-{int(one):02}" for one in fails.split()),
            "__module__": broken.__module__,
        }
        made = type(f"{broken.__name__}Harness", (harness,), facts)
        setattr(sys.modules[broken.__module__], made.__name__, made)
        DOUBLES[broken.__name__] = made
        return broken

    return declare


def kept_file(name: str) -> Path:
    """Return a file outside of the journal, where no adapter should remember anything."""
    return Path(os.environ["KITARU_CONFIG_PATH"]) / f"remembered-{name}"

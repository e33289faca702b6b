"""How far a subject has come.

Each requirement belongs to one level: `loads`, `base` or `full`. A case that needs a capability belongs to `full`
unless it says otherwise, and applies only to a subject that claims the capability. A subject has reached a level when
every case of that level and of those before it that applies to it has *passed*. A gap, declared or not, a failure, and
a case that was not run each hold the level down; declaring a gap only keeps the run from failing. A subject that has
not reached `loads` has the level `none`.
"""

from __future__ import annotations

from collections.abc import Iterable

from kitaru_conformance.requirements import LEVELS, Level
from kitaru_conformance.results import CaseResult

__all__ = ["level_of"]


def level_of(results: Iterable[CaseResult]) -> Level | None:
    """Return the level that these results, one for each case of a contract, reach; `None` if not even the first."""
    held = {one.level for one in results if one.result not in {"passed", "not-applicable"}}
    reached: Level | None = None
    for level in LEVELS:
        if level in held:
            return reached
        reached = level
    return reached

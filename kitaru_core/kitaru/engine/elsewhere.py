"""Units whose body runs elsewhere: looking for their outcome, and recording it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from kitaru.engine.boundary import read_outcome, run_unit
from kitaru.engine.scope import flow_scope
from kitaru.records.facts import CheckpointCompleted, CheckpointReused

if TYPE_CHECKING:
    from kitaru.engine.call import Call
    from kitaru.engine.unit import Outcome, Unit

__all__ = ["commit_unit", "peek_unit"]

T = TypeVar("T")


def peek_unit(unit: Unit) -> Outcome[Any] | None:
    """Return the recorded outcome of a unit without running or recording anything.

    The unit must have a stable key; it is not used up, and can be run or peeked at again.

    Args:
        unit: Describes the boundary.

    Returns:
        The outcome, or `None` when the journal holds none (in a replay: none that may be reused).

    Raises:
        KitaruContextError: No flow is running here, or the caller is inside a boundary.
        KitaruUsageError: The unit has no key.
    """
    run = flow_scope(f"peek({unit.name!r})")
    recorded = run.ledger.peek(unit.key)
    if recorded is None or not isinstance(recorded.fact, CheckpointCompleted | CheckpointReused):
        return None
    return read_outcome(run, unit, recorded, drifted=False)


def commit_unit(unit: Unit, value: T, *, carry: object = None) -> Outcome[T]:
    """Record a unit whose body ran elsewhere; if it is recorded already, return that outcome.

    Args:
        unit: Describes the boundary.
        value: The value it gave.
        carry: Small JSON-ready data to give back with it.

    Returns:
        The outcome; the value is the decoded one.

    Raises:
        KitaruContextError: No flow is running here, or the caller is inside a boundary.
        KitaruEncodingError: The value cannot be stored.
    """

    def body(call: Call) -> T:
        if carry is not None:
            call.carry(carry)
        return value

    return run_unit(unit, body)

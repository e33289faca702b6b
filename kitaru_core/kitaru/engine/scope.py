"""Where the present code runs: in a flow's body, in a boundary's body, or in neither."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Literal

import msgspec

from kitaru.errors import KitaruContextError

if TYPE_CHECKING:
    from kitaru.engine.call import Call
    from kitaru.engine.run import Run

__all__ = [
    "ScopeInfo",
    "current_scope",
    "flow_scope",
    "in_checkpoint",
    "in_flow",
    "log_drift",
    "no_scope",
    "occurrence",
]

current_run: ContextVar[Run | None] = ContextVar("kitaru_run", default=None)
current_boundary: ContextVar[Call | None] = ContextVar("kitaru_call", default=None)


def _stand_outside() -> None:
    # A forked child is no runner of its parent's execution: what it recorded there would be lost, or do harm.
    current_run.set(None)
    current_boundary.set(None)


os.register_at_fork(after_in_child=_stand_outside)


class ScopeInfo(msgspec.Struct, frozen=True, kw_only=True):
    """The facts about the present scope.

    Attributes:
        execution_id: The execution.
        lineage_id: The first execution of its line of replays; the same in an execution and in its replays.
        flow: Name of the flow.
        kind: `flow` or `checkpoint`.
        is_replay: Whether the execution is a replay.
        original_execution_id: Source of the replay.
        checkpoint_name: In a boundary: its name.
        call_id: In a boundary: its call id.
        invocation_id: In a boundary: its readable id.
        type: In a boundary: its label.
        attempt: In a boundary: the attempt.
    """

    execution_id: str
    lineage_id: str
    flow: str
    kind: Literal["flow", "checkpoint"]
    is_replay: bool = False
    original_execution_id: str | None = None
    checkpoint_name: str | None = None
    call_id: str | None = None
    invocation_id: str | None = None
    type: str | None = None
    attempt: int | None = None


def in_flow() -> bool:
    """Whether the caller stands in a flow's body, outside of every boundary."""
    return current_run.get() is not None and current_boundary.get() is None


def in_checkpoint() -> bool:
    """Whether the caller stands in the body of a checkpoint or of an adapter's unit."""
    return current_boundary.get() is not None


def current_scope() -> ScopeInfo | None:
    """Return the facts about the present scope, or `None` outside of every execution."""
    run = current_run.get()
    if run is None:
        return None
    call = current_boundary.get()
    facts: dict[str, object] = {}
    if call is not None:
        facts = {
            "checkpoint_name": call.name,
            "call_id": call.call_id,
            "invocation_id": call.invocation_id,
            "type": call.boundary.type,
            "attempt": call.attempt,
        }
    return ScopeInfo(
        execution_id=run.execution_id,
        lineage_id=run.lineage_id,
        flow=run.flow,
        kind="flow" if call is None else "checkpoint",
        is_replay=run.is_replay,
        original_execution_id=run.original_execution_id,
        **facts,  # type: ignore[arg-type]  # each value has the type of its field
    )


def flow_scope(what: str) -> Run:
    """Return the run whose body the caller stands in.

    Args:
        what: What the caller wanted to do, for the error.

    Raises:
        KitaruContextError: The caller stands outside of every flow, or inside a boundary.
    """
    run = current_run.get()
    call = current_boundary.get()
    if run is None:
        msg = (
            f"{what} works only inside a running flow, and no flow is running here. Call it from a function decorated "
            "with @flow that was started with `.run(...)`. In a thread of your own, run the function with "
            "`contextvars.copy_context().run`."
        )
        raise KitaruContextError(msg)
    if call is not None:
        msg = (
            f"{what} works only in the flow's own body, but this is the body of checkpoint {call.name!r}. Boundaries "
            "do "
            "not nest: return from the checkpoint first, or turn it into a plain function."
        )
        raise KitaruContextError(msg)
    return run


@contextmanager
def no_scope() -> Iterator[None]:
    """Stand outside of every flow for a while: for code that is only told something, on a first run or on a rerun."""
    boundary, run = current_boundary.set(None), current_run.set(None)
    try:
        yield
    finally:
        current_run.reset(run)
        current_boundary.reset(boundary)


def occurrence(label: str) -> int:
    """Count a label within this run of the body.

    Args:
        label: What is counted.

    Returns:
        1 at the first call with this label, then 2, and so on; counting begins anew when the body runs again.

    Raises:
        KitaruContextError: No flow is running here.
    """
    run = current_run.get()
    if run is None:
        msg = f"occurrence({label!r}) counts within a running flow, and no flow is running here."
        raise KitaruContextError(msg)
    return run.count(label)


def log_drift(message: str, **facts: object) -> None:
    """Note that on this rerun something differs from what was recorded.

    Args:
        message: What differs.
        **facts: Details, JSON-ready.

    Raises:
        KitaruDivergenceError: Strict replay is on (`KITARU_STRICT_REPLAY=1`).
        KitaruContextError: No flow is running here.
    """
    run = current_run.get()
    if run is None:
        msg = "log_drift() notes something about a running flow, and no flow is running here."
        raise KitaruContextError(msg)
    call = current_boundary.get()
    run.note_drift(message, call_id=None if call is None else call.call_id, facts=facts)

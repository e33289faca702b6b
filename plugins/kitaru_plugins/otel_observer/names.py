"""The names under which things are reported."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from kitaru.records.boundary import Boundary

__all__ = [
    "BOUNDARY_DURATION",
    "EXECUTION_ID",
    "FLOW",
    "RUN_DURATION",
    "STATUS",
    "TOKENS",
    "WAITS",
    "boundary_attributes",
]

BOUNDARY_DURATION: Final = "kitaru.boundary.duration"
RUN_DURATION: Final = "kitaru.run.duration"
TOKENS: Final = "kitaru.tokens"
WAITS: Final = "kitaru.waits"

EXECUTION_ID: Final = "kitaru.execution.id"
FLOW: Final = "kitaru.flow"
STATUS: Final = "kitaru.status"


def boundary_attributes(boundary: Boundary) -> dict[str, str | int | bool]:
    """Return the attributes of a boundary's span."""
    found: dict[str, str | int | bool | None] = {
        EXECUTION_ID: boundary.execution_id,
        FLOW: boundary.flow,
        "kitaru.checkpoint.name": boundary.name,
        "kitaru.checkpoint.invocation_id": boundary.invocation_id,
        "kitaru.checkpoint.call_id": boundary.call_id,
        "kitaru.checkpoint.kind": boundary.kind,
        "kitaru.checkpoint.type": boundary.type,
        "kitaru.checkpoint.attempt": boundary.attempt,
        "kitaru.adapter": boundary.adapter,
        "kitaru.target": boundary.target,
        "kitaru.is_replay": boundary.is_replay,
    }
    return {name: value for name, value in found.items() if value is not None}

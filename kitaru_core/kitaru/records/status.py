"""The five states an execution, a call or an attempt can be in."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["ExecutionStatus"]


class ExecutionStatus(StrEnum):
    """State of an execution; the same five words serve calls and attempts."""

    RUNNING = "running"
    WAITING = "waiting"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_finished(self) -> bool:
        """Whether nothing more happens by itself: completed, failed or cancelled."""
        return self in {ExecutionStatus.COMPLETED, ExecutionStatus.FAILED, ExecutionStatus.CANCELLED}

    @property
    def is_successful(self) -> bool:
        """Whether the execution completed."""
        return self is ExecutionStatus.COMPLETED

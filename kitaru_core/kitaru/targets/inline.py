"""The flow's own process as a target: what a body gets and gives is written down as for any other place."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kitaru.targets.api import Task

__all__ = ["InlineTarget"]


class InlineTarget:
    """Carries orders out on the thread that asks. A checkpoint that is declared inline does not even need an order."""

    def run(self, task: Task) -> bytes:
        """Carry a task out here.

        Args:
            task: The task.

        Returns:
            The reply.
        """
        return task.carry_out()

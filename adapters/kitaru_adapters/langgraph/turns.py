"""The order in which parallel calls are recorded: that of the fan-out, not that in which threads happened to come."""

from __future__ import annotations

import threading
from typing import Final, NamedTuple

__all__ = ["Turn", "Turns"]

_PATIENCE: Final = 2.0


class Turn(NamedTuple):
    """A task's place in a fan-out.

    Attributes:
        parent: Way to the graph.
        step: The step, counted from the beginning of the invocation.
        number: Place among the tasks of the step, from 0.
        node: The node that the task runs.
    """

    parent: str
    step: int
    number: int
    node: str


class Turns:
    """Lets the calls of a fan-out take their places one after the other.

    Names and places of calls are then the same in every execution, whichever thread was faster. They are for readers,
    so a call that is behind another for longer than a moment takes its place all the same.
    """

    def __init__(self) -> None:
        self._first_steps: dict[str, int] = {}
        self._started: set[Turn] = set()
        self._gone: set[Turn] = set()
        self._changed = threading.Condition()

    def began(self, parent: str, step: int, turn: Turn | None) -> None:
        """Note that a task began.

        Args:
            parent: Way to its graph.
            step: Its step.
            turn: Its place in a fan-out, if it stands in one.
        """
        with self._changed:
            self._first_steps[parent] = min(step, self._first_steps.get(parent, step))
            if turn is not None:
                self._started.add(turn)
                self._changed.notify_all()

    def wait(self, turn: Turn) -> None:
        """Return once all calls before this one have their places, or will take none.

        Of the first step that a drive of the graph makes, some tasks may have ended in an earlier drive; they never
        begin, so nobody waits there.

        Args:
            turn: The place of this call.
        """
        with self._changed:
            if self._first_steps.get(turn.parent, turn.step) < turn.step:
                self._changed.wait_for(lambda: self._is_next(turn), _PATIENCE)

    def gone(self, turn: Turn) -> None:
        """Note that a call has its place, or that its task takes none.

        Args:
            turn: The place of the call.
        """
        with self._changed:
            self._gone.add(turn)
            self._changed.notify_all()

    def _is_next(self, turn: Turn) -> bool:
        before = {
            one.number for one in self._started if one[:2] == turn[:2] and (one.node != turn.node or one in self._gone)
        }
        return before.issuperset(range(turn.number))

"""Writes of tasks that become durable together with the checkpoint that follows them.

LangGraph hands in what a task wrote on a thread that nobody waits for, and goes on. A moment later it hands in the
checkpoint of the step. One transaction can hold both, if what came first waits for what comes next.
"""

from __future__ import annotations

import threading
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kitaru_adapters.langgraph.saver_store import Encoded

__all__ = ["LateWrites", "Place", "TaskWrites"]

Place = tuple[str, str, object]
"""Thread, namespace and checkpoint that writes belong to."""

_MOMENT: Final = 0.005
_ENCODING: Final = 0.1
_TRIES, _ONCE_IN = 8, 16


class TaskWrites:
    """What one task wrote.

    Args:
        place: Where it belongs.
        task: Id of the task, and its path.
        values: Channel and encoded value of each write.
    """

    def __init__(
        self, place: Place, task: tuple[str, str], values: Sequence[tuple[str, Encoded | list[Encoded]]]
    ) -> None:
        self.place = place
        self.task = task
        self.values = values
        self.state: Literal["waiting", "taken", "stored", "left"] = "waiting"


class LateWrites:
    """Brings writes and checkpoints together; both come on any thread."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._coming: Counter[Place] = Counter()
        self._waiting: dict[Place, list[TaskWrites]] = {}
        self._in_vain = 0

    @contextmanager
    def coming(self, place: Place) -> Iterator[None]:
        """Have a checkpoint wait for writes that are being encoded in the block.

        Args:
            place: Where the writes belong.
        """
        with self._changed:
            self._coming[place] += 1
        try:
            yield
        finally:
            with self._changed:
                self._coming[place] -= 1
                if not self._coming[place]:
                    del self._coming[place]
                self._changed.notify_all()

    def offer(self, writes: TaskWrites) -> None:
        """Let a checkpoint that comes now take writes along; to be called while they are `coming`.

        Args:
            writes: The writes.
        """
        with self._changed:
            self._waiting.setdefault(writes.place, []).append(writes)

    def are_stored(self, writes: TaskWrites) -> bool:
        """Wait a moment for a checkpoint that takes writes along.

        Where nobody ever does, because the graph waits for its writes or tasks end one by one, the wait is mostly left
        out.

        Args:
            writes: Writes that were offered.

        Returns:
            Whether they are durable; if not, they are the caller's again.
        """
        with self._changed:
            hopeless = self._in_vain >= _TRIES and self._in_vain % _ONCE_IN
            self._changed.wait_for(lambda: writes.state != "waiting", 0 if hopeless else _MOMENT)
            if writes.state == "waiting":
                self._in_vain += 1
                self._withdraw(writes)
                return False
            self._in_vain = 0
            self._changed.wait_for(lambda: writes.state != "taken")
            return writes.state == "stored"

    def _withdraw(self, writes: TaskWrites) -> None:
        left = self._waiting[writes.place]
        left.remove(writes)
        if not left:
            del self._waiting[writes.place]

    @contextmanager
    def taken(self, place: Place) -> Iterator[list[TaskWrites]]:
        """Take along the writes that wait for the checkpoint behind a place; they are durable if the block ends well.

        Args:
            place: Where the writes belong: the parent of the checkpoint.

        Yields:
            The writes.
        """
        with self._changed:
            self._changed.wait_for(lambda: place not in self._coming, _ENCODING)
            found = self._waiting.pop(place, [])
            for writes in found:
                writes.state = "taken"
        ended: Literal["stored", "left"] = "left"
        try:
            yield found
            ended = "stored"
        finally:
            if found:
                with self._changed:
                    for writes in found:
                        writes.state = ended
                    self._changed.notify_all()

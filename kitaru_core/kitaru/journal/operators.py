"""What an operator may do to an execution that somebody else may be running."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kitaru.journal.api import Draft, ExecutionRow, WaitRow
    from kitaru.journal.reading import Reading

__all__ = ["OperatorTransaction"]


class OperatorTransaction:
    """One execution, seen and changed while nobody else can.

    Args:
        row: The execution at the beginning.
        reading: Reads inside the transaction.
        append: Appends a record inside the transaction.
    """

    def __init__(self, row: ExecutionRow, reading: Reading, append: Callable[[Draft], None]) -> None:
        self.row = row
        self._reading = reading
        self._append = append

    def waits(self, state: str = "open") -> list[WaitRow]:
        """Return the execution's waits in a state, oldest first."""
        return self._reading.waits(self.row.id, state)

    def append(self, draft: Draft) -> None:
        """Append a record."""
        self._append(draft)

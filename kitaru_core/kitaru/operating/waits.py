"""`client.waits`: what is open, anywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kitaru.operating.reading import pending_wait

if TYPE_CHECKING:
    from kitaru.journal.api import Journal
    from kitaru.operating.models import PendingWait

__all__ = ["WaitsNamespace"]


class WaitsNamespace:
    """Lists the open waits of all executions.

    Args:
        journal: Where they are recorded.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def list(self, *, flow: str | None = None) -> list[PendingWait]:
        """Return every open wait, oldest first.

        Args:
            flow: Only of executions of this flow.

        Raises:
            KitaruJournalError: The store cannot be read.
        """
        return [pending_wait(row) for row in self._journal.waits() if flow is None or row.flow == flow]

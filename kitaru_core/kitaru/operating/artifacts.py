"""`client.artifacts`: the values executions have stored."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kitaru.engine.ids import execution_prefix
from kitaru.errors import KitaruNotFoundError
from kitaru.operating.pages import check_count
from kitaru.operating.reading import read_details

if TYPE_CHECKING:
    from kitaru.journal.api import Journal
    from kitaru.operating.models import ArtifactRef

__all__ = ["ArtifactsNamespace"]


class ArtifactsNamespace:
    """Finds stored values.

    Args:
        journal: Where they are recorded.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def list(
        self,
        exec_id: str,
        *,
        name: str | None = None,
        kind: str | None = None,
        producing_call: str | None = None,
        limit: int | None = None,
    ) -> list[ArtifactRef]:
        """Return the stored values of an execution, in the order of its calls.

        Args:
            exec_id: The execution.
            name: Only of this name.
            kind: Only of this kind.
            producing_call: Only of this checkpoint.
            limit: At most this many.

        Raises:
            KitaruNotFoundError: There is no such execution.
            KitaruUsageError: The limit is below 1.
        """
        check_count("limit", limit)
        wanted = (("name", name), ("kind", kind), ("producing_call", producing_call))
        found = [
            artifact
            for artifact in read_details(self._journal, self._journal.execution(exec_id)).artifacts
            if all(value is None or getattr(artifact, field) == value for field, value in wanted)
        ]
        return found[:limit]

    def get(self, artifact_id: str) -> ArtifactRef:
        """Return a stored value by its id.

        Args:
            artifact_id: Its id.

        Raises:
            KitaruNotFoundError: There is no such artifact.
        """
        for execution_id in self._journal.find_by_prefix(execution_prefix(artifact_id)):
            for artifact in self.list(execution_id):
                if artifact.artifact_id == artifact_id:
                    return artifact
        msg = f"There is no artifact {artifact_id!r}; `kitaru artifacts list EXEC_ID` shows those of an execution."
        raise KitaruNotFoundError(msg)

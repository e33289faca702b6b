"""`KitaruClient`: the door to executions that exist."""

from __future__ import annotations

from kitaru.engine.journals import default_journal
from kitaru.errors import KitaruFeatureNotAvailableError
from kitaru.operating.artifacts import ArtifactsNamespace
from kitaru.operating.executions import ExecutionsNamespace
from kitaru.operating.server_only import AuthNamespace, DeploymentsNamespace
from kitaru.operating.waits import WaitsNamespace

__all__ = ["KitaruClient"]


class KitaruClient:
    """Inspects and controls executions; it never starts new ones from source.

    Args:
        server_url: Reserved for the server, which this installation does not have.
        auth_token: Reserved for the server.
        project: Reserved for the server.
        store: Address or path of the store; by default the one of the settings.
        surface: Recorded with answers and cancellations: through what somebody acted.

    Attributes:
        executions: Executions.
        artifacts: Stored values.
        waits: Open waits of all executions.
        deployments: Versions of flows on the server; there is none here.
        auth: Who may use the server; there is none here.

    Raises:
        KitaruFeatureNotAvailableError: A server setting was given.
        KitaruJournalError: The store cannot be used.
    """

    def __init__(
        self,
        *,
        server_url: str | None = None,
        auth_token: str | None = None,
        project: str | None = None,
        store: str | None = None,
        surface: str = "python",
    ) -> None:
        remote = {"server_url": server_url, "auth_token": auth_token, "project": project}
        given = [name for name, value in remote.items() if value is not None]
        if given:
            msg = (
                f"KitaruClient({given[0]}=...) needs the kitaru server, which this installation does not have. Leave "
                "it "
                "out to work with the local store, or name another one with store=."
            )
            raise KitaruFeatureNotAvailableError(msg)
        journal = default_journal(store)
        self.executions: ExecutionsNamespace = ExecutionsNamespace(journal, surface=surface)
        self.artifacts: ArtifactsNamespace = ArtifactsNamespace(journal)
        self.waits: WaitsNamespace = WaitsNamespace(journal)
        self.deployments: DeploymentsNamespace = DeploymentsNamespace()
        self.auth: AuthNamespace = AuthNamespace()

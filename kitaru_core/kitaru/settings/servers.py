"""Connecting to a kitaru server."""

from __future__ import annotations

from kitaru.errors import KitaruFeatureNotAvailableError
from kitaru.settings import values

__all__ = ["connect", "login_to_server"]


def connect(server_url: str, **options: object) -> None:
    """Refuse: this installation has no client for a server; everything works on the store of this machine.

    Args:
        server_url: Address of the server.
        **options: What a server would need besides: `api_key`, `project`, and the like.

    Raises:
        KitaruUsageError: The address is none.
        KitaruFeatureNotAvailableError: Always otherwise.
    """
    del options
    address = values.server_address(server_url, "The server's address")
    msg = (
        f"{address} was not connected to: this installation has no client for a kitaru server. Flows run and are kept "
        "on this machine; set KITARU_STORE to choose where."
    )
    raise KitaruFeatureNotAvailableError(msg)


def login_to_server(server: str, **options: object) -> None:
    """Refuse, as `connect` does.

    Args:
        server: Address of the server.
        **options: As for `connect`.

    Raises:
        KitaruUsageError: The address is none.
        KitaruFeatureNotAvailableError: Always otherwise.
    """
    connect(server, **options)

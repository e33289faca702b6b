"""Which server this process talks to, if any."""

from __future__ import annotations

from typing import Literal

import msgspec

from kitaru.artifacts.redaction import shared_redactor
from kitaru.errors import KitaruUsageError
from kitaru.settings.config import KitaruConfig, layer
from kitaru.settings.environment import environment_config
from kitaru.settings.runtime import runtime_config
from kitaru.settings.user_file import section, update_user_file, user_file_path

__all__ = ["ResolvedConnectionConfig", "forget_connection", "remember_connection", "resolve_connection_config"]

Source = Literal["default", "environment", "login"]


class ResolvedConnectionConfig(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The connection that holds.

    Attributes:
        server_url: Address of the server; `None` works on this machine alone.
        auth_token: Token for it; never shown.
        project: Project on the server.
        source: Where the address was set: `default`, `environment` or `login`.
    """

    server_url: str | None = None
    auth_token: str | None = None
    project: str | None = None
    source: Source = "default"

    def __repr__(self) -> str:
        token = None if self.auth_token is None else "[hidden]"
        return (
            f"ResolvedConnectionConfig(server_url={self.server_url!r}, auth_token={token}, project={self.project!r}, "
            f"source={self.source!r})"
        )


def resolve_connection_config(*, project: str | None = None) -> ResolvedConnectionConfig:
    """Return the connection that holds: from the environment, else the remembered login, else none.

    Args:
        project: Project to use, whatever else is set.

    Raises:
        KitaruUsageError: The environment names an address without a token or project, or a token without an address.
    """
    given = environment_config()
    wanted = project or runtime_config().project or given.project
    source: Source
    if given.server_url is None and given.auth_token is None:
        found, source = _remembered(), "login"
    else:
        _check_complete(given, wanted)
        found, source = given, "environment"
    if found.auth_token is not None:
        shared_redactor().add(found.auth_token)
    return ResolvedConnectionConfig(
        server_url=found.server_url,
        auth_token=found.auth_token,
        project=wanted or found.project,
        source=source if found.server_url is not None else "default",
    )


def remember_connection(server_url: str, *, auth_token: str | None = None, project: str | None = None) -> None:
    """Remember a connection for later processes, in a file only its owner may read.

    Args:
        server_url: Address of the server.
        auth_token: Token for it.
        project: Project on it.

    Raises:
        KitaruUsageError: A value is wrong.
    """
    fields = {"server_url": server_url, "auth_token": auth_token, "project": project}
    checked = layer(fields, lambda field: f"The {field} of the connection")
    with update_user_file() as content:
        content["connection"] = {name: getattr(checked, name) for name in fields if getattr(checked, name) is not None}


def forget_connection() -> bool:
    """Forget the remembered connection.

    Returns:
        Whether there was one.
    """
    if not section("connection"):
        return False
    with update_user_file() as content:
        return content.pop("connection", None) is not None


def _remembered() -> KitaruConfig:
    kept = section("connection")
    fields = {name: kept.get(name) for name in ("server_url", "auth_token", "project")}
    return layer(fields, lambda field: f"`{field}` of `connection` in {user_file_path()}")


def _check_complete(given: KitaruConfig, project: str | None) -> None:
    if given.server_url is None:
        msg = "KITARU_AUTH_TOKEN is set without KITARU_SERVER_URL; the two go together. Set both, or neither."
        raise KitaruUsageError(msg)
    if given.auth_token is None:
        msg = "KITARU_SERVER_URL is set without KITARU_AUTH_TOKEN; the two go together. Set both, or neither."
        raise KitaruUsageError(msg)
    if project is None:
        msg = "KITARU_SERVER_URL is set and no project is named; set KITARU_PROJECT, or call configure(project=...)."
        raise KitaruUsageError(msg)

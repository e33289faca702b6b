"""What kitaru works with here, as one document: the same for people, programs and reports of faults."""

from __future__ import annotations

import getpass
import os
import platform
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, distributions, version
from pathlib import Path
from typing import TypeVar

import msgspec

from kitaru.errors import KitaruError
from kitaru.settings import log_store
from kitaru.settings.connection import ResolvedConnectionConfig, resolve_connection_config
from kitaru.settings.environment import list_active_kitaru_environment_variables
from kitaru.settings.paths import config_directory, store_address
from kitaru.settings.stack_names import active_stack_name, find_stack
from kitaru.settings.user_file import user_file_path
from kitaru.version import __version__

__all__ = ["Snapshot", "project_root", "take_snapshot"]

T = TypeVar("T")

_PLACES = {
    "KUBERNETES_SERVICE_HOST": "kubernetes",
    "GITHUB_ACTIONS": "github_actions",
    "GITLAB_CI": "gitlab_ci",
    "CIRCLECI": "circleci",
}


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """What kitaru works with here; a key without a fact is `None`.

    Attributes:
        sdk_version: Version of kitaru.
        connection: `local database` or `remote Kitaru server`.
        connection_target: Address of the store or server.
        config_directory: Where settings are kept.
        server_url: Address of the server.
        active_user: Who is at work.
        project_override: Project on the server.
        active_stack: Name of the active stack.
        repository_root: Folder of the project.
        server_version: Version of the server.
        server_database: Database of the server.
        server_deployment_type: How the server was deployed.
        local_server_status: State of a server on this machine.
        warning: What is wrong, if something is.
        log_store_status: Where runtime logs go.
        log_store_warning: What is wrong with that.
        environment: Variables of kitaru that are set, those that look secret masked.
        kitaru_global_config_path: The settings file.
        local_stores_path: Where local stores are kept.
        repository_config_path: The project's folder of settings.
        uses_repo_local_config: Whether the project has one.
        connection_sources: Where each part of the connection was set.
        active_project: Project on the server.
        active_stack_provenance: Where the active stack was set.
        active_project_provenance: Where the project was set.
        python_version: Version of Python.
        system_info: Operating system and architecture.
        environment_type: What kind of machine this is.
        packages: Versions of packages.
    """

    sdk_version: str = __version__
    connection: str
    connection_target: str
    config_directory: str
    server_url: str | None
    active_user: str | None
    project_override: str | None
    active_stack: str | None
    repository_root: str | None
    server_version: str | None = None
    server_database: str | None = None
    server_deployment_type: str | None = None
    local_server_status: str | None = None
    warning: str | None
    log_store_status: str | None
    log_store_warning: str | None
    environment: list[dict[str, str]]
    kitaru_global_config_path: str
    local_stores_path: str
    repository_config_path: str | None
    uses_repo_local_config: bool
    connection_sources: dict[str, str]
    active_project: str | None
    active_stack_provenance: str | None = None
    active_project_provenance: str | None = None
    python_version: str
    system_info: dict[str, str]
    environment_type: str | None = None
    packages: dict[str, str] | None = None


def take_snapshot(*, everything: bool = False, packages: Sequence[str] | None = ()) -> Snapshot:
    """Describe this installation; a broken setting is told as a warning, not raised.

    Args:
        everything: Also what kind of machine this is, and where the active stack was set.
        packages: Which packages to name with their versions; `None` for all.
    """
    warnings: list[str] = []
    connection = _or_none(resolve_connection_config, warnings) or ResolvedConnectionConfig()
    stack = _or_none(_stack, warnings)
    logs = _or_none(log_store.resolve_log_store, warnings)
    root = project_root()
    return Snapshot(
        connection="local database" if connection.server_url is None else "remote Kitaru server",
        connection_target=connection.server_url or store_address(),
        config_directory=str(config_directory()),
        server_url=connection.server_url,
        active_user=_user(),
        project_override=os.environ.get("KITARU_PROJECT") or None,
        active_stack=stack,
        repository_root=None if root is None else str(root),
        warning=" ".join(warnings) or None,
        log_store_status=None if logs is None else logs.backend,
        log_store_warning=None if logs is None else log_store.idle_log_store(logs),
        environment=[
            {"name": name, "value": value} for name, value in list_active_kitaru_environment_variables().items()
        ],
        kitaru_global_config_path=str(user_file_path()),
        local_stores_path=store_address(),
        repository_config_path=None if root is None else str(root / ".kitaru"),
        uses_repo_local_config=root is not None,
        connection_sources=dict.fromkeys(("server_url", "auth_token", "project"), connection.source),
        active_project=connection.project,
        active_stack_provenance=_stack_source() if everything else None,
        python_version=platform.python_version(),
        system_info={"os": platform.system(), "architecture": platform.machine()},
        environment_type=_place() if everything else None,
        packages=_versions(packages),
    )


def project_root(start: Path | None = None) -> Path | None:
    """Return the nearest folder at or above a folder that is marked as a project.

    Args:
        start: The folder; the working directory if none.
    """
    folder = (start or Path.cwd()).absolute()
    return next((place for place in (folder, *folder.parents) if (place / ".kitaru").is_dir()), None)


def _or_none(resolve: Callable[[], T], warnings: list[str]) -> T | None:
    try:
        return resolve()
    except KitaruError as error:
        warnings.append(str(error))
        return None


def _user() -> str | None:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return None  # a container may know no name for its user


def _stack() -> str:
    """Return the stack that a flow started here would run on, if nothing else names one."""
    return find_stack(os.environ.get("KITARU_STACK", "").strip() or active_stack_name()).name


def _stack_source() -> str:
    return "environment" if os.environ.get("KITARU_STACK", "").strip() else "global"


def _place() -> str:
    for variable, place in _PLACES.items():
        if os.environ.get(variable):
            return place
    return "docker" if Path("/.dockerenv").exists() else "native"


def _versions(names: Sequence[str] | None) -> dict[str, str] | None:
    if names is None:
        return dict(sorted({one.name: one.version for one in distributions()}.items(), key=lambda one: one[0].lower()))
    found = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found or None

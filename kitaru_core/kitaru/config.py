"""Settings of every kind: where they come from, which wins, and what is remembered for later processes."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kitaru.models.aliases import (
        ModelAliasEntry,
        ResolvedModelSelection,
        list_model_aliases,
        register_model_alias,
        resolve_model_selection,
        set_default_model_alias,
        unregister_model_alias,
    )
    from kitaru.operating.models import FrozenExecutionSpec
    from kitaru.settings.analytics import AnalyticsStatus, analytics_status, set_analytics_preference
    from kitaru.settings.config import KitaruConfig
    from kitaru.settings.connection import ResolvedConnectionConfig, resolve_connection_config
    from kitaru.settings.environment import list_active_kitaru_environment_variables
    from kitaru.settings.image import ImageSettings
    from kitaru.settings.log_store import (
        ResolvedLogStore,
        active_stack_log_store,
        reset_global_log_store,
        resolve_log_store,
        set_global_log_store,
    )
    from kitaru.settings.paths import config_directory, store_address
    from kitaru.settings.resolve import ExecutionSettings as ResolvedExecutionConfig
    from kitaru.settings.resolve import resolve_execution_settings as resolve_execution_config
    from kitaru.settings.runtime import configure
    from kitaru.settings.servers import connect, login_to_server

_HOMES = {
    "kitaru.models.aliases": (
        *("ModelAliasEntry", "ResolvedModelSelection", "list_model_aliases", "register_model_alias"),
        *("resolve_model_selection", "set_default_model_alias", "unregister_model_alias"),
    ),
    "kitaru.operating.models": ("FrozenExecutionSpec",),
    "kitaru.settings.analytics": ("AnalyticsStatus", "analytics_status", "set_analytics_preference"),
    "kitaru.settings.config": ("KitaruConfig",),
    "kitaru.settings.connection": ("ResolvedConnectionConfig", "resolve_connection_config"),
    "kitaru.settings.environment": ("list_active_kitaru_environment_variables",),
    "kitaru.settings.image": ("ImageSettings",),
    "kitaru.settings.log_store": (
        *("ResolvedLogStore", "active_stack_log_store", "reset_global_log_store", "resolve_log_store"),
        "set_global_log_store",
    ),
    "kitaru.settings.paths": ("config_directory", "store_address"),
    "kitaru.settings.runtime": ("configure",),
    "kitaru.settings.servers": ("connect", "login_to_server"),
}
_HOME_OF = {name: (home, name) for home, names in _HOMES.items() for name in names} | {
    "ResolvedExecutionConfig": ("kitaru.settings.resolve", "ExecutionSettings"),
    "resolve_execution_config": ("kitaru.settings.resolve", "resolve_execution_settings"),
}

__all__ = [
    "AnalyticsStatus",
    "FrozenExecutionSpec",
    "ImageSettings",
    "KitaruConfig",
    "ModelAliasEntry",
    "ResolvedConnectionConfig",
    "ResolvedExecutionConfig",
    "ResolvedLogStore",
    "ResolvedModelSelection",
    "active_stack_log_store",
    "analytics_status",
    "config_directory",
    "configure",
    "connect",
    "list_active_kitaru_environment_variables",
    "list_model_aliases",
    "login_to_server",
    "register_model_alias",
    "reset_global_log_store",
    "resolve_connection_config",
    "resolve_execution_config",
    "resolve_log_store",
    "resolve_model_selection",
    "set_analytics_preference",
    "set_default_model_alias",
    "set_global_log_store",
    "store_address",
    "unregister_model_alias",
]


def __getattr__(name: str) -> object:
    """Load a public name on first use."""
    if name not in _HOME_OF:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    home, attribute = _HOME_OF[name]
    value = getattr(import_module(home), attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, loaded or not."""
    return __all__

"""The secret stores built in, offered through the same hook as anybody else's."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from kitaru.hooks.cards import PluginCard, SecretStoreDriver
from kitaru.hooks.markers import HOOKSPEC_LEVEL, hookimpl

if TYPE_CHECKING:
    from kitaru.secrets.api import SecretStore

__all__ = ["kitaru_plugin_card", "kitaru_secret_stores"]


@hookimpl
def kitaru_plugin_card() -> PluginCard:
    """Return the card of the built-in secret stores."""
    return PluginCard(name="secrets", hookspec=HOOKSPEC_LEVEL)


@hookimpl
def kitaru_secret_stores() -> list[SecretStoreDriver]:
    """Offer the encrypted store of this machine, and the environment, which can only be read."""
    return [SecretStoreDriver(name="environment", load=_environment), SecretStoreDriver(name="local", load=_local)]


def _environment() -> Callable[[], SecretStore]:
    from kitaru.secrets.environment import EnvironmentSecretStore

    return EnvironmentSecretStore


def _local() -> Callable[[], SecretStore]:
    from kitaru.secrets.registry import open_local_store

    return open_local_store

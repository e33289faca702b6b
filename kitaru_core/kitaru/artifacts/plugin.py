"""The artifact store built in, offered through the same hook as anybody else's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kitaru.hooks.cards import ArtifactStoreDriver, PluginCard
from kitaru.hooks.markers import HOOKSPEC_LEVEL, hookimpl

if TYPE_CHECKING:
    from kitaru.artifacts.registry import Opener

__all__ = ["kitaru_artifact_stores", "kitaru_plugin_card"]


@hookimpl
def kitaru_plugin_card() -> PluginCard:
    """Return the card of the built-in artifact store."""
    return PluginCard(name="artifacts", hookspec=HOOKSPEC_LEVEL)


@hookimpl
def kitaru_artifact_stores() -> list[ArtifactStoreDriver]:
    """Offer folders of this machine."""
    return [ArtifactStoreDriver(schemes=("file",), load=_load)]


def _load() -> Opener:
    from kitaru.artifacts.registry import open_folder

    return open_folder

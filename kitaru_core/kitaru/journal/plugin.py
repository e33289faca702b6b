"""The journals built in, offered through the same hook as anybody else's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kitaru.hooks.cards import JournalDriver, PluginCard
from kitaru.hooks.markers import HOOKSPEC_LEVEL, hookimpl

if TYPE_CHECKING:
    from kitaru.journal.api import Opener

__all__ = ["kitaru_journals", "kitaru_plugin_card"]


@hookimpl
def kitaru_plugin_card() -> PluginCard:
    """Return the card of the built-in journals."""
    return PluginCard(name="journal", hookspec=HOOKSPEC_LEVEL)


@hookimpl
def kitaru_journals() -> list[JournalDriver]:
    """Offer the embedded journal, in a file and in memory."""
    return [JournalDriver(schemes=("memory", "sqlite"), load=_load)]


def _load() -> Opener:
    from kitaru.journal.registry import embedded_opener

    return embedded_opener()

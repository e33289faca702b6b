"""The built-in commands, added through the same hook as anybody else's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kitaru.hooks.cards import PluginCard
from kitaru.hooks.markers import HOOKSPEC_LEVEL, hookimpl

if TYPE_CHECKING:
    from kitaru.hooks.facts import CommandGroup

__all__ = ["kitaru_cli_commands", "kitaru_plugin_card"]


@hookimpl
def kitaru_plugin_card() -> PluginCard:
    """Return the card of the built-in commands."""
    return PluginCard(name="cli", hookspec=HOOKSPEC_LEVEL)


@hookimpl
def kitaru_cli_commands(cli: CommandGroup) -> None:
    """Add the built-in commands."""
    from kitaru.cli.command_table import add_commands

    add_commands(cli)

"""`kitaru plugins`: what is plugged in."""

from __future__ import annotations

import dataclasses

from kitaru.cli.arguments import OutputOption
from kitaru.cli.output import Output
from kitaru.cli.views import titled_table
from kitaru.hooks.loading import survey

__all__ = ["list_plugins"]


def list_plugins(*, output: OutputOption = "text") -> None:
    """List the plugins: where each comes from, which hooks it has, and whether its framework is there.

    Args:
        output: text for people, json for programs.
    """
    plugins = survey().plugins
    table = titled_table("Plugins")
    for heading in ("Name", "Distribution", "State", "Level", "Frameworks", "Hooks"):
        table.add_column(heading, overflow="fold")
    for plugin in plugins:
        table.add_row(
            plugin.name,
            f"{plugin.distribution or '-'} {plugin.version or ''}",
            plugin.trouble or plugin.state,
            "-" if plugin.level is None else str(plugin.level),
            ", ".join(f"{name} {found or 'not installed'}" for name, found in plugin.frameworks.items()) or "-",
            ", ".join(hook.removeprefix("kitaru_") for hook in plugin.hooks),
        )
    Output("plugins.list", output).items([dataclasses.asdict(plugin) for plugin in plugins], table)

"""`kitaru plugins`: what is plugged in."""

from __future__ import annotations

import dataclasses

from cyclopts import App

from kitaru.cli.app import OutputOption
from kitaru.cli.output import Output

__all__ = ["app"]

app = App(name="plugins", help="See what is plugged in.", result_action="return_value")


@app.command(name="list")
def list_plugins(*, output: OutputOption = "text") -> None:
    """List the plugins: where each comes from, which hooks it has, and whether its framework is there.

    Args:
        output: text for people, json for programs.
    """
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    from kitaru.hooks.loading import survey

    plugins = survey().plugins
    table = Table(title=Text("Plugins", style="bold"), title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
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

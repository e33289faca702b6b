"""`kitaru plugins`: what is plugged in."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from rich.text import Text

from kitaru.cli.arguments import OutputOption
from kitaru.cli.output import Output
from kitaru.cli.views import nothing_found
from kitaru.hooks.loading import survey

if TYPE_CHECKING:
    from kitaru.hooks.parts import PluginInfo

__all__ = ["list_plugins"]

_STYLES = {"active": "green", "idle": "dim", "disabled": "dim", "broken": "red"}


def list_plugins(*, output: OutputOption = "text") -> None:
    """List the plugins: where each comes from, which hooks it has, and whether its framework is there.

    Args:
        output: text for people, json for programs.
    """
    plugins = survey().plugins
    wide = max((len(plugin.name) for plugin in plugins), default=0)
    lines = [Text("Plugins", style="bold"), *([] if plugins else [nothing_found("plugins")])]
    for plugin in plugins:
        lines += _told(plugin, wide)
    Output("plugins.list", output).items([dataclasses.asdict(plugin) for plugin in plugins], *lines)


def _told(plugin: PluginInfo, wide: int) -> list[Text]:
    state = (plugin.state, _STYLES.get(plugin.state, "yellow"))
    origin = f"{plugin.distribution or '-'} {plugin.version or ''}".rstrip()
    frameworks = [f"{name} {found or 'not installed'}" for name, found in plugin.frameworks.items()]
    hooks = [hook.removeprefix("kitaru_") for hook in plugin.hooks if hook != "kitaru_plugin_card"]
    lines = [Text.assemble(f"  {plugin.name:{wide}}  ", state, (f"  {origin}", "dim"))]
    facts = {"with": frameworks, "hooks": hooks}
    lines += [Text(f"    {what}: {', '.join(found)}", style="dim") for what, found in facts.items() if found]
    about = "dim" if plugin.state in _STYLES and plugin.state != "broken" else "yellow"
    return lines + ([Text(f"    {plugin.trouble}", style=about)] if plugin.trouble else [])

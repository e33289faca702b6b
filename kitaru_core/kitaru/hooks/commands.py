"""Commands that plugins add to the program: collected first, checked for clashes, then added."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kitaru.errors import KitaruPluginError
from kitaru.hooks.isolation import report
from kitaru.hooks.parts import clash

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kitaru.hooks.facts import CommandGroup
    from kitaru.hooks.isolation import Listener

__all__ = ["collect_commands"]


class _Collected:
    """Takes a plugin's commands without adding them yet."""

    def __init__(self) -> None:
        self.commands: list[tuple[str, object]] = []

    def command(self, target: object, *, name: str) -> None:
        """Keep a command."""
        self.commands.append((name, target))


def collect_commands(listeners: Sequence[Listener], cli: CommandGroup) -> None:
    """Add the commands of all plugins.

    Args:
        listeners: Whom to ask.
        cli: Where to add them.

    Raises:
        KitaruPluginError: Two plugins add the same command; none was added.
    """
    chosen: dict[str, tuple[Listener, object]] = {}
    for listener in listeners:
        collected = _Collected()
        try:
            listener(cli=collected)
        except KitaruPluginError as error:
            report(error)
            continue
        for name, target in collected.commands:
            if name in chosen:
                raise clash(chosen[name][0].origin, listener.origin, "command", name, listener.hook)
            chosen[name] = listener, target
    for name, (_, target) in chosen.items():
        cli.command(target, name=name)

"""The kind of stack built in, offered through the same hook as anybody else's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kitaru.hooks.cards import PluginCard, StackKind
from kitaru.hooks.markers import HOOKSPEC_LEVEL, hookimpl

if TYPE_CHECKING:
    from kitaru.stacks.api import StackDriver

__all__ = ["kitaru_plugin_card", "kitaru_stack_kinds"]


@hookimpl
def kitaru_plugin_card() -> PluginCard:
    """Return the card of the built-in kind of stack."""
    return PluginCard(name="stacks", hookspec=HOOKSPEC_LEVEL)


@hookimpl
def kitaru_stack_kinds() -> list[StackKind]:
    """Offer stacks on this machine."""
    return [StackKind(name="local", load=_load)]


def _load() -> StackDriver:
    from kitaru.stacks.local import LocalStackDriver

    return LocalStackDriver()

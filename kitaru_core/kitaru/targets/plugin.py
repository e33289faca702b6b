"""The targets built in, offered through the same hook as anybody else's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kitaru.hooks.cards import PluginCard, TargetDriver
from kitaru.hooks.markers import HOOKSPEC_LEVEL, hookimpl

if TYPE_CHECKING:
    from kitaru.targets.api import ExecutionTarget

__all__ = ["kitaru_execution_targets", "kitaru_plugin_card"]


@hookimpl
def kitaru_plugin_card() -> PluginCard:
    """Return the card of the built-in targets."""
    return PluginCard(name="targets", hookspec=HOOKSPEC_LEVEL)


@hookimpl
def kitaru_execution_targets() -> list[TargetDriver]:
    """Offer the flow's own process, and a child process for each body."""
    return [TargetDriver(name="inline", load=_inline), TargetDriver(name="isolated", load=_isolated)]


def _inline() -> ExecutionTarget:
    from kitaru.targets.inline import InlineTarget

    return InlineTarget()


def _isolated() -> ExecutionTarget:
    from kitaru.targets.child_process import ChildProcessTarget

    return ChildProcessTarget()

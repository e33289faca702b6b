"""The adapter as a plugin: who it is and what it offers, said without importing the framework."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kitaru.hooks.cards import AdapterCard, PluginCard
from kitaru.hooks.markers import HOOKSPEC_LEVEL, hookimpl

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["kitaru_adapters", "kitaru_plugin_card"]


@hookimpl
def kitaru_plugin_card() -> PluginCard:
    """Say who this plugin is and which releases of the framework it supports."""
    return PluginCard(name="openai-agents", hookspec=HOOKSPEC_LEVEL, frameworks={"openai-agents": ">=0.24,<0.25"})


@hookimpl
def kitaru_adapters() -> Sequence[AdapterCard]:
    """Name the adapter; its module is imported when it is used."""
    return [
        AdapterCard(
            name="openai_agents",
            framework="openai-agents",
            extra="openai-agents",
            boundaries=("model", "tool", "mcp", "run", "function"),
            strategies=("calls", "runner_call"),
            default_strategy="calls",
            capabilities=frozenset({"approvals", "mcp", "nested_agents", "parallel_tools", "sessions", "streaming"}),
            load=_load,
        )
    ]


def _load() -> object:
    import kitaru.adapters.openai_agents

    return kitaru.adapters.openai_agents

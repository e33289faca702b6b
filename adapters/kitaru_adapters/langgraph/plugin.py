"""What the plugin system knows of this adapter; the framework is not imported until the adapter is used."""

from __future__ import annotations

from importlib import import_module

from kitaru.hooks import AdapterCard, PluginCard, hookimpl

__all__ = ["kitaru_adapters", "kitaru_plugin_card"]


@hookimpl
def kitaru_plugin_card() -> PluginCard:
    """Say what this plugin is and which releases of the framework it works with."""
    return PluginCard(
        name="LangGraph adapter", hookspec=1, frameworks={"langgraph": ">=1.2,<2", "langchain": ">=1.4,<2"}
    )


@hookimpl
def kitaru_adapters() -> list[AdapterCard]:
    """Name the adapter and what it can do."""
    return [
        AdapterCard(
            name="langgraph",
            framework="langgraph",
            extra="langgraph",
            boundaries=("graph", "model", "tool"),
            strategies=("graph_call", "calls"),
            default_strategy="graph_call",
            load=lambda: import_module("kitaru.adapters.langgraph"),
        )
    ]

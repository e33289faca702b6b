"""What the plugin system knows of this adapter; the framework is not imported until the adapter is used."""

from __future__ import annotations

from importlib import import_module

from kitaru.hooks import AdapterCard, PluginCard, hookimpl

__all__ = ["kitaru_adapters", "kitaru_plugin_card"]


@hookimpl
def kitaru_plugin_card() -> PluginCard:
    """Say what this plugin is and which releases of the framework it works with."""
    return PluginCard(name="PydanticAI adapter", hookspec=1, frameworks={"pydantic-ai-slim": ">=2.64,<3"})


@hookimpl
def kitaru_adapters() -> list[AdapterCard]:
    """Name the adapter and what it can do."""
    return [
        AdapterCard(
            name="pydantic_ai",
            framework="pydantic-ai-slim",
            extra="pydantic-ai",
            boundaries=("model", "tool", "mcp", "run", "function"),
            strategies=("calls", "turn"),
            default_strategy="calls",
            load=lambda: import_module("kitaru.adapters.pydantic_ai"),
        )
    ]

"""What kitaru learns about this adapter; importing it loads neither Strands nor the adapter."""

from __future__ import annotations

from importlib import import_module

from kitaru.hooks import AdapterCard, PluginCard, hookimpl

__all__ = ["kitaru_adapters", "kitaru_plugin_card"]


@hookimpl
def kitaru_plugin_card() -> PluginCard:
    """Say who this plugin is, and which releases of Strands it was written for."""
    return PluginCard(name="strands", hookspec=1, frameworks={"strands-agents": ">=1.60,<2"})


@hookimpl
def kitaru_adapters() -> list[AdapterCard]:
    """Offer the adapter."""
    card = AdapterCard(
        name="strands",
        framework="strands-agents",
        extra="durable-strands",
        boundaries=("model", "tool"),
        strategies=("calls",),
        default_strategy="calls",
        capabilities=frozenset({"granular", "async", "stream", "parallel", "approvals", "asks", "usage"}),
        load=lambda: import_module("durable_strands"),
    )
    return [card]

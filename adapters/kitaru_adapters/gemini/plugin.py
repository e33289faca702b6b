"""What kitaru's plugin manager learns about this adapter; importing it loads neither the SDK nor the adapter."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from kitaru.hooks.cards import AdapterCard, PluginCard
from kitaru.hooks.markers import HOOKSPEC_LEVEL, hookimpl

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["kitaru_adapters", "kitaru_plugin_card"]


def _load() -> object:
    return import_module("kitaru.adapters.gemini")


@hookimpl
def kitaru_plugin_card() -> PluginCard:
    """Say who this plugin is and which releases of the SDK it supports."""
    return PluginCard(name="gemini_interactions", hookspec=HOOKSPEC_LEVEL, frameworks={"google-genai": ">=2.30,<4"})


@hookimpl
def kitaru_adapters() -> Sequence[AdapterCard]:
    """Offer the adapter for the Gemini Interactions API."""
    return (
        AdapterCard(
            name="gemini_interactions",
            framework="google-genai",
            extra="gemini",
            boundaries=("interaction", "tool"),
            strategies=("interaction",),
            default_strategy="interaction",
            capabilities=frozenset({"async", "streams", "waits"}),
            load=_load,
        ),
    )

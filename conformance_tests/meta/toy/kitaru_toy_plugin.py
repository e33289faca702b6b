"""The card of the toy adapter, and cards that are wrong in one way each, for doubles."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import toy_imported_early  # noqa: F401 - what the card `toy_eager` must not do

from kitaru.hooks import AdapterCard, PluginCard, hookimpl


@hookimpl
def kitaru_plugin_card() -> PluginCard:
    return PluginCard(name="toy", hookspec=1)


@hookimpl
def kitaru_adapters() -> list[AdapterCard]:
    return [
        card("toy"),
        card("toy_eager", framework="toy-imported-early"),
        card("toy_unloadable", load=object),
        card("toy_boastful", strategies=("calls", "run", "more")),
        card("toy_narrow", boundaries=("model", "run")),
    ]


def card(name: str, **changes: Any) -> AdapterCard:
    given = {
        "framework": "toy-agents",
        "extra": "toy",
        "boundaries": ("model", "tool", "run"),
        "strategies": ("calls", "run"),
        "default_strategy": "calls",
        "load": lambda: import_module("kitaru_toy"),
    }
    return AdapterCard(name=name, **{**given, **changes})

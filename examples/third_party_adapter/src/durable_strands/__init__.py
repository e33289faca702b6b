"""Runs of Strands agents that survive a crash."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from durable_strands.runner import DurableAgent

__all__ = ["DurableAgent"]


def __getattr__(name: str) -> Any:
    # kitaru loads `durable_strands.plugin` to see what there is; only whoever uses the adapter loads Strands.
    if name in __all__:
        return getattr(import_module("durable_strands.runner"), name)
    raise AttributeError(name)

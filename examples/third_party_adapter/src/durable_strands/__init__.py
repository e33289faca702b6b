"""Runs of Strands agents that survive a crash."""

from __future__ import annotations

from durable_strands.runner import DurableAgent

__all__ = ["DurableAgent"]

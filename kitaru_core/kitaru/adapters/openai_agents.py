"""The adapter for the OpenAI Agents SDK: `KitaruRunner` and what belongs to it."""

from __future__ import annotations

from kitaru_adapters.kit.missing import require_framework

with require_framework("agents", extra="openai-agents"):
    from kitaru_adapters.openai_agents import *  # noqa: F403 - the adapter's own list is the public one
    from kitaru_adapters.openai_agents import __all__  # noqa: F401 - the same list here

"""Durable runs of the OpenAI Agents SDK: `KitaruRunner` and what goes in and out of it.

Names are loaded on first use, so that the adapter can be listed as a plugin without importing the framework.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kitaru_adapters.kit.configs import CheckpointConfig, CheckpointRuntime
    from kitaru_adapters.openai_agents.capture import (
        OpenAIAdapterEvent,
        OpenAICapturePolicy,
        OpenAIEventError,
        OpenAIRunEvent,
    )
    from kitaru_adapters.openai_agents.runner import KitaruRunner
    from kitaru_adapters.openai_agents.sandbox import sandbox_command_tool
    from kitaru_adapters.openai_agents.session import KitaruSession
    from kitaru_adapters.openai_agents.settings import ToolCheckpointOverride, validate_checkpoint_strategy
    from kitaru_adapters.openai_agents.stream import (
        OPENAI_STREAM_COMPLETED,
        OPENAI_STREAM_EVENT,
        OPENAI_STREAM_EVENT_KINDS,
        OPENAI_STREAM_FAILED,
        OPENAI_STREAM_STARTED,
        OPENAI_STREAM_TERMINAL_EVENT_KINDS,
    )
    from kitaru_adapters.openai_agents.types import (
        OpenAIApprovalDecision,
        OpenAIInterruptionSummary,
        OpenAIRunRequest,
        OpenAIRunResult,
        OpenAIRunStateEnvelope,
        OpenAIUsageSummary,
    )
    from kitaru_adapters.openai_agents.waits import build_resume_request, wait_for_approval, wait_for_approvals

_HOMES = {
    "kitaru_adapters.kit.configs": (
        "CheckpointConfig",
        "CheckpointRuntime",
    ),
    "kitaru_adapters.openai_agents.capture": (
        "OpenAIAdapterEvent",
        "OpenAICapturePolicy",
        "OpenAIEventError",
        "OpenAIRunEvent",
    ),
    "kitaru_adapters.openai_agents.runner": ("KitaruRunner",),
    "kitaru_adapters.openai_agents.sandbox": ("sandbox_command_tool",),
    "kitaru_adapters.openai_agents.session": ("KitaruSession",),
    "kitaru_adapters.openai_agents.settings": (
        "ToolCheckpointOverride",
        "validate_checkpoint_strategy",
    ),
    "kitaru_adapters.openai_agents.stream": (
        "OPENAI_STREAM_COMPLETED",
        "OPENAI_STREAM_EVENT",
        "OPENAI_STREAM_EVENT_KINDS",
        "OPENAI_STREAM_FAILED",
        "OPENAI_STREAM_STARTED",
        "OPENAI_STREAM_TERMINAL_EVENT_KINDS",
    ),
    "kitaru_adapters.openai_agents.types": (
        "OpenAIApprovalDecision",
        "OpenAIInterruptionSummary",
        "OpenAIRunRequest",
        "OpenAIRunResult",
        "OpenAIRunStateEnvelope",
        "OpenAIUsageSummary",
    ),
    "kitaru_adapters.openai_agents.waits": (
        "build_resume_request",
        "wait_for_approval",
        "wait_for_approvals",
    ),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "OPENAI_STREAM_COMPLETED",
    "OPENAI_STREAM_EVENT",
    "OPENAI_STREAM_EVENT_KINDS",
    "OPENAI_STREAM_FAILED",
    "OPENAI_STREAM_STARTED",
    "OPENAI_STREAM_TERMINAL_EVENT_KINDS",
    "CheckpointConfig",
    "CheckpointRuntime",
    "KitaruRunner",
    "KitaruSession",
    "OpenAIAdapterEvent",
    "OpenAIApprovalDecision",
    "OpenAICapturePolicy",
    "OpenAIEventError",
    "OpenAIInterruptionSummary",
    "OpenAIRunEvent",
    "OpenAIRunRequest",
    "OpenAIRunResult",
    "OpenAIRunStateEnvelope",
    "OpenAIUsageSummary",
    "ToolCheckpointOverride",
    "build_resume_request",
    "sandbox_command_tool",
    "validate_checkpoint_strategy",
    "wait_for_approval",
    "wait_for_approvals",
]


def __getattr__(name: str) -> object:
    home = _HOME_OF.get(name)
    if home is None:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    return sorted(__all__)

"""Durable runs of the OpenAI Agents SDK: `KitaruRunner` and what goes in and out of it."""

from __future__ import annotations

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

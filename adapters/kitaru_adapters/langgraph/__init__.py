"""The LangGraph adapter: compiled graphs, LangChain agents and Deep Agents as durable parts of a flow.

Names are loaded on first use, so that the plugin system can look at this package without importing the framework.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from kitaru_adapters.kit.configs import CheckpointConfig, CheckpointRuntime
    from kitaru_adapters.langgraph.approvals import Approve, Decision, Decisions, Edit, EditedAction, Reject, Respond
    from kitaru_adapters.langgraph.driving import merge_config
    from kitaru_adapters.langgraph.middleware import KitaruLangGraphMiddleware
    from kitaru_adapters.langgraph.models import DurableChatModel, durable_model
    from kitaru_adapters.langgraph.policies import (
        LangGraphCallCheckpointPolicy,
        LangGraphCapturePolicy,
        LangGraphDurabilityPolicy,
        LangGraphStreamMode,
        LangGraphStreamPolicy,
        validate_checkpoint_strategy,
    )
    from kitaru_adapters.langgraph.runner import KitaruGraphRunner
    from kitaru_adapters.langgraph.sandbox import (
        DEFAULT_SANDBOX_COMMAND_TOOL_DESCRIPTION,
        DEFAULT_SANDBOX_COMMAND_TOOL_MAX_CHARS,
        DEFAULT_SANDBOX_COMMAND_TOOL_NAME,
        SandboxCommandToolArgs,
        create_sandbox_command_tool,
    )
    from kitaru_adapters.langgraph.saver import KitaruCheckpointSaver
    from kitaru_adapters.langgraph.streams import (
        LANGGRAPH_STREAM_CHECKPOINTS,
        LANGGRAPH_STREAM_COMPLETED,
        LANGGRAPH_STREAM_CUSTOM,
        LANGGRAPH_STREAM_DEBUG,
        LANGGRAPH_STREAM_EVENT_KINDS,
        LANGGRAPH_STREAM_FAILED,
        LANGGRAPH_STREAM_MESSAGES,
        LANGGRAPH_STREAM_STARTED,
        LANGGRAPH_STREAM_TASKS,
        LANGGRAPH_STREAM_TERMINAL_EVENT_KINDS,
        LANGGRAPH_STREAM_TOOLS,
        LANGGRAPH_STREAM_UPDATES,
        LANGGRAPH_STREAM_VALUES,
    )
    from kitaru_adapters.langgraph.tools import deep_agent_policy, durable_subagents, durable_tool_wrappers
    from kitaru_adapters.langgraph.types import (
        GraphCheckpointStrategy,
        LangGraphAdapterEvent,
        LangGraphEventError,
        LangGraphInterruptSummary,
        LangGraphPendingState,
        LangGraphResumeRequest,
        LangGraphRunEvent,
        LangGraphRunRequest,
        LangGraphRunResult,
        LangGraphStateSummary,
        LangGraphUsageSummary,
    )
    from kitaru_adapters.langgraph.waits import (
        build_resume_request,
        wait_for_interrupt,
        wait_for_interrupt_async,
        wait_for_interrupts,
        wait_for_interrupts_async,
    )

__all__ = [
    "DEFAULT_SANDBOX_COMMAND_TOOL_DESCRIPTION",
    "DEFAULT_SANDBOX_COMMAND_TOOL_MAX_CHARS",
    "DEFAULT_SANDBOX_COMMAND_TOOL_NAME",
    "LANGGRAPH_STREAM_CHECKPOINTS",
    "LANGGRAPH_STREAM_COMPLETED",
    "LANGGRAPH_STREAM_CUSTOM",
    "LANGGRAPH_STREAM_DEBUG",
    "LANGGRAPH_STREAM_EVENT_KINDS",
    "LANGGRAPH_STREAM_FAILED",
    "LANGGRAPH_STREAM_MESSAGES",
    "LANGGRAPH_STREAM_STARTED",
    "LANGGRAPH_STREAM_TASKS",
    "LANGGRAPH_STREAM_TERMINAL_EVENT_KINDS",
    "LANGGRAPH_STREAM_TOOLS",
    "LANGGRAPH_STREAM_UPDATES",
    "LANGGRAPH_STREAM_VALUES",
    "Approve",
    "CheckpointConfig",
    "CheckpointRuntime",
    "Decision",
    "Decisions",
    "DurableChatModel",
    "Edit",
    "EditedAction",
    "GraphCheckpointStrategy",
    "KitaruCheckpointSaver",
    "KitaruGraphRunner",
    "KitaruLangGraphMiddleware",
    "LangGraphAdapterEvent",
    "LangGraphCallCheckpointPolicy",
    "LangGraphCapturePolicy",
    "LangGraphDurabilityPolicy",
    "LangGraphEventError",
    "LangGraphInterruptSummary",
    "LangGraphPendingState",
    "LangGraphResumeRequest",
    "LangGraphRunEvent",
    "LangGraphRunRequest",
    "LangGraphRunResult",
    "LangGraphStateSummary",
    "LangGraphStreamMode",
    "LangGraphStreamPolicy",
    "LangGraphUsageSummary",
    "Reject",
    "Respond",
    "SandboxCommandToolArgs",
    "build_resume_request",
    "create_sandbox_command_tool",
    "deep_agent_policy",
    "durable_model",
    "durable_subagents",
    "durable_tool_wrappers",
    "merge_config",
    "validate_checkpoint_strategy",
    "wait_for_interrupt",
    "wait_for_interrupt_async",
    "wait_for_interrupts",
    "wait_for_interrupts_async",
]

_MODULES: Final = {
    "kitaru_adapters.kit.configs": (
        "CheckpointConfig",
        "CheckpointRuntime",
    ),
    "kitaru_adapters.langgraph.approvals": (
        "Approve",
        "Decision",
        "Decisions",
        "Edit",
        "EditedAction",
        "Reject",
        "Respond",
    ),
    "kitaru_adapters.langgraph.driving": ("merge_config",),
    "kitaru_adapters.langgraph.middleware": ("KitaruLangGraphMiddleware",),
    "kitaru_adapters.langgraph.models": (
        "DurableChatModel",
        "durable_model",
    ),
    "kitaru_adapters.langgraph.policies": (
        "LangGraphCallCheckpointPolicy",
        "LangGraphCapturePolicy",
        "LangGraphDurabilityPolicy",
        "LangGraphStreamMode",
        "LangGraphStreamPolicy",
        "validate_checkpoint_strategy",
    ),
    "kitaru_adapters.langgraph.runner": ("KitaruGraphRunner",),
    "kitaru_adapters.langgraph.sandbox": (
        "DEFAULT_SANDBOX_COMMAND_TOOL_DESCRIPTION",
        "DEFAULT_SANDBOX_COMMAND_TOOL_MAX_CHARS",
        "DEFAULT_SANDBOX_COMMAND_TOOL_NAME",
        "SandboxCommandToolArgs",
        "create_sandbox_command_tool",
    ),
    "kitaru_adapters.langgraph.saver": ("KitaruCheckpointSaver",),
    "kitaru_adapters.langgraph.streams": (
        "LANGGRAPH_STREAM_CHECKPOINTS",
        "LANGGRAPH_STREAM_COMPLETED",
        "LANGGRAPH_STREAM_CUSTOM",
        "LANGGRAPH_STREAM_DEBUG",
        "LANGGRAPH_STREAM_EVENT_KINDS",
        "LANGGRAPH_STREAM_FAILED",
        "LANGGRAPH_STREAM_MESSAGES",
        "LANGGRAPH_STREAM_STARTED",
        "LANGGRAPH_STREAM_TASKS",
        "LANGGRAPH_STREAM_TERMINAL_EVENT_KINDS",
        "LANGGRAPH_STREAM_TOOLS",
        "LANGGRAPH_STREAM_UPDATES",
        "LANGGRAPH_STREAM_VALUES",
    ),
    "kitaru_adapters.langgraph.tools": (
        "deep_agent_policy",
        "durable_subagents",
        "durable_tool_wrappers",
    ),
    "kitaru_adapters.langgraph.types": (
        "GraphCheckpointStrategy",
        "LangGraphAdapterEvent",
        "LangGraphEventError",
        "LangGraphInterruptSummary",
        "LangGraphPendingState",
        "LangGraphResumeRequest",
        "LangGraphRunEvent",
        "LangGraphRunRequest",
        "LangGraphRunResult",
        "LangGraphStateSummary",
        "LangGraphUsageSummary",
    ),
    "kitaru_adapters.langgraph.waits": (
        "build_resume_request",
        "wait_for_interrupt",
        "wait_for_interrupt_async",
        "wait_for_interrupts",
        "wait_for_interrupts_async",
    ),
}
_HOME: Final = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> object:
    """Load a public name on first use."""
    if name not in _HOME:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, loaded or not."""
    return __all__

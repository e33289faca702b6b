"""The public names of this adapter; users import them from `kitaru.adapters.gemini`."""

from __future__ import annotations

from kitaru_adapters.gemini.capture import GeminiInteractionCapturePolicy
from kitaru_adapters.gemini.errors import (
    GeminiBackendError,
    GeminiDeadlineError,
    GeminiInteractionEndedError,
    GeminiInteractionGoneError,
    GeminiUnfinishedError,
    GeminiUnknownSubmissionError,
)
from kitaru_adapters.gemini.functions import (
    run_function_calls,
    run_function_calls_async,
    wait_for_function_calls,
    wait_for_function_calls_async,
)
from kitaru_adapters.gemini.request import ANTIGRAVITY_AGENT, GeminiInteractionRequest
from kitaru_adapters.gemini.results import FunctionAnswer
from kitaru_adapters.gemini.runner import KitaruGeminiInteractionsRunner, validate_checkpoint_strategy
from kitaru_adapters.gemini.sandbox import (
    GeminiSandboxFunctionExecution,
    GeminiSandboxFunctionSpec,
    execute_gemini_sandbox_function_call,
)
from kitaru_adapters.gemini.streaming import (
    GEMINI_STREAM_COMPLETED,
    GEMINI_STREAM_EVENT,
    GEMINI_STREAM_EVENT_KINDS,
    GEMINI_STREAM_FAILED,
    GEMINI_STREAM_STARTED,
    GEMINI_STREAM_TERMINAL_EVENT_KINDS,
)
from kitaru_adapters.gemini.types import (
    GeminiAdapterEvent,
    GeminiInteractionEventError,
    GeminiInteractionFunctionCall,
    GeminiInteractionResult,
    GeminiInteractionRunEvent,
    GeminiInteractionStepSummary,
    GeminiSubmission,
    GeminiUsageSummary,
)
from kitaru_adapters.kit.configs import CheckpointConfig, CheckpointRuntime

__all__ = [
    "ANTIGRAVITY_AGENT",
    "GEMINI_STREAM_COMPLETED",
    "GEMINI_STREAM_EVENT",
    "GEMINI_STREAM_EVENT_KINDS",
    "GEMINI_STREAM_FAILED",
    "GEMINI_STREAM_STARTED",
    "GEMINI_STREAM_TERMINAL_EVENT_KINDS",
    "CheckpointConfig",
    "CheckpointRuntime",
    "FunctionAnswer",
    "GeminiAdapterEvent",
    "GeminiBackendError",
    "GeminiDeadlineError",
    "GeminiInteractionCapturePolicy",
    "GeminiInteractionEndedError",
    "GeminiInteractionEventError",
    "GeminiInteractionFunctionCall",
    "GeminiInteractionGoneError",
    "GeminiInteractionRequest",
    "GeminiInteractionResult",
    "GeminiInteractionRunEvent",
    "GeminiInteractionStepSummary",
    "GeminiSandboxFunctionExecution",
    "GeminiSandboxFunctionSpec",
    "GeminiSubmission",
    "GeminiUnfinishedError",
    "GeminiUnknownSubmissionError",
    "GeminiUsageSummary",
    "KitaruGeminiInteractionsRunner",
    "execute_gemini_sandbox_function_call",
    "run_function_calls",
    "run_function_calls_async",
    "validate_checkpoint_strategy",
    "wait_for_function_calls",
    "wait_for_function_calls_async",
]

"""What callers give to the adapter and get from it: policies, configurations, summaries, kinds of live events."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypedDict

from pydantic import BaseModel, ConfigDict

from kitaru_adapters.kit.capture import CaptureMode, ToolCapture
from kitaru_adapters.kit.configs import CheckpointConfig, CheckpointRuntime
from kitaru_adapters.kit.streams import StreamKinds

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "ADAPTER",
    "PYDANTIC_AI_STREAM_COMPLETED",
    "PYDANTIC_AI_STREAM_EVENT",
    "PYDANTIC_AI_STREAM_EVENT_KINDS",
    "PYDANTIC_AI_STREAM_FAILED",
    "PYDANTIC_AI_STREAM_STARTED",
    "PYDANTIC_AI_STREAM_TERMINAL_EVENT_KINDS",
    "STRATEGIES",
    "STREAM_KINDS",
    "CaptureConfig",
    "CaptureMode",
    "CapturePolicy",
    "CheckpointConfig",
    "CheckpointRuntime",
    "CheckpointStrategy",
    "CostCalculator",
    "PydanticAIUsageSummary",
]

ADAPTER = "pydantic_ai"
CheckpointStrategy = Literal["calls", "turn"]
STRATEGIES: tuple[CheckpointStrategy, ...] = ("calls", "turn")

STREAM_KINDS = StreamKinds(ADAPTER)
PYDANTIC_AI_STREAM_STARTED = STREAM_KINDS.started
PYDANTIC_AI_STREAM_EVENT = STREAM_KINDS.event
PYDANTIC_AI_STREAM_COMPLETED = STREAM_KINDS.completed
PYDANTIC_AI_STREAM_FAILED = STREAM_KINDS.failed
PYDANTIC_AI_STREAM_TERMINAL_EVENT_KINDS = frozenset({PYDANTIC_AI_STREAM_COMPLETED, PYDANTIC_AI_STREAM_FAILED})
PYDANTIC_AI_STREAM_EVENT_KINDS = PYDANTIC_AI_STREAM_TERMINAL_EVENT_KINDS | {
    PYDANTIC_AI_STREAM_STARTED,
    PYDANTIC_AI_STREAM_EVENT,
}


@dataclass(frozen=True)
class CapturePolicy(ToolCapture):
    """What may be seen of a run. It is about visibility only: replay works the same whatever it says.

    Attributes:
        tool_capture: `"full"` shows arguments and results of tools, `"metadata"` timing and status, `None` nothing.
        tool_capture_overrides: The same for single tools, by name; these win.
        emit_child_events: Write the run's ordered list of events; `False` also turns every tool capture off.
        save_prompts: Keep the messages of model requests for inspection.
        save_responses: Save responses as artifacts where the run happens inside a checkpoint of the flow.
        save_stream_transcripts: Let live events carry clipped pieces of the streamed text.
        correlate_otel_spans: Put the execution's id on the framework's current span.
    """

    emit_child_events: bool = True
    save_prompts: bool = True
    save_responses: bool = True
    save_stream_transcripts: bool = True
    correlate_otel_spans: bool = True

    def for_tool(self, name: str) -> CaptureMode | None:
        """Return the capture mode of one tool."""
        return super().for_tool(name) if self.emit_child_events else None


class CaptureConfig(TypedDict, total=False):
    """Capture settings of the deprecated `wrap`.

    Attributes:
        mode: `"full"`, `"metadata_only"` or `"off"`.
        enabled: `False` means off.
        save_args: Whether arguments are kept.
        save_result: Whether results are kept.
    """

    mode: str
    enabled: bool
    save_args: bool
    save_result: bool


class PydanticAIUsageSummary(BaseModel):
    """What a cost calculator gets to see of one model request.

    Attributes:
        adapter_name: Always `pydantic_ai`.
        provider: Name of the provider, if known.
        model_name: Name of the model that answered, if known.
        input_tokens: Tokens of the request.
        output_tokens: Tokens of the answer.
        total_tokens: Their sum.
        cached_input_tokens: Part of the input that came from the provider's cache.
        reasoning_tokens: Part of the output that was reasoning.
        raw_usage: The framework's own usage, as plain data.
    """

    model_config = ConfigDict(frozen=True, protected_namespaces=())

    adapter_name: str = ADAPTER
    provider: str | None = None
    model_name: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    total_tokens: int | None = None
    cached_input_tokens: int | None = None
    reasoning_tokens: int | None = None
    raw_usage: dict[str, object] | None = None


if TYPE_CHECKING:
    CostCalculator = Callable[[PydanticAIUsageSummary], float | None]
else:
    CostCalculator = object

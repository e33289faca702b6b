"""What one Claude invocation returns, and the small facts it is made of."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from kitaru.records.plain import Json, JsonObject

__all__ = [
    "ClaudeAdapterEvent",
    "ClaudeDeferredTool",
    "ClaudeEarlierAttempt",
    "ClaudeEventError",
    "ClaudeRunEvent",
    "ClaudeRunResult",
    "ClaudeToolCall",
    "ClaudeUsageSummary",
]


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ClaudeToolCall(_Frozen):
    """One tool call inside an invocation, as far as it was seen.

    Attributes:
        id: The model's id of the call.
        name: Name of the tool.
        duration_ms: How long it ran, if it came back.
        failed: Whether it came back with an error.
        arguments: Its arguments; only where messages are captured.
    """

    id: str
    name: str
    duration_ms: float | None = None
    failed: bool = False
    arguments: dict[str, JsonValue] | None = None


class ClaudeEarlierAttempt(_Frozen):
    """What is known of an attempt of the same invocation that did not end well.

    Attributes:
        attempt: Its number.
        session_id: Claude's session of that attempt, if it is known.
        host: Machine it ran on.
        interrupted: Whether it broke off without a word, as after a crash; `False` when it ended with an error.
        completed_tools: Tools that are known to have completed. Their effects have happened.
        unfinished_tools: Tools that started and were not seen to complete. Their effects may have happened.
        unused_results: Ids of durable tool calls whose stored result no later attempt has asked for.
    """

    attempt: int
    session_id: str | None = None
    host: str | None = None
    interrupted: bool = True
    completed_tools: list[ClaudeToolCall] = Field(default_factory=list)
    unfinished_tools: list[ClaudeToolCall] = Field(default_factory=list)
    unused_results: list[str] = Field(default_factory=list)


class ClaudeDeferredTool(_Frozen):
    """The tool call an invocation stopped at until somebody decides.

    Attributes:
        id: The model's id of the call.
        name: Name of the tool.
        input: Its arguments.
    """

    id: str
    name: str
    input: dict[str, JsonValue] = Field(default_factory=dict)


class ClaudeRunResult(_Frozen):
    """Outcome of one invocation; the same object on first run and on rerun.

    Attributes:
        schema_version: Version of this shape.
        status: `completed`, or `requires_approval` when the run stopped at a tool call that somebody must decide.
        session_id: Claude's session.
        final_text: Claude's last words, or `None`.
        structured_output: The value Claude returned for `output_format`, if one was asked for.
        transcript_path: Where the program kept the session on the machine it ran on.
        usage: Tokens of this invocation as Claude reports them.
        cost_usd: Estimated cost of this invocation, without earlier ones of a resumed session.
        model_usage: Tokens and cost by model, of this invocation.
        stop_reason: Why the model stopped.
        terminal_reason: Why the loop around the model stopped.
        subtype: Claude's word for the kind of result.
        num_turns: Turns of the model.
        duration_ms: Wall time.
        duration_api_ms: Time spent in API requests.
        api_error_status: HTTP status of a failing API call, if one is known.
        permission_denials: Tool calls that were denied, as Claude reports them.
        deferred_tool: The tool call to decide, with status `requires_approval`.
        tool_calls: Tool calls of this attempt.
        earlier_attempts: What is known of attempts that broke off before.
        messages_artifact_name: Name of the saved messages.
        transcript_artifact_name: Name of the saved transcript.
        options_manifest_artifact_name: Name of the saved option shape.
        output_artifact_name: Name of the saved final output.
        usage_artifact_name: Name of the saved usage.
        event_log_artifact_name: Name of the saved events.
        run_summary_artifact_name: Name of the saved summary.
        warnings: What a reader of this result should know.
        metadata: `run_label`, `execution_id`, `direct_execution_inside_checkpoint`, `capture_failures`,
            `event_persistence_failures` and `session_totals`.
    """

    schema_version: Literal[1] = 1
    status: Literal["completed", "requires_approval"] = "completed"
    session_id: str | None = None
    final_text: str | None = None
    structured_output: Json = None
    transcript_path: str | None = None
    usage: JsonObject = Field(default_factory=dict)
    cost_usd: float | None = None
    model_usage: dict[str, JsonObject] = Field(default_factory=dict)
    stop_reason: str | None = None
    terminal_reason: str | None = None
    subtype: str | None = None
    num_turns: int | None = None
    duration_ms: int | None = None
    duration_api_ms: int | None = None
    api_error_status: int | None = None
    permission_denials: list[Json] = Field(default_factory=list)
    deferred_tool: ClaudeDeferredTool | None = None
    tool_calls: list[ClaudeToolCall] = Field(default_factory=list)
    earlier_attempts: list[ClaudeEarlierAttempt] = Field(default_factory=list)
    messages_artifact_name: str | None = None
    transcript_artifact_name: str | None = None
    options_manifest_artifact_name: str | None = None
    output_artifact_name: str | None = None
    usage_artifact_name: str | None = None
    event_log_artifact_name: str | None = None
    run_summary_artifact_name: str | None = None
    warnings: list[str] = Field(default_factory=list)
    metadata: JsonObject = Field(default_factory=dict)


class ClaudeUsageSummary(_Frozen):
    """Tokens of one invocation, as a cost calculator gets to see them.

    Attributes:
        adapter_name: This adapter.
        provider: Who ran the model.
        model_name: The model, when exactly one took part.
        input_tokens: All tokens of the requests, those read from the cache included.
        output_tokens: Tokens of the answers.
        total_tokens: Their sum.
        cached_input_tokens: Part of the input that was read from the cache.
        reasoning_tokens: Part of the output that was thinking.
        raw_usage: Usage as Claude reports it.
        raw_model_usage: Usage by model as Claude reports it.
    """

    adapter_name: Literal["claude_agent_sdk"] = "claude_agent_sdk"
    provider: str = "anthropic"
    model_name: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    total_tokens: int | None = None
    cached_input_tokens: int | None = None
    reasoning_tokens: int | None = None
    raw_usage: JsonObject = Field(default_factory=dict)
    raw_model_usage: dict[str, JsonObject] = Field(default_factory=dict)


class ClaudeEventError(_Frozen):
    """The short form of an error in an event: its class and what may be shown of its text.

    Attributes:
        type: Class of the error.
        message: A bounded text without Claude's words.
    """

    type: str
    message: str


class ClaudeRunEvent(_Frozen):
    """The event that every invocation leaves on its checkpoint.

    Attributes:
        event_id: `{runner}_{label}_invocation_1`.
        status: `completed`, `requires_approval` or `failed`.
        sequence_index: Position among the events of this invocation.
        run_label: Which invocation of the runner it was.
        runner_name: Name of the runner.
        duration_ms: Wall time of the invocation.
        session_id: Claude's session.
        metadata: The caller's metadata of the request.
        artifacts: Names of saved artifacts by kind.
        error: What went wrong, if something did.
    """

    event_id: str
    status: Literal["completed", "requires_approval", "failed"]
    sequence_index: int = 0
    run_label: str
    runner_name: str
    duration_ms: float
    session_id: str | None = None
    metadata: JsonObject = Field(default_factory=dict)
    artifacts: dict[str, str] = Field(default_factory=dict)
    error: ClaudeEventError | None = None


ClaudeAdapterEvent = ClaudeRunEvent

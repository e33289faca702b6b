"""What a turn leaves behind: plain, recorded facts about one interaction, never objects of the SDK."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

__all__ = [
    "ADAPTER",
    "FUNCTION_CALL",
    "FUNCTION_RESULT",
    "GeminiAdapterEvent",
    "GeminiInteractionEventError",
    "GeminiInteractionFunctionCall",
    "GeminiInteractionResult",
    "GeminiInteractionRunEvent",
    "GeminiInteractionStepSummary",
    "GeminiSubmission",
    "GeminiUsageSummary",
]

ADAPTER = "gemini_interactions"
FUNCTION_CALL = "function_call"
FUNCTION_RESULT = "function_result"


class _Fact(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class GeminiInteractionFunctionCall(_Fact):
    """A function that the model asks the flow to run.

    Attributes:
        index: Position of the step in the interaction.
        step_type: Type of that step.
        call_id: Id that the result must name.
        function_name: Which function.
        arguments: What to call it with.
    """

    index: int
    step_type: str = FUNCTION_CALL
    call_id: str
    function_name: str
    arguments: dict[str, JsonValue] = Field(default_factory=dict)


class GeminiInteractionStepSummary(_Fact):
    """One step of an interaction without its contents.

    Attributes:
        index: Position in the interaction.
        step_id: Id of the step, if it has one.
        type: Type as the service names it.
        status: State of the step, if it has one.
        call_id: Call that the step makes or answers.
        tool_name: Tool or function concerned.
        text_preview: First characters of the model's own answer; never of thoughts, tools or files.
        arguments: Arguments of a function call; they are part of the hand-over to the flow.
        raw_keys: Names of the fields the service sent.
    """

    index: int
    step_id: str | None = None
    type: str
    status: str | None = None
    call_id: str | None = None
    tool_name: str | None = None
    text_preview: str | None = None
    arguments: dict[str, JsonValue] | None = None
    raw_keys: tuple[str, ...] = ()


class GeminiUsageSummary(_Fact):
    """Tokens of one turn; `None` means that the service did not say.

    Attributes:
        adapter_name: Always `gemini_interactions`.
        provider: Always `google_gemini`.
        model_name: Model that answered, else the one asked for.
        requested_model: Model or agent asked for.
        resolved_model: Model or agent the service names.
        input_tokens: Tokens of the request.
        output_tokens: Tokens of the answer.
        total_tokens: Total as the service counts it.
        cached_input_tokens: Part of the input read from the service's cache.
        reasoning_tokens: Tokens of thoughts.
        tool_use_tokens: Tokens of hosted tools.
        raw_usage: What the service reported.
    """

    adapter_name: str = "gemini_interactions"
    provider: str = "google_gemini"
    model_name: str | None = None
    requested_model: str | None = None
    resolved_model: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    total_tokens: int | None = None
    cached_input_tokens: int | None = None
    reasoning_tokens: int | None = None
    tool_use_tokens: int | None = None
    raw_usage: dict[str, JsonValue] = Field(default_factory=dict)


class GeminiSubmission(_Fact):
    """One create that an attempt of the turn sent, as far as it is known.

    Attributes:
        attempt: Attempt of the checkpoint, from 1.
        state: `intent`: announced, outcome unknown. `submitted`: the service answered with an id. `refused`: the
            service did not take it. `ended`: the job ended without a stable result.
        interaction_id: Id of the interaction, once known.
        created_at: Seconds since the epoch.
        hop: Position in a chain of continuation hops, from 0.
    """

    attempt: int
    state: Literal["intent", "submitted", "refused", "ended"]
    interaction_id: str | None = None
    created_at: float
    hop: int = 0


class GeminiInteractionResult(BaseModel):
    """One stable turn: the recorded value of its checkpoint.

    Attributes:
        schema_version: Version of this record.
        status: `completed`, or `requires_action` when the flow must answer function calls.
        interaction_id: Id to continue from; empty when the service stored nothing.
        previous_interaction_id: Turn before this one.
        output_text: Text of the model's answer, or `None` when there is none.
        model: Model that answered.
        agent: Managed agent that answered.
        environment_id: Environment the agent worked in; it lives at Google and is not restored by a replay.
        steps: The steps without their contents.
        usage: Tokens, when the service reported them.
        estimated_cost_usd: What the calculator or the price table says.
        duration_ms: Time of the attempt that observed the end.
        poll_count: How often that attempt asked for the state.
        sdk_version: Version of google-genai.
        continuation_ids: Ids of the hops that were merged into this turn.
        attempt_submissions: Creates that this turn sent, failed attempts included.
        input_artifact_name: Where the input was saved, if the policy says so; likewise for the other names.
        request_manifest_artifact_name: See above.
        raw_interaction_artifact_name: See above.
        steps_artifact_name: See above.
        output_artifact_name: See above.
        usage_artifact_name: See above.
        event_log_artifact_name: See above.
        run_summary_artifact_name: See above.
        warnings: What a reader should know.
        metadata: Facts about the observation, and the request's own metadata.
    """

    model_config = ConfigDict(extra="forbid")

    schema_version: int = 1
    status: Literal["completed", "requires_action"]
    interaction_id: str
    previous_interaction_id: str | None = None
    output_text: str | None = None
    model: str | None = None
    agent: str | None = None
    environment_id: str | None = None
    steps: list[GeminiInteractionStepSummary] = Field(default_factory=list)
    usage: GeminiUsageSummary | None = None
    estimated_cost_usd: float | None = None
    duration_ms: float | None = None
    poll_count: int = 0
    sdk_version: str | None = None
    continuation_ids: list[str] = Field(default_factory=list)
    attempt_submissions: list[GeminiSubmission] = Field(default_factory=list)
    input_artifact_name: str | None = None
    request_manifest_artifact_name: str | None = None
    raw_interaction_artifact_name: str | None = None
    steps_artifact_name: str | None = None
    output_artifact_name: str | None = None
    usage_artifact_name: str | None = None
    event_log_artifact_name: str | None = None
    run_summary_artifact_name: str | None = None
    warnings: list[str] = Field(default_factory=list)
    metadata: dict[str, JsonValue] = Field(default_factory=dict)

    @property
    def function_call_steps(self) -> list[GeminiInteractionStepSummary]:
        """The steps that ask for a function and have no result yet."""
        answered = {step.call_id for step in self.steps if step.type == FUNCTION_RESULT}
        return [step for step in self.steps if step.type == FUNCTION_CALL and step.call_id not in answered]

    @property
    def function_calls(self) -> list[GeminiInteractionFunctionCall]:
        """The functions that the flow is asked to run before the conversation can go on."""
        return [
            GeminiInteractionFunctionCall(
                index=step.index,
                step_type=step.type,
                call_id=step.call_id or "",
                function_name=step.tool_name or "",
                arguments=step.arguments or {},
            )
            for step in self.function_call_steps
        ]


class GeminiInteractionEventError(_Fact):
    """Why a turn failed, in a form that may be shown.

    Attributes:
        type: Class of the error.
        message: Safe text, at most 500 characters.
    """

    type: str
    message: str


class GeminiInteractionRunEvent(_Fact):
    """The one event that a turn adds to the metadata of its checkpoint.

    Attributes:
        label: Label of the turn within the execution, such as `r1`.
        runner_name: Name of the runner.
        kind: Kind of the request.
        target_kind: `model`, `agent` or `poll`.
        surface: `run` or `stream`.
        status: Status of the interaction, or `failed`.
        interaction_id: Id, once known.
        previous_interaction_id: Turn before this one.
        duration_ms: How long the attempt took.
        step_count: Number of steps.
        poll_count: How often the state was asked for.
        stream: Facts about the event stream, for streamed turns.
        error: Why it failed.
    """

    label: str
    runner_name: str
    kind: str
    target_kind: str
    surface: Literal["run", "stream"] = "run"
    status: str
    interaction_id: str | None = None
    previous_interaction_id: str | None = None
    duration_ms: float | None = None
    step_count: int = 0
    poll_count: int = 0
    stream: dict[str, JsonValue] | None = None
    error: GeminiInteractionEventError | None = None


GeminiAdapterEvent = GeminiInteractionRunEvent

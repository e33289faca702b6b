"""What goes into a run and what comes out of it: plain models that can be stored and read back anywhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from kitaru.errors import KitaruUsageError
from kitaru.records.plain import JsonMapping, JsonObject

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "OpenAIApprovalDecision",
    "OpenAIInterruptionSummary",
    "OpenAIRunRequest",
    "OpenAIRunResult",
    "OpenAIRunStateEnvelope",
    "OpenAIUsageSummary",
]

_MATERIALISE = "Call its result() first, so that the text or the items themselves go into the request."


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", validate_default=True)


class OpenAIApprovalDecision(_Model):
    """One person's answer to one pending tool call.

    Attributes:
        call_id: The tool call that is decided; preferred over the index.
        interruption_index: Position of the interruption in the result, used when there is no `call_id`.
        approve: Whether the call may run.
        rejection_message: What the model reads instead of a result; only for a rejection.
        always: Whether the decision also holds for later calls of the same tool by the same agent in this run.
    """

    call_id: str | None = None
    interruption_index: int = Field(default=0, ge=0)
    approve: bool
    rejection_message: str | None = None
    always: bool = False

    @model_validator(mode="after")
    def _message_fits(self) -> OpenAIApprovalDecision:
        if self.approve and self.rejection_message is not None:
            msg = "rejection_message is for a rejection; leave it out when approve=True."
            raise ValueError(msg)
        if self.rejection_message is not None and not self.rejection_message.strip():
            msg = "rejection_message must not be blank; leave it out for the framework's own text."
            raise ValueError(msg)
        return self


class OpenAIRunStateEnvelope(_Model):
    """A paused run as the framework wrote it; it holds approvals, so it must come from our own store only.

    Attributes:
        schema_version: Version of this envelope.
        agents_sdk_version: Release of the framework that wrote the state.
        state_json: The framework's own snapshot, with its own schema version inside.
        strict_sdk_version: Whether resuming under another release adds a warning.
        context_codec: Whether a context serializer of the caller took part.
        created_at_iso: When it was written.
        warnings: What the reader must know.
    """

    schema_version: Literal[1] = 1
    agents_sdk_version: str
    state_json: JsonObject
    strict_sdk_version: bool = True
    context_codec: bool = False
    created_at_iso: str
    warnings: list[str] = Field(default_factory=list)


class OpenAIInterruptionSummary(_Model):
    """One tool call that waits for a decision.

    Attributes:
        index: Position in the result.
        kind: Sort of interruption.
        tool_name: Tool that would run.
        call_id: Id of the call.
        message: One line for the person who decides.
        arguments: The arguments as the model sent them, if capture shows payloads.
        arguments_preview: The first 500 characters of them, if capture shows payloads.
    """

    index: int
    kind: str = "tool_approval"
    tool_name: str
    call_id: str | None = None
    message: str
    arguments: str | None = None
    arguments_preview: str | None = None


class OpenAIUsageSummary(_Model):
    """Tokens of a run.

    Attributes:
        requests: Calls to the provider, the framework's own retries included.
        input_tokens: Tokens sent.
        output_tokens: Tokens received.
        total_tokens: Their sum.
        cached_input_tokens: Part of the input read from the provider's cache.
        reasoning_tokens: Part of the output that was reasoning.
        models: Names of the models that took part, as far as they are known.
    """

    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    total_tokens: int = 0
    cached_input_tokens: int = 0
    reasoning_tokens: int = 0
    models: list[str] = Field(default_factory=list)


class OpenAIRunRequest(_Model):
    """The stored part of a run's input: a fresh start, or a paused run with what was decided.

    Attributes:
        schema_version: Version of this model.
        kind: `start` or `resume`.
        input: Text or input items, for a start.
        pending_state: The paused run, for a resume.
        decision: One decision, for a resume.
        decisions: Several decisions, for a resume; items left undecided stay pending.
        max_turns: Limit of turns; absent means the framework's default, an explicit `None` means no limit.
        metadata: Anything of the caller's, carried along.
    """

    schema_version: Literal[1] = 1
    kind: Literal["start", "resume"]
    input: str | list[JsonObject] | None = None
    pending_state: OpenAIRunStateEnvelope | None = None
    decision: OpenAIApprovalDecision | None = None
    decisions: list[OpenAIApprovalDecision] = Field(default_factory=list)
    max_turns: int | None = Field(default=None, ge=1)
    metadata: JsonObject = Field(default_factory=dict)

    @field_validator("input", mode="before")
    @classmethod
    def _no_handles(cls, value: object) -> object:
        _refuse_handles(value, "input")
        return value

    @model_validator(mode="after")
    def _fits_kind(self) -> OpenAIRunRequest:
        resume_parts = self.pending_state is not None or self.decision is not None or bool(self.decisions)
        if self.kind == "start" and (self.input is None or resume_parts):
            msg = "A start request needs `input` and takes neither `pending_state` nor decisions."
            raise ValueError(msg)
        if self.kind == "resume" and (self.input is not None or self.pending_state is None or not self.all_decisions):
            msg = "A resume request needs `pending_state` and a decision, and takes no `input`."
            raise ValueError(msg)
        return self

    @property
    def all_decisions(self) -> list[OpenAIApprovalDecision]:
        """Every decision of a resume request, the single one first."""
        return [*([self.decision] if self.decision is not None else []), *self.decisions]

    @classmethod
    def start(
        cls,
        input: str | Sequence[JsonMapping],  # noqa: A002 - the framework's word
        /,
        **options: Any,
    ) -> OpenAIRunRequest:
        """Return the request that starts a run.

        Args:
            input: Text of the user, or input items in the framework's form.
            **options: `max_turns` (leave it out for the framework's default, `None` for no limit) and `metadata`.

        Returns:
            The request.

        Raises:
            KitaruUsageError: The input holds a checkpoint's future instead of its value.
            pydantic.ValidationError: An option is unknown or does not fit.
        """
        _refuse_handles(input, "input")
        items = input if isinstance(input, str) else [dict(item) for item in input]
        return cls(kind="start", input=items, **options)

    @classmethod
    def resume(
        cls,
        pending_state: OpenAIRunStateEnvelope | None,
        decision: OpenAIApprovalDecision | Sequence[OpenAIApprovalDecision] | None,
        **options: Any,
    ) -> OpenAIRunRequest:
        """Return the request that continues a paused run.

        Args:
            pending_state: `OpenAIRunResult.pending_state` of the run that was interrupted.
            decision: One decision, or several.
            **options: `max_turns` and `metadata`, as in `start`.

        Returns:
            The request.

        Raises:
            KitaruUsageError: The state or the decision is missing.
            pydantic.ValidationError: An option is unknown or does not fit.
        """
        if pending_state is None or decision is None:
            missing = "pending_state" if pending_state is None else "decision"
            msg = f"A run cannot be resumed without {missing}; take the state from an interrupted result and decide."
            raise KitaruUsageError(msg)
        if isinstance(decision, OpenAIApprovalDecision):
            return cls(kind="resume", pending_state=pending_state, decision=decision, **options)
        return cls(kind="resume", pending_state=pending_state, decisions=list(decision), **options)


class OpenAIRunResult(_Model):
    """What a run ended with; the value to return from a flow.

    Attributes:
        schema_version: Version of this model.
        status: `completed`, or `interrupted` when tool calls wait for a decision.
        final_output: The agent's answer; typed when the agent has an output type.
        final_output_type: Dotted path of the class of a typed answer, for people and for readers elsewhere.
        pending_state: The paused run, when interrupted.
        interruptions: What waits for a decision, when interrupted.
        last_agent: Name of the agent that acted last.
        last_response_id: The provider's id of the last response.
        input_items: The whole conversation in the form that the next run takes as input.
        usage: Tokens of the run.
        estimated_cost_usd: What the cost calculator said, if exactly one model is known for the run.
        event_log_artifact_name: Where the event log was saved, if it was saved as an artifact.
        run_summary_artifact_name: Where the run summary was saved, if it was.
        state_artifact_name: Where the paused state was saved, if it was.
        output_artifact_name: Where the answer was saved, if it was.
        warnings: What the reader must know.
    """

    schema_version: Literal[1] = 1
    status: Literal["completed", "interrupted"]
    final_output: Any = None
    final_output_type: str | None = None
    pending_state: OpenAIRunStateEnvelope | None = None
    interruptions: list[OpenAIInterruptionSummary] = Field(default_factory=list)
    last_agent: str | None = None
    last_response_id: str | None = None
    input_items: list[JsonObject] = Field(default_factory=list)
    usage: OpenAIUsageSummary | None = None
    estimated_cost_usd: float | None = None
    event_log_artifact_name: str | None = None
    run_summary_artifact_name: str | None = None
    state_artifact_name: str | None = None
    output_artifact_name: str | None = None
    warnings: list[str] = Field(default_factory=list)

    @model_validator(mode="after")
    def _fits_status(self) -> OpenAIRunResult:
        if self.status == "completed" and self.pending_state is not None:
            msg = "A completed result has no pending_state."
            raise ValueError(msg)
        if self.status == "interrupted" and not self.interruptions:
            msg = "An interrupted result names at least one interruption."
            raise ValueError(msg)
        return self


def _refuse_handles(value: object, where: str) -> None:
    if isinstance(value, str) or value is None:
        return
    if isinstance(value, Mapping):
        for key, item in value.items():
            _refuse_handles(item, f"{where}[{key!r}]")
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            _refuse_handles(item, f"{where}[{index}]")
    elif hasattr(value, "result") and hasattr(value, "invocation_id"):
        msg = f"{where} is the future of a checkpoint that has not been read yet. {_MATERIALISE}"
        raise KitaruUsageError(msg)

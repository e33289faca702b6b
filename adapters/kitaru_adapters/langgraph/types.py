"""What goes into a runner and what comes out of it: requests, results and their parts, as pydantic models."""

from __future__ import annotations

from typing import Any, Literal, Self, TypeAlias, TypedDict, Unpack

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from kitaru.records.plain import JsonObject

__all__ = [
    "Config",
    "DriveFields",
    "Graph",
    "GraphCheckpointStrategy",
    "GraphValue",
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
    "RequestFields",
    "RunFields",
]

GraphCheckpointStrategy = Literal["graph_call", "calls"]
Durability = Literal["sync", "async", "exit"]

Graph: TypeAlias = Any
"""A compiled graph of any kind (state graph, functional API, remote): what is called must be there, and is checked."""

GraphValue: TypeAlias = Any
"""What goes into a graph, stands in its state or comes out of it: the graph's author chose its classes."""

Config: TypeAlias = dict[str, Any]
"""A configuration of LangGraph, or its `configurable`: a `RunnableConfig` with whatever else a caller puts in."""


class DriveFields(TypedDict, total=False):
    """How a request wants its graph driven; see `LangGraphRunRequest`."""

    checkpoint_id: str | None
    checkpoint_ns: str | None
    context: GraphValue
    configurable: Config
    config: Config
    durability: Durability | None


class RequestFields(DriveFields, total=False):
    """What a request may say beside its input or command and its thread."""

    metadata: JsonObject


class RunFields(RequestFields, total=False):
    """What a run of raw input takes: the fields of its request, the thread among them."""

    thread_id: str


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)


class LangGraphRunRequest(_Model):
    """One call of a graph: a start with an input, or a resume with a command.

    Attributes:
        schema_version: Version of this form.
        kind: `"start"` or `"resume"`.
        input: Input of the graph; may be `None`.
        command: The `Command` of a resume.
        thread_id: LangGraph's thread.
        checkpoint_id: Start from this checkpoint of the thread instead of its head.
        checkpoint_ns: Namespace of the checkpoint.
        context: Static context handed to the graph.
        configurable: Entries for `config["configurable"]`.
        config: Further configuration of the run.
        durability: LangGraph's durability mode; wins over the runner's.
        metadata: Facts of the caller, kept with the run summary.
    """

    schema_version: Literal[1] = 1
    kind: Literal["start", "resume"] = "start"
    input: GraphValue = None
    command: GraphValue = None
    thread_id: str
    checkpoint_id: str | None = None
    checkpoint_ns: str | None = None
    context: GraphValue = None
    configurable: Config = Field(default_factory=dict)
    config: Config = Field(default_factory=dict)
    durability: Durability | None = None
    metadata: JsonObject = Field(default_factory=dict)

    @field_validator("thread_id")
    @classmethod
    def _thread_is_named(cls, value: str) -> str:
        if not value.strip():
            msg = "thread_id must not be blank"
            raise ValueError(msg)
        return value

    @model_validator(mode="after")
    def _input_or_command(self) -> Self:
        given = self.model_fields_set
        if self.kind == "start":
            if "input" not in given:
                msg = "a start needs `input` (None is allowed)"
                raise ValueError(msg)
            if self.command is not None:
                msg = "a start takes no `command`; use kind='resume'"
                raise ValueError(msg)
        elif self.command is None or self.input is not None:
            msg = "a resume needs `command` and takes no `input`"
            raise ValueError(msg)
        return self

    @classmethod
    def start(cls, input: object, *, thread_id: str, **fields: Unpack[RequestFields]) -> Self:  # noqa: A002 - the framework's word
        """Build a request that starts a run.

        Args:
            input: Input of the graph.
            thread_id: LangGraph's thread.
            **fields: Further fields of the request.

        Returns:
            The request.
        """
        return cls(kind="start", input=input, thread_id=thread_id, **fields)

    @classmethod
    def resume(cls, command: object, *, thread_id: str, **fields: Unpack[RequestFields]) -> Self:
        """Build a request that answers interrupts.

        Args:
            command: LangGraph's `Command(resume=...)`.
            thread_id: The interrupted thread.
            **fields: Further fields of the request.

        Returns:
            The request.
        """
        return cls(kind="resume", command=command, thread_id=thread_id, **fields)


LangGraphResumeRequest = LangGraphRunRequest


class LangGraphInterruptSummary(_Model):
    """One interrupt that waits for an answer.

    Attributes:
        index: Place among the pending interrupts, by structure of the graph and therefore stable.
        interrupt_id: LangGraph's id of it.
        value: What the graph shows to the person, JSON-ready.
        resumable: Always true.
        namespace: Kept for readers of older records; current LangGraph does not say.
        task_id: Task that interrupted.
        node_name: Node that interrupted.
        response_schema: JSON schema of the answer, where the graph gives one.
        path: Structural position, equal in every run of the same graph.
    """

    index: int
    interrupt_id: str | None = None
    value: GraphValue = None
    resumable: bool = True
    namespace: list[str] = Field(default_factory=list)
    task_id: str | None = None
    node_name: str | None = None
    response_schema: JsonObject | None = None
    path: str = ""


class LangGraphPendingState(_Model):
    """Where an interrupted run stands.

    Attributes:
        schema_version: Version of this form.
        thread_id: The thread.
        checkpoint_id: Its head.
        checkpoint_ns: Namespace.
        next_nodes: Nodes that run next.
        interrupts: What waits for an answer.
        created_at_iso: When the head was written.
        warnings: What a reader must know.
    """

    schema_version: Literal[1] = 1
    thread_id: str
    checkpoint_id: str | None = None
    checkpoint_ns: str | None = None
    next_nodes: list[str] = Field(default_factory=list)
    interrupts: list[LangGraphInterruptSummary] = Field(default_factory=list)
    created_at_iso: str | None = None
    warnings: list[str] = Field(default_factory=list)


class LangGraphStateSummary(_Model):
    """The thread's state after a run, as far as the capture policy shows it.

    Attributes:
        latest_checkpoint_id: Head of the thread.
        checkpoint_ns: Namespace.
        next_nodes: Nodes that run next.
        interrupts: What waits for an answer.
        values: Channel values; only with `save_state_values`.
        tasks: Facts about the pending tasks.
    """

    latest_checkpoint_id: str | None = None
    checkpoint_ns: str | None = None
    next_nodes: list[str] = Field(default_factory=list)
    interrupts: list[LangGraphInterruptSummary] = Field(default_factory=list)
    values: GraphValue = None
    tasks: list[JsonObject] = Field(default_factory=list)


class LangGraphUsageSummary(_Model):
    """Tokens of one run.

    Attributes:
        model_name: The model, if it was one only.
        provider_name: Its provider, if it was one only.
        input_tokens: Tokens of the requests.
        output_tokens: Tokens of the answers.
        total_tokens: Their sum.
        raw: Further figures by name.
    """

    model_name: str | None = None
    provider_name: str | None = None
    input_tokens: int = 0
    output_tokens: int = 0
    total_tokens: int = 0
    raw: JsonObject = Field(default_factory=dict)


class LangGraphRunResult(_Model):
    """What one call of a graph came to.

    Attributes:
        schema_version: Version of this form.
        status: `completed` or `interrupted`; a failing graph raises instead.
        output: The graph's output with live objects, also when it was read back.
        thread_id: The thread as the caller names it.
        latest_checkpoint_id: Head of the thread after the run.
        next_nodes: Nodes that would run next.
        interrupts: What waits for an answer.
        pending_state: Where an interrupted run stands.
        state_summary: The thread's state, as far as the capture policy shows it.
        state_artifact_name: Artifact with the state, if one was saved.
        output_artifact_name: Artifact with the output, if one was saved.
        event_log_artifact_name: Artifact with the events, if one was saved.
        run_summary_artifact_name: Artifact with the summary, if one was saved.
        usage: Tokens of this run only, never of earlier turns on the thread.
        estimated_cost_usd: What the caller's calculator says.
        warnings: What a reader must know.
        invocation: Label of the call within the execution, such as `r1`.
    """

    schema_version: Literal[1] = 1
    status: Literal["completed", "interrupted", "failed"]
    output: GraphValue = None
    thread_id: str
    latest_checkpoint_id: str | None = None
    next_nodes: list[str] = Field(default_factory=list)
    interrupts: list[LangGraphInterruptSummary] = Field(default_factory=list)
    pending_state: LangGraphPendingState | None = None
    state_summary: LangGraphStateSummary | None = None
    state_artifact_name: str | None = None
    output_artifact_name: str | None = None
    event_log_artifact_name: str | None = None
    run_summary_artifact_name: str | None = None
    usage: LangGraphUsageSummary | None = None
    estimated_cost_usd: float | None = None
    warnings: list[str] = Field(default_factory=list)
    invocation: str | None = None

    @model_validator(mode="after")
    def _status_fits(self) -> Self:
        if self.status == "interrupted" and (not self.interrupts or self.pending_state is None):
            msg = "an interrupted result needs `interrupts` and `pending_state`"
            raise ValueError(msg)
        if self.status == "interrupted" and self.output is not None:
            msg = "an interrupted result has no `output`"
            raise ValueError(msg)
        if self.status == "completed" and self.pending_state is not None:
            msg = "a completed result has no `pending_state`"
            raise ValueError(msg)
        return self

    @property
    def structured_response(self) -> GraphValue:
        """The agent's structured response, or `None` when the output has none."""
        return self.output.get("structured_response") if isinstance(self.output, dict) else None


class LangGraphEventError(_Model):
    """Why something failed.

    Attributes:
        exception_type: Class of the exception.
        message: Its text, with secrets taken out.
    """

    exception_type: str
    message: str


class LangGraphRunEvent(_Model):
    """One thing that happened in a run; observation only, never what replay depends on.

    Attributes:
        event_id: Id within the execution.
        kind: What happened.
        status: How it ended.
        sequence_index: Place in the run; calls of tools stand in the order the model asked for them.
        run_label: Label of the run, such as `r1`.
        graph_name: Name of the graph.
        duration_ms: How long it took.
        checkpoint_id: Checkpoint call it belongs to.
        checkpoint_name: Name of that checkpoint.
        parent_event_ids: Events that led to it.
        model_name: The model.
        node_name: The node.
        tool_name: The tool.
        tool_call_id: The model's id of the tool call.
        source: Where the event was seen.
        checkpoint_mode: `true` where a checkpoint exists, `metadata_only` where none does.
        metadata: Further facts.
        artifacts: References to stored values.
        error: Why it failed.
    """

    event_id: str
    kind: str
    status: Literal["completed", "failed", "interrupted"] = "completed"
    sequence_index: int
    run_label: str
    graph_name: str
    duration_ms: float | None = None
    checkpoint_id: str | None = None
    checkpoint_name: str | None = None
    parent_event_ids: list[str] = Field(default_factory=list)
    model_name: str | None = None
    node_name: str | None = None
    tool_name: str | None = None
    tool_call_id: str | None = None
    source: str | None = None
    checkpoint_mode: Literal["true", "metadata_only"] | None = None
    metadata: JsonObject = Field(default_factory=dict)
    artifacts: JsonObject = Field(default_factory=dict)
    error: LangGraphEventError | None = None


LangGraphAdapterEvent = LangGraphRunEvent

"""Snapshots of executions as the client returns them; none of them changes after it was made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from kitaru.errors import FailureOrigin
from kitaru.records.plain import JsonMapping
from kitaru.records.status import ExecutionStatus

if TYPE_CHECKING:
    from kitaru.operating.executions import ExecutionsNamespace

__all__ = [
    "ArtifactRef",
    "CheckpointAttempt",
    "CheckpointCall",
    "Execution",
    "FailureInfo",
    "FrozenExecutionSpec",
    "PendingWait",
    "WaitInfo",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureInfo:
    """Why something failed.

    Attributes:
        message: Text of the exception.
        exception_type: Its qualified class name, `module:qualname`.
        traceback: The formatted traceback.
        origin: Where it came from.
        call_id: The call that failed, if one did.
    """

    message: str
    exception_type: str | None = None
    traceback: str | None = None
    origin: FailureOrigin = FailureOrigin.UNKNOWN
    call_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactRef:
    """A stored value.

    Attributes:
        artifact_id: Its id.
        name: Its name.
        kind: Kind of a saved artifact, or what the kind of checkpoint says of its output.
        save_type: `manual` for `save()`, `step_output` for a checkpoint's output.
        producing_call: Name of the checkpoint.
        call_id: Id of the call.
        metadata: Size, codec and the like.
        direction: `output` or `input`.
        input_type: For an input: its kind.
        tags: Labels.
        created_at: When it was stored.
        content_type: Media type of the stored bytes.
    """

    artifact_id: str
    name: str
    kind: str | None = None
    save_type: str = "step_output"
    producing_call: str | None = None
    call_id: str | None = None
    metadata: JsonMapping = field(default_factory=dict)
    direction: str = "output"
    input_type: str | None = None
    tags: tuple[str, ...] = ()
    created_at: datetime | None = None
    content_type: str = "application/json"
    loader: Callable[[], Any] | None = field(default=None, repr=False, compare=False)
    raw_loader: Callable[[], tuple[str, bytes]] | None = field(default=None, repr=False, compare=False)

    def load(self) -> Any:  # noqa: ANN401 - whatever was stored
        """Return the value.

        Raises:
            KitaruDecodingError: A class it needs is not loaded; the raw data is on the error.
        """
        return None if self.loader is None else self.loader()

    def readable(self) -> Any:  # noqa: ANN401 - JSON-ready data
        """Return the value as JSON-ready data, without needing any of its classes."""
        from kitaru.artifacts.codecs import readable

        return None if self.raw_loader is None else readable(*self.raw_loader())


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointAttempt:
    """One attempt of a call.

    Attributes:
        attempt_id: Its id.
        number: From 1.
        status: How it ended.
        started_at: When it began.
        ended_at: When it ended.
        metadata: What it logged.
        failure: Why it failed.
        llm_usage_records: Its usage records.
    """

    attempt_id: str
    number: int
    status: ExecutionStatus
    started_at: datetime | None = None
    ended_at: datetime | None = None
    metadata: JsonMapping = field(default_factory=dict)
    failure: FailureInfo | None = None
    llm_usage_records: tuple[JsonMapping, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointCall:
    """One call of a checkpoint, with all its attempts.

    Attributes:
        call_id: Its id.
        invocation_id: Readable id, unique in the execution.
        name: Checkpoint name.
        index: Its place among the calls of the body, from 0.
        status: Its state.
        checkpoint_type: The label given.
        adapter: The adapter that opened it.
        cache_status: `executed`, `hit`, `reused` or `overridden`.
        started_at: When its first attempt began.
        ended_at: When it ended.
        metadata: What its last attempt logged.
        original_call_id: The call whose value it took.
        original_exec_id: That call's execution.
        parent_call_ids: Calls it came after, or whose values went in.
        failure: Why its last attempt failed.
        attempts: Its attempts.
        artifacts: What it stored.
        inputs: What is shown of its inputs, JSON-ready.
        input_digest: Digest of its inputs.
        input_changed: Whether a rerun made it with other inputs.
        effect: What was declared about running it twice.
        llm_usage_records: Usage records of its last attempt.
        message_loader: Reads what a model was asked; see `load_messages`.
    """

    call_id: str
    invocation_id: str
    name: str
    index: int
    status: ExecutionStatus
    checkpoint_type: str | None = None
    adapter: str | None = None
    cache_status: str = "executed"
    started_at: datetime | None = None
    ended_at: datetime | None = None
    metadata: JsonMapping = field(default_factory=dict)
    original_call_id: str | None = None
    original_exec_id: str | None = None
    parent_call_ids: tuple[str, ...] = ()
    failure: FailureInfo | None = None
    attempts: tuple[CheckpointAttempt, ...] = ()
    artifacts: tuple[ArtifactRef, ...] = ()
    inputs: Any = None
    input_digest: str | None = None
    input_changed: bool = False
    effect: str | None = None
    llm_usage_records: tuple[JsonMapping, ...] = ()
    message_loader: Callable[[], list[Any]] | None = field(default=None, repr=False, compare=False)

    def load_messages(self) -> list[Any]:
        """Return the conversation that a model was asked with, oldest message first, JSON-ready.

        Returns:
            The messages in the framework's own form, or the prompt that the call saved last; none if the call has asked
            no model, its adapter was told not to keep them, or it took its value from another execution
            (`original_exec_id`), which has them.

        Raises:
            KitaruJournalError: A message is missing or was altered.
        """
        return [] if self.message_loader is None else self.message_loader()


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingWait:
    """An open wait.

    Attributes:
        wait_id: Its id.
        name: Its name.
        question: Text for a person.
        schema: JSON schema of the answer; `None` for a gate.
        metadata: What the flow attached.
        entered_waiting_at: When it was opened.
        exec_id: Its execution.
        flow_name: The execution's flow.
    """

    wait_id: str
    name: str
    question: str | None = None
    schema: JsonMapping | None = None
    metadata: JsonMapping = field(default_factory=dict)
    entered_waiting_at: datetime | None = None
    exec_id: str = ""
    flow_name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitInfo:
    """Any wait of an execution.

    Attributes:
        pending: What was asked.
        state: `open`, `resolved`, `aborted` or `void`.
        answer: The answer, JSON-ready.
        answered_by: Who answered, and through which surface.
        answered_at: When.
    """

    pending: PendingWait
    state: str
    answer: Any = None
    answered_by: Mapping[str, str] = field(default_factory=dict)
    answered_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FrozenExecutionSpec:
    """The settings an execution was started with; later changes do not touch it.

    Attributes:
        version: Version of this record.
        resolved_execution: The settings.
        module: Module of the flow.
        qualname: Its qualified name there.
        file: Its source file.
        source_digest: Digest of its source text.
        versions: Versions of Python, kitaru and plugins.
    """

    version: int = 1
    resolved_execution: JsonMapping = field(default_factory=dict)
    module: str = ""
    qualname: str = ""
    file: str | None = None
    source_digest: str | None = None
    versions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Execution:
    """A snapshot of an execution.

    In a list it is shallow; its details are read on first use.

    Attributes:
        exec_id: Its id.
        flow_name: Name of the flow.
        flow_id: The same name; flows have no other identity here.
        status: Its state.
        status_reason: Why, in words.
        created_at: When it was created.
        started_at: When it first ran.
        ended_at: When it ended.
        stack_name: Where it runs.
        metadata: What the flow's body logged.
        failure: Why it failed.
        pending_wait: Its oldest open wait.
        original_exec_id: Source of a replay.
        checkpoint_count: Number of its calls.
        artifact_count: Number of its stored values.
        llm_usage_summary: Totals of tokens and cost.
        cancel_requested: Whether somebody asked to cancel.
    """

    exec_id: str
    flow_name: str | None
    flow_id: str | None
    status: ExecutionStatus
    status_reason: str | None = None
    created_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    stack_name: str | None = None
    metadata: JsonMapping = field(default_factory=dict)
    failure: FailureInfo | None = None
    pending_wait: PendingWait | None = None
    original_exec_id: str | None = None
    checkpoint_count: int = 0
    artifact_count: int = 0
    llm_usage_summary: JsonMapping | None = None
    cancel_requested: bool = False
    details: Callable[[], ExecutionDetails] | None = field(default=None, repr=False, compare=False)
    namespace: ExecutionsNamespace | None = field(default=None, repr=False, compare=False)

    def _details(self) -> ExecutionDetails:
        return ExecutionDetails() if self.details is None else self.details()

    @property
    def checkpoints(self) -> list[CheckpointCall]:
        """Its calls, in the order of the body."""
        return list(self._details().checkpoints)

    @property
    def artifacts(self) -> list[ArtifactRef]:
        """Its stored values, in the order of the body."""
        return list(self._details().artifacts)

    @property
    def waits(self) -> list[WaitInfo]:
        """All its waits, oldest first."""
        return list(self._details().waits)

    @property
    def inputs(self) -> Any:  # noqa: ANN401 - JSON-ready data
        """The flow's inputs, JSON-ready."""
        return self._details().inputs

    @property
    def frozen_execution_spec(self) -> FrozenExecutionSpec | None:
        """The settings it was started with."""
        return self._details().spec

    @property
    def llm_usage_records(self) -> list[JsonMapping]:
        """The usage records of all its calls."""
        return [record for call in self.checkpoints for record in call.llm_usage_records]

    def list_checkpoints(self) -> list[CheckpointCall]:
        """Return its calls, in the order of the body."""
        return self.checkpoints

    def list_artifacts(self) -> list[ArtifactRef]:
        """Return its stored values."""
        return self.artifacts

    def result(self) -> Any:  # noqa: ANN401 - what the flow returned
        """Return what the flow returned.

        Raises:
            KitaruStateError: It has not ended.
            KitaruExecutionError: It ended badly.
        """
        return self._operate().result(self.exec_id)

    def refresh(self) -> Execution:
        """Return a new snapshot."""
        return self._operate().get(self.exec_id)

    def retry(self) -> Execution:
        """Continue it after a failure; see `KitaruClient.executions.retry`."""
        return self._operate().retry(self.exec_id)

    def resume(self) -> Execution:
        """Continue it after an answer; see `KitaruClient.executions.resume`."""
        return self._operate().resume(self.exec_id)

    def cancel(self) -> Execution:
        """Cancel it; see `KitaruClient.executions.cancel`."""
        return self._operate().cancel(self.exec_id)

    def input(self, *, wait: str, value: object) -> Execution:
        """Answer one of its waits; see `KitaruClient.executions.input`."""
        return self._operate().input(self.exec_id, wait=wait, value=value)

    def abort_wait(self, *, wait: str) -> Execution:
        """Abort one of its waits; see `KitaruClient.executions.abort_wait`."""
        return self._operate().abort_wait(self.exec_id, wait=wait)

    def replay(self, *, from_: str, overrides: Mapping[str, object] | None = None, **flow_inputs: Any) -> Execution:  # noqa: ANN401 - inputs of the flow
        """Derive a new execution from it; see `KitaruClient.executions.replay`."""
        found: Execution = self._operate().replay(self.exec_id, from_=from_, overrides=overrides, **flow_inputs)
        return found

    def _operate(self) -> ExecutionsNamespace:
        if self.namespace is None:
            from kitaru.operating.client import KitaruClient

            return KitaruClient().executions
        return self.namespace


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionDetails:
    """What a shallow snapshot leaves out.

    Attributes:
        checkpoints: The calls.
        artifacts: The stored values.
        waits: The waits.
        inputs: The flow's inputs, JSON-ready.
        spec: The frozen settings.
    """

    checkpoints: tuple[CheckpointCall, ...] = ()
    artifacts: tuple[ArtifactRef, ...] = ()
    waits: tuple[WaitInfo, ...] = ()
    inputs: Any = None
    spec: FrozenExecutionSpec | None = None

"""Making snapshots of an execution from its records."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import msgspec

from kitaru.artifacts.codecs import readable
from kitaru.engine import payloads
from kitaru.engine.histories import artifact_bytes, told_messages
from kitaru.engine.ledger import RecordedCall, fold
from kitaru.engine.lookup import visible_artifacts
from kitaru.engine.outcomes import execution_failure
from kitaru.engine.summaries import merge_metadata, totals_of
from kitaru.errors import FailureOrigin
from kitaru.journal.api import ExecutionRow, WaitRow, effective_status
from kitaru.operating.models import (
    ArtifactRef,
    CheckpointAttempt,
    CheckpointCall,
    Execution,
    ExecutionDetails,
    FailureInfo,
    FrozenExecutionSpec,
    PendingWait,
    WaitInfo,
)
from kitaru.records.facts import (
    ArtifactSaved,
    CheckpointCompleted,
    CheckpointFailed,
    CheckpointReused,
    CheckpointStarted,
    DriftNoted,
    ExecutionStarted,
    MetadataLogged,
    WaitAborted,
    WaitOpened,
    WaitResolved,
    usage_in,
)
from kitaru.records.plain import JsonObject
from kitaru.records.status import ExecutionStatus

if TYPE_CHECKING:
    from kitaru.journal.api import Journal
    from kitaru.operating.executions import ExecutionsNamespace
    from kitaru.records.failure import Failure
    from kitaru.records.payload import PayloadRef
    from kitaru.records.record import Record

__all__ = ["failure_info", "is_resting", "moment", "pending_wait", "read_details", "snapshot"]

_KINDS = {"llm_call": "response", "tool_call": "output", "mcp_call": "output"}


def moment(seconds: float | None) -> datetime | None:
    """Turn seconds since 1970 into a time in UTC."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def is_resting(row: ExecutionRow) -> bool:
    """Tell whether nobody is at work on an execution: it has ended, or waits and no runner looks for the answer."""
    return effective_status(row) != "running" and not (row.attached and not row.runner_lost)


def failure_info(failure: Failure | None) -> FailureInfo | None:
    """Turn a recorded failure into what the client shows."""
    if failure is None:
        return None
    return FailureInfo(
        message=failure.message,
        exception_type=failure.type,
        traceback=failure.traceback or None,
        origin=FailureOrigin(failure.origin),
        call_id=failure.call_id,
    )


def pending_wait(row: WaitRow) -> PendingWait:
    """Turn a wait of the journal into what the client shows."""
    opened = msgspec.json.decode(row.opened, type=WaitOpened)
    return _pending(opened, row.execution_id, row.flow)


def _pending(opened: WaitOpened, execution_id: str, flow: str) -> PendingWait:
    return PendingWait(
        wait_id=opened.wait_id,
        name=opened.name,
        question=opened.question,
        schema=opened.schema,
        metadata=opened.metadata,
        entered_waiting_at=moment(opened.at),
        exec_id=execution_id,
        flow_name=flow,
    )


def snapshot(
    journal: Journal, row: ExecutionRow, namespace: ExecutionsNamespace, *, waits: Iterable[WaitRow] | None = None
) -> Execution:
    """Make a snapshot of an execution.

    Args:
        journal: Where it is recorded.
        row: The execution as lists show it.
        namespace: The client's namespace, for the snapshot's methods.
        waits: Its open waits, if they were read already.
    """
    status = ExecutionStatus(effective_status(row))
    details = cache(lambda: read_details(journal, row))
    summary: JsonObject = dict(row.summary)
    if "checkpoints" not in summary or not status.is_finished:
        summary = totals_of(journal.records(row.id)).as_dict()
    opened = list(waits) if waits is not None else (journal.waits(execution_id=row.id) if row.open_waits else [])
    failure = failure_info(execution_failure(journal, row.id)) if status is ExecutionStatus.FAILED else None
    return Execution(
        exec_id=row.id,
        flow_name=row.flow,
        flow_id=row.flow,
        status=status,
        status_reason="runner lost" if row.runner_lost and status is ExecutionStatus.FAILED else row.status_reason,
        created_at=moment(row.created_at),
        started_at=moment(row.started_at),
        ended_at=moment(row.ended_at),
        stack_name=row.stack,
        metadata=summary.get("metadata", {}),
        failure=failure,
        pending_wait=pending_wait(opened[0]) if opened else None,
        original_exec_id=row.original_id,
        checkpoint_count=summary.get("checkpoints", 0),
        artifact_count=summary.get("artifacts", 0),
        llm_usage_summary=summary.get("usage"),
        cancel_requested=row.cancel_requested,
        details=details,
        namespace=namespace,
    )


def read_details(journal: Journal, row: ExecutionRow) -> ExecutionDetails:
    """Read the calls, artifacts, waits and inputs of an execution."""
    records = journal.records(row.id)
    calls, _ = fold(records)
    reader = _Reader(journal, row, records, calls)
    checkpoints = tuple(reader.call(call) for call in sorted(calls.values(), key=lambda item: item.fact.index))
    started = records[0].fact if records else None
    return ExecutionDetails(
        checkpoints=checkpoints,
        artifacts=tuple(artifact for call in checkpoints for artifact in call.artifacts),
        waits=tuple(reader.waits()),
        inputs=reader.inputs(started) if isinstance(started, ExecutionStarted) else None,
        spec=_spec(started) if isinstance(started, ExecutionStarted) else None,
    )


def _spec(started: ExecutionStarted) -> FrozenExecutionSpec:
    return FrozenExecutionSpec(
        resolved_execution=started.spec,
        module=started.module,
        qualname=started.qualname,
        file=started.file,
        source_digest=started.source_digest,
        versions=started.versions,
    )


def _as_messages(prompt: ArtifactRef) -> list[Any]:
    found = prompt.readable()
    return found if isinstance(found, list) else [found]


class _Reader:
    """Sorts an execution's records by call."""

    def __init__(
        self, journal: Journal, row: ExecutionRow, records: list[Record], calls: dict[str, RecordedCall]
    ) -> None:
        self._journal = journal
        self._row = row
        self._records = records
        self._alive = row.attached and not row.runner_lost
        self._by_call: dict[str, list[Record]] = {}
        self._drifted: set[str] = set()
        for record in records:
            call_id = getattr(record.fact, "call_id", None)
            if call_id is not None:
                self._by_call.setdefault(call_id, []).append(record)
                if isinstance(record.fact, DriftNoted):
                    self._drifted.add(call_id)
        self._saved: dict[str, list[tuple[int, ArtifactSaved]]] = {}
        for seq, fact in visible_artifacts(records, calls):
            self._saved.setdefault(fact.call_id, []).append((seq, fact))

    def call(self, call: RecordedCall) -> CheckpointCall:
        fact = call.fact
        attempts = self._attempts(fact.call_id)
        reused = fact if isinstance(fact, CheckpointReused) else None
        completed = fact if isinstance(fact, CheckpointCompleted) else None
        source = reused.source if reused else (completed.source if completed else None)
        status = self._status(call)
        last = attempts[-1] if attempts else None
        return CheckpointCall(
            call_id=fact.call_id,
            invocation_id=fact.invocation_id,
            name=fact.name,
            index=fact.index,
            status=status,
            checkpoint_type=fact.type,
            adapter=fact.adapter,
            cache_status=(reused or completed).cache_status if (reused or completed) else "executed",  # type: ignore[union-attr]  # one of them is there
            started_at=attempts[0].started_at if attempts else moment(fact.at),
            ended_at=moment(fact.at) if status.is_finished else None,
            metadata=last.metadata if last else {},
            original_call_id=source[1] if source else None,
            original_exec_id=source[0] if source else None,
            parent_call_ids=tuple(dict.fromkeys(fact.parents)),
            failure=last.failure if last else None,
            attempts=tuple(attempts),
            artifacts=tuple(self._artifacts(call)),
            inputs=_shown(fact.inputs),
            input_digest=fact.digest,
            input_changed=fact.call_id in self._drifted,
            effect=fact.effect,
            llm_usage_records=last.llm_usage_records if last else (),
            message_loader=self._message_loader(call),
        )

    def _message_loader(self, call: RecordedCall) -> Callable[[], list[Any]] | None:
        history = call.fact.history
        if history is not None:
            return lambda: [msgspec.json.decode(one) for one in told_messages(self._journal, self._records, history)]
        prompts = [artifact for artifact in self._artifacts(call) if artifact.kind == "prompt"]
        return partial(_as_messages, prompts[-1]) if prompts else None

    def _status(self, call: RecordedCall) -> ExecutionStatus:
        if call.completed:
            return ExecutionStatus.COMPLETED
        if isinstance(call.fact, CheckpointFailed):
            retrying = not call.fact.final and self._alive
            return ExecutionStatus.RUNNING if retrying else ExecutionStatus.FAILED
        if self._alive:
            return ExecutionStatus.RUNNING
        return ExecutionStatus.CANCELLED if self._row.status == "cancelled" else ExecutionStatus.FAILED

    def _attempts(self, call_id: str) -> list[CheckpointAttempt]:
        numbers: dict[int, list[Record]] = {}
        for record in self._by_call.get(call_id, []):
            number = getattr(record.fact, "attempt", None)
            if number is not None and not isinstance(record.fact, CheckpointReused):
                numbers.setdefault(number, []).append(record)
        return [self._attempt(call_id, number, found) for number, found in sorted(numbers.items())]

    def _attempt(self, call_id: str, number: int, records: list[Record]) -> CheckpointAttempt:
        metadata: JsonObject = {}
        usage: list[JsonObject] = []
        started: float | None = None
        ended: float | None = None
        failure: FailureInfo | None = None
        status = ExecutionStatus.RUNNING if self._alive else ExecutionStatus.FAILED
        for record in records:
            fact = record.fact
            usage += [one.usage for one in usage_in(fact)]
            if isinstance(fact, MetadataLogged):
                merge_metadata(metadata, fact.values)
            elif isinstance(fact, CheckpointStarted):
                started = fact.at
            elif isinstance(fact, CheckpointCompleted | CheckpointFailed):
                started, ended = fact.started_at, fact.at
                completed = isinstance(fact, CheckpointCompleted)
                status = ExecutionStatus.COMPLETED if completed else ExecutionStatus.FAILED
                failure = failure_info(fact.failure) if isinstance(fact, CheckpointFailed) else None
        return CheckpointAttempt(
            attempt_id=f"{call_id}:{number}",
            number=number,
            status=status,
            started_at=moment(started),
            ended_at=moment(ended),
            metadata=metadata,
            failure=failure,
            llm_usage_records=tuple(usage),
        )

    def _artifacts(self, call: RecordedCall) -> Iterable[ArtifactRef]:
        fact = call.fact
        if isinstance(fact, CheckpointCompleted | CheckpointReused):
            yield self._artifact(
                call.seq,
                fact.output,
                artifact_id=fact.call_id,
                name=fact.name,
                kind=_KINDS.get(fact.type or ""),
                call=call,
            )
        for seq, saved in self._saved.get(fact.call_id, []):
            yield self._artifact(
                seq,
                saved.value,
                artifact_id=saved.artifact_id,
                name=saved.name,
                kind=saved.type,
                call=call,
                saved=saved,
            )

    def _artifact(
        self,
        seq: int,
        ref: PayloadRef,
        *,
        artifact_id: str,
        name: str,
        kind: str | None,
        call: RecordedCall,
        saved: ArtifactSaved | None = None,
    ) -> ArtifactRef:
        fact = call.fact
        read = partial(self._journal.payload, self._row.id, seq, ref)
        if saved is not None:
            read = partial(artifact_bytes, self._journal, self._records, seq, saved)
        return ArtifactRef(
            artifact_id=artifact_id,
            name=name,
            kind=kind,
            save_type="step_output" if saved is None else "manual",
            producing_call=fact.name,
            call_id=fact.call_id,
            metadata={
                "storage_size": ref.size,
                "codec": ref.codec,
                "sha256": ref.hash,
                **({} if saved is None else {"version": saved.version}),
            },
            tags=() if saved is None else tuple(saved.tags),
            created_at=moment(fact.at if saved is None else saved.at),
            content_type=_content_type(ref.codec),
            loader=lambda: payloads.decode_stored(ref, read()),
            raw_loader=lambda: (ref.codec, read()),
        )

    def waits(self) -> Iterable[WaitInfo]:
        found: dict[str, WaitInfo] = {}
        for record in self._records:
            fact = record.fact
            if isinstance(fact, WaitOpened):
                pending = _pending(fact, self._row.id, self._row.flow)
                found[fact.wait_id] = WaitInfo(pending=pending, state="open")
            elif isinstance(fact, WaitResolved):
                data = self._journal.payload(self._row.id, record.seq, fact.answer)
                found[fact.wait_id] = WaitInfo(
                    pending=found[fact.wait_id].pending,
                    state="resolved",
                    answer=readable(fact.answer.codec, data),
                    answered_by=fact.by,
                    answered_at=moment(fact.at),
                )
            elif isinstance(fact, WaitAborted):
                state = "void" if fact.void else "aborted"
                found[fact.wait_id] = WaitInfo(pending=found[fact.wait_id].pending, state=state, answered_by=fact.by)
        return found.values()

    def inputs(self, started: ExecutionStarted) -> Any:  # noqa: ANN401 - JSON-ready data
        if started.inputs is None:
            return None
        return readable(started.inputs.codec, self._journal.payload(self._row.id, 0, started.inputs))


def _shown(raw: msgspec.Raw) -> Any:  # noqa: ANN401 - JSON-ready data
    data = bytes(raw)
    if not data:
        return {}
    codec, value = msgspec.json.decode(data, type=tuple[str, msgspec.Raw])
    return msgspec.json.decode(value) if codec == "none" else readable(codec, bytes(value))


def _content_type(codec: str) -> str:
    known: dict[str, str] = {"text/1": "text/plain; charset=utf-8", "bytes/1": "application/octet-stream"}
    return known.get(codec, "application/json")

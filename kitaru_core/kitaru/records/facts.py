"""The kinds of record a journal holds.

A fact is frozen, has a `kind` and a version `v`, and is stored as one JSON object. Fields may be added with a default;
a field that changes its meaning needs a new version. Released facts are readable for ever: golden files hold one of
each. A kind that this release does not know is kept as it is (`UnknownFact`).

Times (`at`, `started_at`) are seconds since 1970 in UTC, as the wall clock showed them; nothing is decided by them.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from kitaru.records.boundary import BoundaryKind, CacheStatus, Effect
from kitaru.records.failure import Failure
from kitaru.records.payload import HistoryRef, PayloadRef
from kitaru.records.plain import JsonObject

__all__ = [
    "NOTHING",
    "ArtifactSaved",
    "CancelRequested",
    "CheckpointCompleted",
    "CheckpointFailed",
    "CheckpointReused",
    "CheckpointStarted",
    "DriftNoted",
    "ExecutionFinished",
    "ExecutionPaused",
    "ExecutionStarted",
    "Fact",
    "Known",
    "MetadataLogged",
    "NoteWritten",
    "OutcomeReconciled",
    "RunnerStarted",
    "UnknownFact",
    "UsageRecorded",
    "WaitAborted",
    "WaitOpened",
    "WaitResolved",
    "decode_fact",
    "encode_fact",
    "shortened_usage",
    "usage_defaults",
    "usage_in",
]


NOTHING = msgspec.Raw()
"""Stands for an absent raw JSON field; it is not written."""


def _one() -> int:
    """Return the first version; a factory, so that `v` is written although it is the default."""
    return 1


class Fact(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind"):
    """Base of all facts.

    Attributes:
        at: When it happened.
        v: Version of this kind.
    """

    at: float
    v: int = msgspec.field(default_factory=_one)


class ExecutionStarted(Fact, frozen=True, kw_only=True, tag="execution.started"):
    """The first record of an execution; its payload holds the flow's inputs.

    Attributes:
        execution_id: The execution's id.
        flow: Name of the flow.
        module: Module the flow was defined in.
        qualname: Its qualified name there.
        file: Source file of that module, if it has one.
        source_digest: SHA-256 of the flow's source text, if it can be read.
        spec: The settings frozen for this execution.
        inputs: The arguments, by parameter name.
        original_exec_id: Source of a replay.
        lineage_id: Id of the first execution of this line of replays; the execution's own id when it is no replay.
        replay: The plan of a replay: anchor, overrides, reused calls.
        versions: Versions of Python, kitaru and the plugins taking part.
    """

    execution_id: str
    flow: str
    module: str
    qualname: str
    file: str | None = None
    source_digest: str | None = None
    spec: JsonObject = {}
    inputs: PayloadRef | None = None
    original_exec_id: str | None = None
    lineage_id: str | None = None
    replay: JsonObject | None = None
    versions: dict[str, str] = {}


class RunnerStarted(Fact, frozen=True, kw_only=True, tag="runner.started"):
    """A runner took over: another generation of the lease.

    Attributes:
        generation: The lease's generation from here on.
        reason: `retry`, `resume` or `flow-retry`.
        owner: Host and process of the runner.
        lost: Whether the runner before it had vanished.
        culprits: For a flow's own retry: invocation ids of the calls whose failure made it necessary.
    """

    generation: int
    reason: str
    owner: JsonObject = {}
    lost: bool = False
    culprits: list[str] = []


class _CallFact(Fact, frozen=True, kw_only=True):
    """Identity of a call; the records about it repeat it so that each can be read alone."""

    call_id: str
    invocation_id: str
    name: str
    index: int
    kind_of_work: BoundaryKind = "function"
    type: str | None = None
    adapter: str | None = None
    key: str | None = None
    digest: str | None = None
    attempt: int = 1
    concurrent: bool = False
    group: str | None = None
    effect: Effect | None = None
    parents: list[str] = []
    inputs: msgspec.Raw = NOTHING
    history: HistoryRef | None = None


class CheckpointStarted(_CallFact, frozen=True, kw_only=True, tag="checkpoint.started"):
    """An attempt of a call began; written lazily unless the call is irreversible."""


class CheckpointCompleted(_CallFact, frozen=True, kw_only=True, tag="checkpoint.completed"):
    """The durable commit of a call: its output.

    Attributes:
        started_at: When the successful attempt began.
        output: The value; `None` only in records whose value is elsewhere.
        carried: Small extra data of an adapter, given back with the value.
        cache_status: `executed`, or `hit` for a value taken from the result cache.
        source: For a cache hit: execution and call it came from.
        summary: What a plugin says came out, in a few words: `text` and `fields`.
        usage: What the attempt used, where that was not recorded before it ended, without `usage_defaults`; read it by
            `usage_in`.
    """

    started_at: float
    output: PayloadRef
    carried: msgspec.Raw = NOTHING
    cache_status: CacheStatus = "executed"
    source: list[str] | None = None
    summary: JsonObject = {}
    usage: list[JsonObject] = []


class CheckpointReused(_CallFact, frozen=True, kw_only=True, tag="checkpoint.reused"):
    """In a replay: a call that takes its output from the source execution, or from an override.

    Attributes:
        output: The value.
        source: Execution and call it derives from.
        cache_status: `reused` or `overridden`.
        original_output: For an override, the value that was replaced.
        carried: As in `CheckpointCompleted`.
    """

    output: PayloadRef
    source: list[str]
    cache_status: CacheStatus = "reused"
    original_output: PayloadRef | None = None
    carried: msgspec.Raw = NOTHING


class CheckpointFailed(_CallFact, frozen=True, kw_only=True, tag="checkpoint.failed"):
    """An attempt of a call failed.

    Attributes:
        started_at: When the attempt began.
        failure: What happened.
        final: Whether no further attempt followed in that run.
    """

    started_at: float
    failure: Failure
    final: bool = True


class OutcomeReconciled(Fact, frozen=True, kw_only=True, tag="checkpoint.reconciled"):
    """Somebody said what became of an irreversible call whose outcome was unknown.

    Attributes:
        call_id: The call.
        outcome: `completed`, `failed` or `not_executed`.
        by: Who or what said so.
    """

    call_id: str
    outcome: str
    by: dict[str, str] = {}


class WaitOpened(Fact, frozen=True, kw_only=True, tag="wait.opened"):
    """The flow asked a question.

    Attributes:
        wait_id: The wait's id.
        name: Its name, with suffix.
        base_name: The name as the flow gave it.
        question: Text for a person.
        schema: JSON schema of the answer; `None` for a gate.
        metadata: What the flow attached.
        bound_to: Digest of what was shown, for an approval.
    """

    wait_id: str
    name: str
    base_name: str
    question: str | None = None
    schema: JsonObject | None = None
    metadata: JsonObject = {}
    bound_to: str | None = None


class WaitResolved(Fact, frozen=True, kw_only=True, tag="wait.resolved"):
    """A wait was answered, once and for all.

    Attributes:
        wait_id: The wait.
        name: Its name.
        answer: The answer.
        by: Who answered and through which surface.
    """

    wait_id: str
    name: str
    answer: PayloadRef
    by: dict[str, str] = {}


class WaitAborted(Fact, frozen=True, kw_only=True, tag="wait.aborted"):
    """A wait was aborted, which cancels the execution, or became void because what it asked about changed.

    Attributes:
        wait_id: The wait.
        name: Its name.
        void: Whether it was replaced by a new question instead of cancelling the execution.
        by: Who aborted it.
    """

    wait_id: str
    name: str
    void: bool = False
    by: dict[str, str] = {}


class ArtifactSaved(Fact, frozen=True, kw_only=True, tag="artifact.saved"):
    """`save()` stored a named value.

    Attributes:
        artifact_id: The artifact.
        name: Its name.
        type: One of the artifact kinds.
        tags: Its tags.
        call_id: The call that saved it.
        attempt: The attempt that saved it.
        value: The value.
        version: 1, or higher when the same call saved the name again.
        history: For messages: the conversation they extend. Each message is kept by itself then, and the value's bytes
            are their JSON array.
    """

    artifact_id: str
    name: str
    type: str
    value: PayloadRef
    call_id: str
    attempt: int = 1
    tags: list[str] = []
    version: int = 1
    history: HistoryRef | None = None


class MetadataLogged(Fact, frozen=True, kw_only=True, tag="metadata.logged"):
    """`log()` attached data to the execution, or to an attempt of a call.

    Attributes:
        values: What was attached.
        call_id: The call, or `None` for the execution.
        attempt: The attempt.
    """

    values: JsonObject
    call_id: str | None = None
    attempt: int | None = None


class UsageRecorded(Fact, frozen=True, kw_only=True, tag="usage.recorded"):
    """Tokens and cost of a model call.

    Attributes:
        call_id: The call it belongs to.
        attempt: The attempt.
        usage: The record, schema `llm_usage_v1`.
    """

    usage: JsonObject
    call_id: str | None = None
    attempt: int | None = None


class NoteWritten(Fact, frozen=True, kw_only=True, tag="note.written"):
    """A value an attempt wrote before its outcome was known; it survives the attempt.

    Attributes:
        call_id: The call.
        invocation_id: Its invocation id.
        name: Name of the note.
        value: The note.
        attempt: The attempt that wrote it.
    """

    call_id: str
    invocation_id: str
    name: str
    value: PayloadRef
    attempt: int = 1


class DriftNoted(Fact, frozen=True, kw_only=True, tag="drift.noted"):
    """On a rerun something did not look as it did the first time.

    Attributes:
        message: What differs.
        call_id: The call concerned.
        facts: Details.
    """

    message: str
    call_id: str | None = None
    facts: JsonObject = {}


class CancelRequested(Fact, frozen=True, kw_only=True, tag="cancel.requested"):
    """Somebody asked to cancel; it takes effect at the next boundary.

    Attributes:
        by: Who asked.
    """

    by: dict[str, str] = {}


class ExecutionPaused(Fact, frozen=True, kw_only=True, tag="execution.paused"):
    """The runner left because a wait is open.

    Attributes:
        waits: Names of the open waits.
    """

    waits: list[str]


class ExecutionFinished(Fact, frozen=True, kw_only=True, tag="execution.finished"):
    """The execution ended.

    Attributes:
        status: `completed`, `failed` or `cancelled`.
        reason: Why, in words.
        result: What the flow returned.
        failure: Why it failed.
        culprits: Invocation ids of the calls whose failure ended it; a retry runs these again.
        summary: Totals for lists: counts, metadata, usage.
    """

    status: str
    reason: str | None = None
    result: PayloadRef | None = None
    failure: Failure | None = None
    culprits: list[str] = []
    summary: JsonObject = {}


class UnknownFact(msgspec.Struct, frozen=True):
    """A record of a kind this release does not know, kept as it was read.

    Attributes:
        kind: Its kind.
        raw: The whole JSON object.
        at: When it happened.
    """

    kind: str
    raw: JsonObject
    at: float = 0.0


Known = (
    ExecutionStarted
    | RunnerStarted
    | CheckpointStarted
    | CheckpointCompleted
    | CheckpointReused
    | CheckpointFailed
    | OutcomeReconciled
    | WaitOpened
    | WaitResolved
    | WaitAborted
    | ArtifactSaved
    | MetadataLogged
    | UsageRecorded
    | NoteWritten
    | DriftNoted
    | CancelRequested
    | ExecutionPaused
    | ExecutionFinished
)

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Known] = msgspec.json.Decoder(Known)

encode_fact: Callable[[object], bytes] = _encoder.encode


def usage_in(fact: object) -> list[UsageRecorded]:
    """Return the usage that a record reports, each in the form of a record of its own.

    Args:
        fact: Any record. The end of a call says as well what it used, if its start was not written before.

    Returns:
        The usage, in the order in which it was reported.
    """
    if isinstance(fact, UsageRecorded):
        return [fact]
    if isinstance(fact, CheckpointCompleted) and fact.usage:
        known = usage_defaults(fact.call_id, fact.invocation_id, fact.name)
        return [
            UsageRecorded(at=fact.at, call_id=fact.call_id, attempt=fact.attempt, usage=known | usage)
            for usage in fact.usage
        ]
    return []


def shortened_usage(usage: JsonObject, defaults: JsonObject) -> JsonObject:
    """Return a usage record as it stands in the end of its call: without what `usage_in` adds again.

    Args:
        usage: The record.
        defaults: `usage_defaults` of the call.
    """
    return {name: part for name, part in usage.items() if name not in defaults or defaults[name] != part}


def usage_defaults(call_id: str, invocation_id: str, name: str) -> JsonObject:
    """Return what a usage record of a call says unless it says something else.

    Args:
        call_id: The call.
        invocation_id: Its readable id.
        name: Its checkpoint name.
    """
    return {
        "schema_version": 1,
        "call_name": invocation_id,
        "checkpoint_id": call_id,
        "checkpoint_name": name,
        "billing_effect": "incurred",
        "cache_status": "executed",
        "status": "completed",
    }


def decode_fact(body: bytes) -> Known | UnknownFact:
    """Read a stored record.

    Args:
        body: The JSON object as stored.

    Returns:
        The fact, or an `UnknownFact` for a kind of a later release.

    Raises:
        msgspec.DecodeError: The bytes are no JSON object with a `kind`.
    """
    try:
        return _decoder.decode(body)
    except msgspec.ValidationError:
        raw = msgspec.json.decode(body, type=JsonObject)
        kind = raw.get("kind")
        if not isinstance(kind, str) or kind in _KINDS:
            raise
        at = raw.get("at")
        return UnknownFact(kind=kind, raw=raw, at=float(at) if isinstance(at, int | float) else 0.0)


_KINDS = frozenset(
    str(member.__struct_config__.tag)
    for member in (
        ExecutionStarted,
        RunnerStarted,
        CheckpointStarted,
        CheckpointCompleted,
        CheckpointReused,
        CheckpointFailed,
        OutcomeReconciled,
        WaitOpened,
        WaitResolved,
        WaitAborted,
        ArtifactSaved,
        MetadataLogged,
        UsageRecorded,
        NoteWritten,
        DriftNoted,
        CancelRequested,
        ExecutionPaused,
        ExecutionFinished,
    )
)

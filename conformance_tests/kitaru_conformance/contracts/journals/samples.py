"""One record of every kind, with its optional parts."""

from __future__ import annotations

from typing import Final, TypedDict

import msgspec

from kitaru.records.facts import (
    ArtifactSaved,
    CancelRequested,
    CheckpointCompleted,
    CheckpointFailed,
    CheckpointReused,
    CheckpointStarted,
    DriftNoted,
    ExecutionFinished,
    ExecutionPaused,
    Fact,
    MetadataLogged,
    NoteWritten,
    OutcomeReconciled,
    UsageRecorded,
    WaitAborted,
    WaitOpened,
    WaitResolved,
)
from kitaru.records.failure import Failure
from kitaru.records.payload import HistoryRef, PayloadRef

__all__ = ["SAMPLES"]

_VALUE: Final = PayloadRef(codec="json/1", hash="ab" * 32, size=3)
_FAILURE: Final = Failure(message="no", type="builtins:ValueError", traceback="Trace", origin="user_code")
_HISTORY: Final = HistoryRef(node="cd" * 32, added="ef" * 32, length=1)
_SHORT: Final = msgspec.structs.replace(_HISTORY, short={0: msgspec.Raw(b'{"role":"user","n":[1.5,null]}')})


class _Call(TypedDict):
    call_id: str
    invocation_id: str
    name: str
    index: int


_CALL: Final = _Call(call_id="c1", invocation_id="step", name="step", index=0)

SAMPLES: Final[tuple[Fact, ...]] = (
    CheckpointStarted(at=1.25, **_CALL, kind_of_work="model", inputs=msgspec.Raw(b'{"a":[1,null]}'), history=_HISTORY),
    CheckpointCompleted(at=2.5, **_CALL, started_at=2.0, output=_VALUE, carried=msgspec.Raw(b'{"x":1}'), attempt=2),
    CheckpointCompleted(at=2.5, **_CALL, started_at=2.0, output=_VALUE, history=_SHORT, usage=[{"cost": {"x": 0.5}}]),
    CheckpointReused(at=2.5, **_CALL, output=_VALUE, source=["e0", "c0"], cache_status="overridden"),
    CheckpointFailed(at=2.5, **_CALL, started_at=2.0, failure=_FAILURE, final=False, effect="irreversible"),
    OutcomeReconciled(at=3.0, call_id="c1", outcome="not_executed", by={"user": "ann"}),
    WaitOpened(at=3.0, wait_id="w1", name="ok", base_name="ok", schema={"type": "boolean"}, metadata={"n": [1.5]}),
    WaitResolved(at=4.0, wait_id="w1", name="ok", answer=_VALUE, by={"user": "ann"}),
    WaitAborted(at=4.0, wait_id="w1", name="ok", void=True),
    ArtifactSaved(
        at=5.0, artifact_id="a1", name="page", type="text", value=_VALUE, call_id="c1", tags=["x"], version=2
    ),
    MetadataLogged(at=5.0, values={"deep": {"er": [None, True, -1, 2.5]}}, call_id="c1", attempt=1),
    UsageRecorded(at=5.0, usage={"input_tokens": 3, "cost": 0.1}, call_id="c1"),
    NoteWritten(at=5.0, call_id="c1", invocation_id="step", name="intent", value=_VALUE),
    DriftNoted(at=6.0, message="changed", facts={"was": "a"}),
    CancelRequested(at=6.0, by={"user": "bob"}),
    ExecutionPaused(at=7.0, waits=["ok"]),
    ExecutionFinished(at=8.0, status="failed", failure=_FAILURE, culprits=["step"], summary={"calls": 1}),
)

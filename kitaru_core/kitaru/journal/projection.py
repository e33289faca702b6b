"""What lists and waits need, derived from a record in the transaction that writes it.

Only records that change the state of an execution or of a wait have statements here; a checkpoint's record has none, so
it costs a single insert.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from kitaru.journal.packing import pack
from kitaru.records.facts import (
    CancelRequested,
    ExecutionFinished,
    ExecutionPaused,
    Fact,
    WaitAborted,
    WaitOpened,
    WaitResolved,
    encode_fact,
)

__all__ = ["project"]

Statement = tuple[str, tuple[object, ...]]

_WHEN_ANSWERED = (
    "UPDATE executions SET status = CASE WHEN owner IS NULL THEN 'waiting' ELSE 'running' END"
    " WHERE no = ? AND NOT EXISTS (SELECT 1 FROM waits WHERE no = ? AND state = 'open')"
)


def project(no: int, fact: Fact) -> Sequence[Statement]:
    """Return the statements that keep the derived tables in step with a record.

    Args:
        no: The execution's number.
        fact: The record.

    Returns:
        SQL statements with their values, in order.
    """
    handler = _HANDLERS.get(type(fact))
    return () if handler is None else tuple(handler(no, fact))


def _opened(no: int, fact: WaitOpened) -> Iterable[Statement]:
    yield (
        "INSERT INTO waits (id, no, name, state, opened_at, body) VALUES (?, ?, ?, 'open', ?, ?)",
        (fact.wait_id, no, fact.name, fact.at, encode_fact(fact)),
    )
    yield "UPDATE executions SET status = 'waiting' WHERE no = ?", (no,)


def _resolved(no: int, fact: WaitResolved) -> Iterable[Statement]:
    yield "UPDATE waits SET state = 'resolved' WHERE id = ? AND no = ?", (fact.wait_id, no)
    yield _WHEN_ANSWERED, (no, no)


def _aborted(no: int, fact: WaitAborted) -> Iterable[Statement]:
    state = "void" if fact.void else "aborted"
    yield "UPDATE waits SET state = ? WHERE id = ? AND no = ?", (state, fact.wait_id, no)
    if fact.void:
        yield _WHEN_ANSWERED, (no, no)


def _paused(no: int, _fact: ExecutionPaused) -> Iterable[Statement]:
    yield "UPDATE executions SET status = 'waiting', owner = NULL WHERE no = ?", (no,)


def _cancelled(no: int, _fact: CancelRequested) -> Iterable[Statement]:
    yield "UPDATE executions SET cancel = 1 WHERE no = ?", (no,)


def _finished(no: int, fact: ExecutionFinished) -> Iterable[Statement]:
    yield "UPDATE waits SET state = 'aborted' WHERE no = ? AND state = 'open'", (no,)
    yield (
        "UPDATE executions SET status = ?, status_reason = ?, ended_at = ?, owner = NULL, summary = ? WHERE no = ?",
        (fact.status, fact.reason, fact.at, pack(msgspec.json.encode(fact.summary)), no),
    )


_HANDLERS: dict[type[Fact], Callable[[int, Any], Iterable[Statement]]] = {
    WaitOpened: _opened,
    WaitResolved: _resolved,
    WaitAborted: _aborted,
    ExecutionPaused: _paused,
    CancelRequested: _cancelled,
    ExecutionFinished: _finished,
}

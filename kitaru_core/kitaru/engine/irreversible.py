"""Calls that must not happen twice, when nobody knows whether they happened.

An irreversible call makes its intent durable before its body runs. If the runner then dies, the outcome is unknown: the
body is not run again. A `reconcile=` function says what became of it, or the execution waits for a person who does.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from kitaru.engine.waits import Question, ask_in
from kitaru.errors import KitaruUsageError
from kitaru.journal.api import Draft
from kitaru.records.facts import OutcomeReconciled

if TYPE_CHECKING:
    from kitaru.engine.call import Call
    from kitaru.engine.ledger import RecordedCall
    from kitaru.engine.run import Run

__all__ = ["Reconciled", "ask_person", "checked", "reconciled_draft"]


class Reconciled(msgspec.Struct, frozen=True):
    """What became of a call whose outcome was unknown.

    Attributes:
        outcome: `completed` (the value is given), `not_executed` (the body may run), or `failed`.
        value: For `completed`: the value the call would have returned.
        reason: For `failed`: why, in words.
    """

    outcome: Literal["completed", "not_executed", "failed"]
    value: Any = None
    reason: str | None = None


def checked(found: object, name: str) -> Reconciled:
    """Check what a `reconcile=` function returned.

    Raises:
        KitaruUsageError: It is no `Reconciled`.
    """
    if isinstance(found, Reconciled):
        return found
    msg = (
        f"The reconcile function of {name!r} must return kitaru.Reconciled(...), not a {type(found).__name__}; say "
        "completed, failed or not_executed."
    )
    raise KitaruUsageError(msg)


def reconciled_draft(call_id: str, found: Reconciled, surface: str) -> Draft:
    """Return the record that says what became of a call."""
    return Draft(OutcomeReconciled(at=time.time(), call_id=call_id, outcome=found.outcome, by={"surface": surface}))


def ask_person(run: Run, call: Call, recorded: RecordedCall) -> Reconciled:
    """Have a person say what became of a call; the execution waits until somebody does.

    Raises:
        Suspension: Nobody has answered yet.
    """
    schema = {
        "type": "object",
        "required": ["outcome"],
        "properties": {
            "outcome": {"enum": ["completed", "not_executed", "failed"]},
            "value": {},
            "reason": {"type": "string"},
        },
    }
    question = Question(
        name=f"reconcile_{call.invocation_id}",
        schema=schema,
        question=(
            f"{call.name!r} was started, and the runner died before its outcome was recorded. Did it happen? Answer "
            '{"outcome": "completed", "value": ...}, {"outcome": "not_executed"} or '
            '{"outcome": "failed", "reason": ...}.'
        ),
        metadata={
            "needs_reconciliation": True,
            "call_id": call.call_id,
            "idempotency_key": call.idempotency_key,
            "started_at": recorded.fact.at,
        },
        timeout=0,
    )
    (answer,) = ask_in(run, [question])
    return msgspec.convert(answer, Reconciled)

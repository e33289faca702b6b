"""Explaining what an execution waits for, and comparing two executions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from kitaru.engine.ledger import fold
from kitaru.engine.outcomes import execution_failure
from kitaru.errors import build_recovery_command
from kitaru.journal.api import effective_status
from kitaru.operating.answer_command import answer_command
from kitaru.operating.reading import pending_wait
from kitaru.records.facts import CheckpointCompleted, CheckpointReused, ExecutionFinished, ExecutionStarted

if TYPE_CHECKING:
    from kitaru.engine.ledger import RecordedCall
    from kitaru.journal.api import ExecutionRow, Journal
    from kitaru.records.record import Record

__all__ = ["CallDifference", "ExecutionDifference", "Reason", "compare", "explain"]

Change = Literal["same", "reused", "changed", "added", "removed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """The one thing an execution waits for.

    Attributes:
        exec_id: The execution.
        kind: `answer`, `resume`, `runner`, `cancellation`, `retry`, or `nothing` when it has ended.
        subject: What it is about: the wait, the call that runs or that failed.
        text: A sentence that says it.
        action: The command that lets it go on, if one does.
    """

    exec_id: str
    kind: Literal["answer", "resume", "runner", "cancellation", "retry", "nothing"]
    text: str
    subject: str | None = None
    action: str | None = None


def explain(journal: Journal, execution_id: str) -> Reason:
    """Say what an execution waits for.

    Args:
        journal: Where it is recorded.
        execution_id: The execution.

    Raises:
        KitaruNotFoundError: There is no such execution.
    """
    row = journal.execution(execution_id)
    status = effective_status(row)
    if status == "failed":
        return _failed(journal, row)
    if status in {"completed", "cancelled"}:
        reason = f": {row.status_reason}" if row.status_reason else ""
        text = f"It has ended and waits for nothing; it is {status}{reason}."
        return Reason(exec_id=row.id, kind="nothing", text=text)
    if row.cancel_requested:
        text = "Somebody asked to cancel it; it ends at its next boundary."
        return Reason(exec_id=row.id, kind="cancellation", text=text)
    opened = journal.waits(execution_id=row.id)
    if opened:
        wait = pending_wait(opened[0])
        more = f" ({len(opened) - 1} more are open.)" if len(opened) > 1 else ""
        asked = f": {wait.question}" if wait.question else ""
        return Reason(
            exec_id=row.id,
            kind="answer",
            subject=wait.name,
            text=f"It waits for an answer to {wait.name!r}{asked}{more}",
            action=answer_command(row.id, wait),
        )
    if status == "waiting" and not row.attached:
        text = "Its waits are answered and nobody runs it."
        return Reason(exec_id=row.id, kind="resume", text=text, action=f"kitaru executions resume {row.id}")
    return _running(journal, row)


def _failed(journal: Journal, row: ExecutionRow) -> Reason:
    failure = execution_failure(journal, row.id)
    ends = [record.fact for record in journal.records(row.id) if isinstance(record.fact, ExecutionFinished)][-1:]
    told = "" if failure is None else f" {failure.type.rpartition(':')[2]}: {failure.message}"
    return Reason(
        exec_id=row.id,
        kind="retry",
        subject=next((name for fact in ends for name in fact.culprits), None),
        text=f"It failed and waits for somebody to retry it.{told}",
        action=build_recovery_command(row.id, status="failed"),
    )


def _running(journal: Journal, row: ExecutionRow) -> Reason:
    calls, _ = fold(journal.records(row.id))
    open_calls = [call.fact.invocation_id for call in calls.values() if call.in_doubt]
    if not open_calls:
        text = "Its runner is at work in the flow's body, outside of checkpoints."
        return Reason(exec_id=row.id, kind="runner", text=text)
    names = ", ".join(open_calls)
    return Reason(exec_id=row.id, kind="runner", subject=open_calls[0], text=f"Its runner is at work in: {names}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class CallDifference:
    """One call in two executions.

    Attributes:
        invocation_id: By which it is found in both.
        change: `same`; `reused`, when the second took the value of the first; `changed`, when inputs, value or outcome
            differ; `added` or `removed`, when only one execution has it.
        inputs_differ: Whether its inputs differ.
        output_differs: Whether its value, or whether it has one, differs.
    """

    invocation_id: str
    change: Change
    inputs_differ: bool = False
    output_differs: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionDifference:
    """What differs between two executions.

    Attributes:
        first: One execution.
        second: The other one.
        inputs_differ: Whether the flow's inputs differ.
        result_differs: Whether what the flow returned, or whether it returned, differs.
        code_differs: Whether the source of the flow differs.
        calls: All calls: those of the first in their order, then those that only the second has.
    """

    first: str
    second: str
    inputs_differ: bool
    result_differs: bool
    code_differs: bool
    calls: tuple[CallDifference, ...]

    @property
    def is_same(self) -> bool:
        """Whether inputs, calls and results are the same."""
        changed = any(call.change in {"changed", "added", "removed"} for call in self.calls)
        return not (self.inputs_differ or self.result_differs or changed)

    def of(self, change: Change) -> list[str]:
        """Return the calls with a change, by invocation id."""
        return [call.invocation_id for call in self.calls if call.change == change]


def compare(journal: Journal, first: str, second: str) -> ExecutionDifference:
    """Compare two executions call by call; values are compared by their digests and not read.

    Args:
        journal: Where both are recorded.
        first: One execution, such as the source of a replay.
        second: The other one, such as the replay.

    Raises:
        KitaruNotFoundError: One of them does not exist.
    """
    one, other = journal.records(first), journal.records(second)
    before, after = _by_name(one), _by_name(other)
    names = [*before, *(name for name in after if name not in before)]
    begun, begun_too = one[0].fact, other[0].fact
    both = isinstance(begun, ExecutionStarted) and isinstance(begun_too, ExecutionStarted)
    return ExecutionDifference(
        first=first,
        second=second,
        inputs_differ=both and _hash(begun, "inputs") != _hash(begun_too, "inputs"),
        result_differs=_result(one) != _result(other),
        code_differs=both and getattr(begun, "source_digest", None) != getattr(begun_too, "source_digest", None),
        calls=tuple(_difference(name, before.get(name), after.get(name)) for name in names),
    )


def _difference(name: str, one: RecordedCall | None, other: RecordedCall | None) -> CallDifference:
    if one is None or other is None:
        return CallDifference(invocation_id=name, change="removed" if other is None else "added")
    inputs_differ = one.fact.digest != other.fact.digest
    output_differs = _hash(one.fact, "output") != _hash(other.fact, "output")
    change: Change = "changed" if inputs_differ or output_differs else "same"
    fact = other.fact
    if isinstance(fact, CheckpointReused | CheckpointCompleted) and fact.source == [one.execution_id, one.fact.call_id]:
        change = "reused" if not output_differs else "changed"
    return CallDifference(invocation_id=name, change=change, inputs_differ=inputs_differ, output_differs=output_differs)


def _by_name(records: list[Record]) -> dict[str, RecordedCall]:
    calls, _ = fold(records)
    ordered = sorted(calls.values(), key=lambda call: call.fact.index)
    return {call.fact.invocation_id: call for call in ordered}


def _hash(fact: object, field: str) -> str | None:
    ref = getattr(fact, field, None)
    return None if ref is None else str(ref.hash)


def _result(records: list[Record]) -> tuple[str, str | None] | None:
    ends = [record.fact for record in records if isinstance(record.fact, ExecutionFinished)]
    return (ends[-1].status, _hash(ends[-1], "result")) if ends else None

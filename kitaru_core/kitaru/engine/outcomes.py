"""How an execution ended, read from its journal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kitaru.engine import payloads
from kitaru.engine.failures import RecordedFailure
from kitaru.errors import FailureOrigin, KitaruBackendError, KitaruStateError, execution_error_from_failure
from kitaru.journal.api import effective_status
from kitaru.records.facts import ExecutionFinished
from kitaru.records.failure import Failure

if TYPE_CHECKING:
    from kitaru.journal.api import ExecutionRow, Journal
    from kitaru.records.record import Record

__all__ = ["execution_failure", "execution_result", "raise_unless_completed"]

_LOST = (
    "The runner of this execution is gone: its process was killed, or its machine went away. Nothing that was "
    "completed is lost."
)


_TAIL = 8


def _last_end(journal: Journal, row: ExecutionRow) -> tuple[int, ExecutionFinished] | None:
    """Return the record of the last end; it is among the last ones, unless an execution was written to after it."""
    for after in (row.records - _TAIL, -1):
        records: list[Record] = journal.records(row.id, after=max(-1, after))
        for record in reversed(records):
            if isinstance(record.fact, ExecutionFinished):
                return record.seq, record.fact
    return None


def execution_result(journal: Journal, row: ExecutionRow) -> object:
    """Return what the flow returned.

    Args:
        journal: Where it is recorded.
        row: The execution.

    Raises:
        KitaruStateError: The execution has no result.
        KitaruDecodingError: A class the result needs is not loaded.
    """
    end = _last_end(journal, row)
    if end is None or end[1].result is None:
        msg = f"Execution {row.id} has no result, because it has not completed."
        raise KitaruStateError(msg)
    return payloads.load(journal, row.id, end[0], end[1].result)


def execution_failure(journal: Journal, execution_id: str) -> Failure | None:
    """Return what made an execution fail, or `None` when it has not failed."""
    row = journal.execution(execution_id)
    if effective_status(row) != "failed":
        return None
    if row.status != "failed":
        return Failure(
            message=_LOST,
            type="kitaru:RunnerLost",
            origin=FailureOrigin.RUNTIME,
        )
    end = _last_end(journal, row)
    return None if end is None else end[1].failure


def raise_unless_completed(journal: Journal, row: ExecutionRow, *, cause: BaseException | None = None) -> None:
    """Raise the error for an execution that ended badly.

    Args:
        journal: Where it is recorded.
        row: The execution.
        cause: The exception itself, if this process saw it.

    Raises:
        KitaruExecutionError: Always, unless it completed.
    """
    status = effective_status(row)
    if status == "completed":
        return
    failure = execution_failure(journal, row.id)
    if failure is None:
        text = f"Execution {row.id} of {row.flow!r} was {status}: {row.status_reason or 'no reason was recorded'}."
        raise execution_error_from_failure(text, exec_id=row.id, status=status, origin=None)
    if row.status != status and isinstance(cause, KitaruBackendError):
        # This process knows better than the journal, which could not be told.
        text = f"Execution {row.id} of {row.flow!r} failed, and its end could not be recorded: {cause}"
        raise execution_error_from_failure(text, exec_id=row.id, status=status, origin=FailureOrigin.BACKEND) from cause
    text = f"Execution {row.id} of {row.flow!r} failed: {failure.type.rpartition(':')[2]}: {failure.message}"
    error = execution_error_from_failure(text, exec_id=row.id, status=status, origin=FailureOrigin(failure.origin))
    raise error from (
        cause or RecordedFailure(failure.message, type_name=failure.type, recorded_traceback=failure.traceback)
    )

"""Answering and aborting waits, and cancelling executions, from wherever somebody sits."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from kitaru.crash_points import hit
from kitaru.engine import payloads, schemas
from kitaru.errors import KitaruStateError, KitaruUsageError
from kitaru.journal.api import Draft, effective_status
from kitaru.records.facts import CancelRequested, ExecutionFinished, WaitAborted, WaitOpened, WaitResolved
from kitaru.records.plain import JsonObject

if TYPE_CHECKING:
    from kitaru.journal.api import Journal, Transaction, WaitRow

__all__ = ["abort_wait", "answer_wait", "cancel_execution"]


def answer_wait(
    journal: Journal, execution_id: str, wait: str, value: object, *, by: Mapping[str, str] | None = None
) -> None:
    """Answer an open wait, once and for all.

    Args:
        journal: Where the execution is recorded.
        execution_id: The execution.
        wait: The wait's name or id; a base name finds its one open wait.
        value: The answer; instances of models, dataclasses and enums are turned into plain data.
        by: Who answers, and through which surface.

    Raises:
        KitaruUsageError: The wait's name is blank.
        KitaruNotFoundError: There is no such execution.
        KitaruStateError: No such wait is open.
        KitaruWaitValidationError: The answer does not fit; the wait stays open.
    """
    with journal.transact(execution_id) as transaction:
        row = _select(transaction, wait)
        opened = msgspec.json.decode(row.opened, type=WaitOpened)
        answer = schemas.check_answer(row.name, opened.schema, schemas.plain(value))
        stored = payloads.store(answer, path="answer")
        fact = WaitResolved(at=time.time(), wait_id=row.id, name=row.name, answer=stored.ref, by=_signed(by))
        transaction.append(Draft(fact, stored.inline, stored.blobs))
    hit("wait.answered")


def abort_wait(journal: Journal, execution_id: str, wait: str, *, by: Mapping[str, str] | None = None) -> None:
    """Abort an open wait, which cancels the execution.

    Args:
        journal: Where the execution is recorded.
        execution_id: The execution.
        wait: The wait's name or id.
        by: Who aborts it.

    Raises:
        KitaruUsageError: The wait's name is blank.
        KitaruNotFoundError: There is no such execution.
        KitaruStateError: No such wait is open.
    """
    with journal.transact(execution_id) as transaction:
        row = _select(transaction, wait)
        now = time.time()
        transaction.append(Draft(WaitAborted(at=now, wait_id=row.id, name=row.name, by=_signed(by))))
        if not transaction.row.attached or transaction.row.runner_lost:
            transaction.append(_cancelled(transaction, now, f"wait aborted: {row.name}"))


def cancel_execution(journal: Journal, execution_id: str, *, by: Mapping[str, str] | None = None) -> None:
    """Cancel an execution: at once when nobody runs it, else at its runner's next boundary.

    Args:
        journal: Where the execution is recorded.
        execution_id: The execution.
        by: Who cancels it.

    Raises:
        KitaruNotFoundError: There is no such execution.
        KitaruStateError: It has ended.
    """
    with journal.transact(execution_id) as transaction:
        row = transaction.row
        status = effective_status(row)
        if status == "cancelled":
            return
        if status in {"completed", "failed"}:
            msg = f"Execution {execution_id} has ended ({status}); only a running or waiting one can be cancelled."
            raise KitaruStateError(msg)
        now = time.time()
        if not row.cancel_requested:
            transaction.append(Draft(CancelRequested(at=now, by=_signed(by))))
        if not row.attached or row.runner_lost:
            transaction.append(_cancelled(transaction, now, "cancelled on request"))


def _cancelled(transaction: Transaction, now: float, reason: str) -> Draft:
    summary: JsonObject = dict(transaction.row.summary)
    return Draft(ExecutionFinished(at=now, status="cancelled", reason=reason, summary=summary))


def _signed(by: Mapping[str, str] | None) -> dict[str, str]:
    import getpass

    try:
        user = getpass.getuser()
    except (OSError, KeyError, ImportError):
        user = "unknown"
    return {"user": user, "surface": "python", **(by or {})}


def _select(transaction: Transaction, wanted: str) -> WaitRow:
    text = wanted.strip() if isinstance(wanted, str) else ""
    if not text:
        msg = "Say which wait is meant: its name or its id."
        raise KitaruUsageError(msg)
    rows = transaction.waits("open")
    exact = [row for row in rows if text in {row.name, row.id}]
    based = [row for row in rows if msgspec.json.decode(row.opened, type=WaitOpened).base_name == text]
    found = exact or based
    if len(found) == 1:
        return found[0]
    execution_id = transaction.row.id
    if not rows:
        msg = f"Execution {execution_id} has no open wait; its status is {effective_status(transaction.row)}."
    elif not found:
        msg = f"Execution {execution_id} has no open wait {text!r}; open are: {', '.join(row.name for row in rows)}."
    else:
        msg = f"{text!r} names several open waits of execution {execution_id}: {', '.join(row.name for row in found)}."
    raise KitaruStateError(msg)

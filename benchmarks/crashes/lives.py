"""What one process does in a schedule, from its fork to its end or its death."""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import kitaru
from crashes.ledger import Ledger
from crashes.programs import Program, scheduled, scheduled_async, stage
from kitaru.errors import KitaruLeaseLostError, KitaruStateError

if TYPE_CHECKING:
    from pathlib import Path

    from kitaru import Execution

__all__ = ["Plan", "Replay", "answer_live_waits", "begin", "proceed", "replay"]

PATIENCE = 20.0


@dataclass(frozen=True)
class Replay:
    """A replay that a schedule ends with.

    Attributes:
        anchor: Number of the operation to replay from.
        selector: Its selector.
        override: Number of an operation to override and the value it takes, or `None`.
        overrides: The same, as the client takes it.
    """

    anchor: int
    selector: str
    override: tuple[int, dict[str, int]] | None = None
    overrides: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """What every process of a schedule knows.

    Attributes:
        folder: Home of the ledger.
        store: Folder of the store; moves when the disk loses power.
        program: What the flow does.
        awaited: Whether it runs in the asynchronous flow.
        inline: Whether runs take place on the calling thread.
    """

    folder: Path
    store: Path
    program: Program
    awaited: bool
    inline: bool

    def enter(self) -> Ledger:
        """Set this process up.

        Returns:
            The ledger.
        """
        os.chdir(self.folder)  # away from any project's settings
        os.environ["KITARU_STORE"] = str(self.store / "kitaru.db")
        os.environ["KITARU_CONFIG_PATH"] = str(self.store)
        os.environ["KITARU_DURABILITY"] = "power"  # `process` loses acknowledged values when the disk is cut
        os.environ["KITARU_RUN_MODE"] = "inline" if self.inline else "thread"
        stage.ledger = Ledger(self.folder / "ledger")
        stage.repaired = self.folder / "repaired"
        return stage.ledger


def _flow(plan: Plan) -> Any:  # noqa: ANN401 - two flows of different kinds with the same surface
    return scheduled_async if plan.awaited else scheduled


def _paused(execution: Execution) -> bool:
    pending = execution.pending_wait
    return pending is not None and pending.name.startswith("pause")


def _settle(exec_id: str) -> Execution:
    """Wait until nothing more happens by itself."""
    client = kitaru.KitaruClient()
    deadline = time.monotonic() + PATIENCE
    while True:
        execution = client.executions.get(exec_id)
        at_rest = execution.status.is_finished or (execution.status == "waiting" and _paused(execution))
        if at_rest or time.monotonic() > deadline:
            return execution
        time.sleep(0.006)


def _report(ledger: Ledger, execution: Execution) -> None:
    """Write how an execution stands."""
    pending = execution.pending_wait
    facts: dict[str, object] = {"execution": execution.exec_id, "status": str(execution.status)}
    facts["pending"] = pending.name if pending is not None else None
    facts["failure"] = execution.failure.exception_type if execution.failure is not None else None
    facts["completed"] = [call.invocation_id for call in execution.checkpoints if call.status == "completed"]
    if execution.status == "completed":
        facts["result"] = execution.result()
        attempts = [attempt for call in execution.checkpoints for attempt in call.attempts]
        facts["used"] = [record["record_id"] for attempt in attempts for record in attempt.llm_usage_records]
        facts["fault"] = kitaru.KitaruClient().executions.verify(execution.exec_id).fault
    ledger.write("state", **facts)


def begin(plan: Plan) -> None:
    """Start the program, or find the execution that a former life left behind before it could say so."""
    ledger = plan.enter()
    left = kitaru.KitaruClient().executions.list()
    if left:
        ledger.write("started", execution=left[0].exec_id)
        _continue(ledger, left[0].exec_id)
        return
    handle = _flow(plan).run(plan.program)
    ledger.write("started", execution=handle.exec_id)
    _report(ledger, _settle(handle.exec_id))


def proceed(plan: Plan, exec_id: str) -> None:
    """Continue an execution wherever it stands: repair, answer, resume or retry it."""
    _continue(plan.enter(), exec_id)


def _continue(ledger: Ledger, exec_id: str) -> None:
    executions = kitaru.KitaruClient().executions
    ledger.write("looks", execution=exec_id)
    execution = executions.get(exec_id)
    ledger.write(
        "seen",
        execution=exec_id,
        status=str(execution.status),
        completed=[call.invocation_id for call in execution.checkpoints if call.status == "completed"],
        pending=execution.pending_wait.name if execution.pending_wait is not None else None,
    )
    with contextlib.suppress(KitaruStateError, KitaruLeaseLostError):
        if execution.status == "failed":
            _repair(execution)
            executions.retry(exec_id)
        elif execution.status == "waiting":
            if execution.pending_wait is not None:
                _answer(ledger, exec_id, execution.pending_wait.name)
            executions.resume(exec_id)
    _report(ledger, _settle(exec_id))


def _repair(execution: Execution) -> None:
    failure = execution.failure
    if failure is not None and failure.exception_type is not None and "NotRepaired" in failure.exception_type:
        stage.repaired.touch()


def _answer(ledger: Ledger, exec_id: str, name: str) -> None:
    """Answer a wait with a value that no other answer has; write it down before and after."""
    value = time.monotonic_ns()
    ledger.write("answering", execution=exec_id, wait=name, value=value)
    kitaru.KitaruClient().executions.input(exec_id, wait=name, value=value)
    ledger.write("answered", execution=exec_id, wait=name, value=value)


def answer_live_waits(plan: Plan) -> None:
    """Answer, for as long as this process lives, every wait whose runner polls."""
    ledger = plan.enter()
    executions = kitaru.KitaruClient().executions
    while True:
        for execution in executions.list(status="waiting"):
            for pending in executions.pending_waits(execution.exec_id):
                if pending.name.startswith("live"):
                    with contextlib.suppress(KitaruStateError):
                        _answer(ledger, execution.exec_id, pending.name)
        time.sleep(0.01)


def replay(plan: Plan, source: str, wanted: Replay) -> None:
    """Derive a new execution from a finished one, or find the one that a former life derived."""
    ledger = plan.enter()
    derived = [found for found in kitaru.KitaruClient().executions.list() if found.original_exec_id == source]
    if derived:
        ledger.write("replayed", execution=derived[0].exec_id)
        _continue(ledger, derived[0].exec_id)
        return
    handle = _flow(plan).replay(source, from_=wanted.selector, overrides=wanted.overrides or None)
    ledger.write("replayed", execution=handle.exec_id)
    _report(ledger, _settle(handle.exec_id))

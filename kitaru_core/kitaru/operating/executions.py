"""`client.executions`: everything one can do with executions that exist."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, overload

import msgspec

from kitaru.engine.answering import abort_wait, answer_wait, cancel_execution
from kitaru.engine.executions import continue_execution, plan_replay, started_fact
from kitaru.engine.loader import find_flow
from kitaru.engine.outcomes import execution_result, raise_unless_completed
from kitaru.engine.runner import LiveRun, live_run
from kitaru.errors import KitaruNotFoundError, KitaruStateError
from kitaru.journal.api import effective_status
from kitaru.journal.verification import Verification, verify_execution
from kitaru.operating.answer_command import answer_command
from kitaru.operating.inspection import Inspection
from kitaru.operating.keeping import Keeping
from kitaru.operating.pages import list_query, window
from kitaru.operating.reading import is_resting, pending_wait, snapshot
from kitaru.operating.statistics import no_tags
from kitaru.records.status import ExecutionStatus
from kitaru.settings.values import seconds

if TYPE_CHECKING:
    from kitaru.engine.executions import FlowCode
    from kitaru.engine.replay import ReplayPlan
    from kitaru.journal.api import ExecutionRow, Journal
    from kitaru.operating.models import Execution, PendingWait
    from kitaru.records.facts import ExecutionStarted

__all__ = ["ExecutionsNamespace"]


class ExecutionsNamespace(Inspection, Keeping):
    """Inspects and operates executions.

    Args:
        journal: Where they are recorded.
        surface: Recorded with answers and cancellations: through what somebody acted.
    """

    def __init__(self, journal: Journal, *, surface: str = "python") -> None:
        self._journal = journal
        self._by = {"surface": surface}

    def get(self, exec_id: str) -> Execution:
        """Return an execution with all its details.

        Args:
            exec_id: Its id.

        Raises:
            KitaruNotFoundError: There is no such execution.
        """
        return snapshot(self._journal, self._journal.execution(exec_id), self)

    def list(
        self,
        *,
        flow: str | None = None,
        status: ExecutionStatus | str | None = None,
        stack: str | None = None,
        since: datetime | None = None,
        tags: Sequence[str] | None = None,
        limit: int | None = None,
        page: int | None = None,
        size: int | None = None,
    ) -> list[Execution]:
        """Return executions, newest first; their details are read on first use.

        Args:
            flow: Only of this flow.
            status: Only in this state.
            stack: Only on this stack.
            since: Only created at or after this time.
            tags: Executions have no tags here.
            limit: At most this many; not together with `page` and `size`.
            page: Page to show, from 1; needs `size`.
            size: Executions on a page.

        Raises:
            KitaruUsageError: A filter or a window cannot be.
            KitaruFeatureNotAvailableError: Tags were asked for.
        """
        chosen, offset = window(limit=limit, page=page, size=size)
        if tags:
            raise no_tags()
        if flow is not None and not flow.strip():
            return []
        query = list_query(flow=flow, status=status, stack=stack, since=since)
        rows = self._journal.executions(msgspec.structs.replace(query, limit=chosen, offset=offset))
        return [snapshot(self._journal, row, self) for row in rows]

    def latest(self, *, flow: str | None = None, status: ExecutionStatus | str | None = None) -> Execution:
        """Return the newest execution.

        Args:
            flow: Only of this flow.
            status: Only in this state.

        Raises:
            KitaruNotFoundError: There is none; it is a `LookupError`.
        """
        found = self.list(flow=flow, status=status, limit=1)
        if not found:
            which = f" of flow {flow!r}" if flow else ""
            msg = (
                f"There is no execution{which}{f' that is {status}' if status else ''} yet; start one with `.run(...)`."
            )
            raise KitaruNotFoundError(msg)
        return found[0]

    def result(self, exec_id: str) -> Any:  # noqa: ANN401 - what the flow returned
        """Return what the flow returned.

        Args:
            exec_id: The execution.

        Raises:
            KitaruStateError: It has not ended.
            KitaruExecutionError: It ended badly.
        """
        row = self._journal.execution(exec_id)
        status = ExecutionStatus(effective_status(row))
        if not status.is_finished:
            msg = f"Execution {exec_id} is {status} and has no result yet."
            raise KitaruStateError(msg)
        raise_unless_completed(self._journal, row)
        return execution_result(self._journal, row)

    def pending_waits(self, exec_id: str) -> Sequence[PendingWait]:
        """Return the open waits of an execution, oldest first.

        Args:
            exec_id: The execution.

        Raises:
            KitaruNotFoundError: There is no such execution.
        """
        return [pending_wait(row) for row in self._journal.waits(execution_id=exec_id)]

    def input(self, exec_id: str, *, wait: str, value: object, resume: bool = False) -> Execution:
        """Answer an open wait. A runner that is still there goes on by itself; else `resume` goes on.

        Args:
            exec_id: The execution.
            wait: The wait's name or id.
            value: The answer; it must fit the wait's schema exactly.
            resume: Whether to resume at once when no runner is there and nothing else is open.

        Returns:
            A new snapshot.

        Raises:
            KitaruNotFoundError: There is no such execution.
            KitaruStateError: No such wait is open.
            KitaruWaitValidationError: The answer does not fit; the wait stays open.
        """
        answer_wait(self._journal, exec_id, wait, value, by=self._by)
        row = self._journal.execution(exec_id)
        if resume and row.open_waits == 0 and (not row.attached or row.runner_lost):
            return self.resume(exec_id)
        return self.get(exec_id)

    def abort_wait(self, exec_id: str, *, wait: str) -> Execution:
        """Abort an open wait, which cancels the execution.

        Args:
            exec_id: The execution.
            wait: The wait's name or id.

        Returns:
            A new snapshot.

        Raises:
            KitaruNotFoundError: There is no such execution.
            KitaruStateError: No such wait is open.
        """
        abort_wait(self._journal, exec_id, wait, by=self._by)
        return self.get(exec_id)

    def retry(self, exec_id: str, *, block: bool = False) -> Execution:
        """Continue a failed execution from its last completed boundary, with the present code.

        Args:
            exec_id: The execution.
            block: Whether to wait until it has ended or paused.

        Returns:
            A new snapshot.

        Raises:
            KitaruNotFoundError: There is no such execution.
            KitaruStateError: It has not failed, or another runner was quicker.
            KitaruRuntimeError: Its code cannot be found.
        """

        def allowed(row: ExecutionRow) -> None:
            status = effective_status(row)
            if status != "failed":
                hint = {
                    "waiting": "answer its wait and `resume` it",
                    "completed": "`replay` it to run from a checkpoint again",
                    "cancelled": "`replay` it",
                    "running": "it is running already",
                }[status]
                msg = f"Execution {row.id} is {status}; only a failed one can be retried: {hint}."
                raise KitaruStateError(msg)

        return self._continue(exec_id, "retry", allowed, block=block)

    def resume(self, exec_id: str, *, block: bool = False) -> Execution:
        """Continue an execution whose waits are answered.

        Args:
            exec_id: The execution.
            block: Whether to wait until it has ended or paused.

        Returns:
            A new snapshot.

        Raises:
            KitaruNotFoundError: There is no such execution.
            KitaruStateError: A wait is open, it does not wait, or a runner is there already.
            KitaruRuntimeError: Its code cannot be found.
        """

        def allowed(row: ExecutionRow) -> None:
            if row.attached and not row.runner_lost:
                msg = f"Execution {row.id} is already running; its runner goes on by itself."
                raise KitaruStateError(msg)
            if row.open_waits:
                waits = self.pending_waits(row.id)
                msg = (
                    f"Execution {row.id} still waits for: {', '.join(wait.name for wait in waits)}. Answer first, with "
                    f"`{answer_command(row.id, waits[0])}` or `client.executions.input(...)`."
                )
                raise KitaruStateError(msg)
            status = effective_status(row)
            if status != "waiting" and not (row.runner_lost and status == "failed"):
                hint = " Use `retry`." if status == "failed" else ""
                msg = f"Execution {row.id} is {status}; only a waiting one can be resumed.{hint}"
                raise KitaruStateError(msg)

        return self._continue(exec_id, "resume", allowed, block=block)

    def _continue(self, exec_id: str, reason: str, allowed: Any, *, block: bool) -> Execution:  # noqa: ANN401 - a local check
        def code(started: ExecutionStarted) -> FlowCode:
            found: FlowCode = find_flow(started).code()
            return found

        live = continue_execution(self._journal, exec_id, code, reason=reason, allowed=allowed)
        if block:
            live.done.wait()
        return self.get(exec_id)

    @overload
    def replay(
        self,
        exec_id: str,
        *,
        from_: str,
        overrides: Mapping[str, object] | None = None,
        dry_run: Literal[False] = False,
        reuse_waits: bool = False,
        **flow_inputs: object,
    ) -> Execution: ...
    @overload
    def replay(
        self,
        exec_id: str,
        *,
        from_: str,
        overrides: Mapping[str, object] | None = None,
        dry_run: Literal[True],
        reuse_waits: bool = False,
        **flow_inputs: object,
    ) -> ReplayPlan: ...
    @overload
    def replay(
        self,
        exec_id: str,
        *,
        from_: str,
        overrides: Mapping[str, object] | None = None,
        dry_run: bool,
        reuse_waits: bool = False,
        **flow_inputs: object,
    ) -> Execution | ReplayPlan: ...
    def replay(
        self,
        exec_id: str,
        *,
        from_: str,
        overrides: Mapping[str, object] | None = None,
        dry_run: bool = False,
        reuse_waits: bool = False,
        **flow_inputs: Any,
    ) -> Execution | ReplayPlan:
        """Derive a new execution: reuse what came before a call, run from there.

        Args:
            exec_id: The source; it must not be running.
            from_: Name, invocation id or call id of the checkpoint to run from, or `name#n`.
            overrides: Values by `checkpoint.<selector>`; they replace what those calls returned.
            dry_run: Whether only to say what would be reused, replaced and run.
            reuse_waits: Whether answers of the source count; by default its questions are asked again.
            **flow_inputs: Replace inputs of the source.

        Returns:
            A snapshot of the new execution, or the `ReplayPlan` for a dry run.

        Raises:
            KitaruNotFoundError: There is no such execution.
            KitaruStateError: It is running, or a selector names no call or several.
            KitaruUsageError: A selector, key or input cannot be.
            KitaruRuntimeError: Its code cannot be found.
        """
        plan = plan_replay(self._journal, exec_id, from_=from_, overrides=overrides, reuse_waits=reuse_waits)
        if dry_run:
            return plan
        flow = find_flow(started_fact(self._journal.records(exec_id)))
        handle = flow.start_planned(plan, overrides=overrides, changes=flow_inputs)
        return self.get(handle.exec_id)

    def cancel(self, exec_id: str) -> Execution:
        """Cancel an execution; a running one ends at its next boundary, a waiting one at once.

        Args:
            exec_id: The execution.

        Returns:
            A new snapshot.

        Raises:
            KitaruNotFoundError: There is no such execution.
            KitaruStateError: It has ended.
        """
        cancel_execution(self._journal, exec_id, by=self._by)
        return self.get(exec_id)

    def verify(self, exec_id: str) -> Verification:
        """Prove that an execution's history is complete and unaltered.

        Args:
            exec_id: The execution.

        Returns:
            What was checked, and the first fault if there is one.

        Raises:
            KitaruNotFoundError: There is no such execution.
        """
        return verify_execution(self._journal, exec_id)

    def wait(self, exec_id: str, *, timeout: float | None = None) -> Execution:
        """Wait until an execution has ended or paused.

        Args:
            exec_id: The execution.
            timeout: Seconds at most.

        Returns:
            A snapshot, whatever its state when the time was over.

        Raises:
            KitaruNotFoundError: There is no such execution.
            KitaruUsageError: The timeout is no number of seconds.
        """
        end = None if timeout is None else time.monotonic() + seconds(timeout, "wait(timeout=)")
        while True:
            resting = is_resting(self._journal.execution(exec_id))
            if resting or (end is not None and time.monotonic() >= end):
                return self.get(exec_id)
            live: LiveRun | None = live_run(exec_id)
            if live is not None and not live.done.is_set():
                live.done.wait(0.2)
            else:
                time.sleep(0.02)

"""A handle to an execution: its id, its state, its result."""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from kitaru.deferred import asyncio
from kitaru.engine.journals import default_journal
from kitaru.engine.outcomes import execution_failure, execution_result, raise_unless_completed
from kitaru.engine.runner import live_run
from kitaru.errors import KitaruStateError, KitaruTimeoutError
from kitaru.journal.api import effective_status
from kitaru.records.status import ExecutionStatus
from kitaru.settings.values import seconds

if TYPE_CHECKING:
    from kitaru.operating.executions import ExecutionsNamespace
    from kitaru.operating.models import Execution

__all__ = ["FlowHandle"]

R = TypeVar("R")

_FIRST_LOOK = 0.005
_LAST_LOOK = 0.1


class FlowHandle(Generic[R]):
    """Looks after one execution, running or finished.

    Attributes:
        exec_id: The execution's id.
        flow_name: Name of the flow.
    """

    def __init__(self, exec_id: str, *, flow_name: str = "") -> None:
        self.exec_id = exec_id
        self.flow_name = flow_name

    @classmethod
    def from_exec_id(cls, exec_id: str) -> FlowHandle[Any]:
        """Return a handle to an existing execution.

        Args:
            exec_id: The execution.

        Raises:
            KitaruNotFoundError: There is no such execution.
        """
        return FlowHandle(exec_id, flow_name=default_journal().execution(exec_id).flow)

    @property
    def status(self) -> ExecutionStatus:
        """The execution's present status, read anew each time."""
        return ExecutionStatus(effective_status(default_journal().execution(self.exec_id)))

    @property
    def execution(self) -> Execution:
        """A snapshot of the execution with all its details."""
        return _executions().get(self.exec_id)

    def wait(self, timeout: float | None = None) -> R:
        """Block until the execution has ended and return its result; a waiting execution has not ended.

        Args:
            timeout: Seconds to wait at most; `None` waits as long as it takes.

        Returns:
            What the flow returned.

        Raises:
            KitaruTimeoutError: The time is over; the execution goes on untouched.
            KitaruUsageError: The timeout is no number of seconds.
            KitaruUserCodeError: Code of the flow failed.
            KitaruExecutionError: It was cancelled, or failed for another reason.
        """
        end = None if timeout is None else time.monotonic() + seconds(timeout, "wait(timeout=)")
        pause = _FIRST_LOOK
        here = live_run(self.exec_id)
        if here is not None:
            here.done.wait(timeout)
        while not self.status.is_finished:
            left = None if end is None else end - time.monotonic()
            if left is not None and left <= 0:
                msg = (
                    f"Execution {self.exec_id} has not ended within {timeout:g} s; it goes on. Its status is "
                    f"{self.status}."
                )
                raise KitaruTimeoutError(msg)
            live = live_run(self.exec_id)
            if live is not None and not live.done.is_set():
                live.done.wait(left)
                continue
            time.sleep(pause if left is None else min(pause, left))
            pause = min(pause * 1.5, _LAST_LOOK)
        return self.get()

    def get(self) -> R:
        """Return the result of an execution that has ended.

        Returns:
            What the flow returned.

        Raises:
            KitaruStateError: It has not ended, or waits.
            KitaruUserCodeError: Code of the flow failed.
            KitaruExecutionError: It was cancelled, or failed for another reason.
        """
        journal = default_journal()
        row = journal.execution(self.exec_id)
        status = effective_status(row)
        if not ExecutionStatus(status).is_finished:
            msg = f"Execution {self.exec_id} is {status} and has no result yet. Use `.wait()` to wait for it" + (
                ", and answer its open wait first." if status == "waiting" else "."
            )
            raise KitaruStateError(msg)
        live = live_run(self.exec_id)
        raise_unless_completed(journal, row, cause=None if live is None else live.error)
        return cast("R", execution_result(journal, row))

    async def wait_async(self, timeout: float | None = None) -> R:  # noqa: ASYNC109 - the same signature as `wait`
        """Wait as `wait` does, without blocking the event loop.

        Args:
            timeout: Seconds to wait at most.

        Returns:
            What the flow returned.
        """
        return await asyncio.to_thread(self.wait, timeout)

    def cancel(self) -> None:
        """Cancel the execution; a running one ends at its next boundary.

        Raises:
            KitaruStateError: It has ended already.
        """
        _executions().cancel(self.exec_id)

    @property
    def failure(self) -> Any:  # noqa: ANN401 - a record of the engine, or None
        """What made the execution fail, or `None`."""
        return execution_failure(default_journal(), self.exec_id)

    def __await__(self) -> Generator[Any, None, R]:
        return self.wait_async().__await__()

    def __repr__(self) -> str:
        return f"<FlowHandle {self.exec_id} {self.flow_name} {self.status}>"


def _executions() -> ExecutionsNamespace:
    from kitaru.operating.client import KitaruClient  # it loads much that a program which only runs flows never needs

    return KitaruClient().executions

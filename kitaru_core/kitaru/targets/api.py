"""What the engine may expect of a place where bodies run, and what such a place is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Protocol

import msgspec

__all__ = ["INLINE", "WORKER", "ExecutionTarget", "Task"]

INLINE: Final = "inline"
"""The word for the flow's own process, where a body runs without being written down first."""

WORKER: Final = ("-m", "kitaru.engine.isolated_child")
"""Arguments of a Python interpreter that make it carry out an order; the order's file and the reply's follow them."""


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt of a body, ready to be carried out somewhere else.

    Attributes:
        execution_id: The execution.
        invocation_id: The call, as people name it.
        call_id: The call.
        attempt: Number of the attempt, from 1.
        order: What to do, as bytes to hand to the worker.
        environment: Variables for the worker beside those it has. They may be secret and are not shown.
        timeout: Seconds the attempt may take, if there is a limit.
        check: Raises what ends the attempt when the execution was cancelled; to be called now and then, and to be let
            through after the worker was ended.
        carry_out: Carries the order out in this process and returns the reply.
    """

    execution_id: str
    invocation_id: str
    call_id: str
    attempt: int
    order: bytes
    environment: Mapping[str, str]
    timeout: float | None
    check: Callable[[], None]
    carry_out: Callable[[], bytes]

    def __repr__(self) -> str:
        return f"Task(invocation_id={self.invocation_id!r}, attempt={self.attempt})"


class ExecutionTarget(Protocol):
    """A place where bodies run.

    The worker may be any process that has kitaru and the flow's code: a Python interpreter started with `WORKER` and
    the names of two files, the first holding the task's order, reads it, and writes its reply into the second, whole or
    not at all.
    """

    def run(self, task: Task) -> bytes:
        """Carry a task out and return the worker's reply, whether the body returned or raised.

        Args:
            task: The task.

        Raises:
            KitaruWorkerDiedError: The worker ended without a reply; the attempt failed, and may be tried again.
            TimeoutError: The attempt took longer than it may; its worker was ended.
        """
        ...

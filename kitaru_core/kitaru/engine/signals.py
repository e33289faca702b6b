"""The signals by which a run leaves its body: pause, abort, cancel, and the loss of its lease.

They derive from `BaseException`, so that an `except Exception` around a wait or an agent cannot swallow them. Code that
catches `BaseException` must raise them again.
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = [
    "BodyRerun",
    "ControlSignal",
    "ExecutionAborted",
    "ExecutionCancelled",
    "RehearsalEnded",
    "RunnerFenced",
    "Suspension",
    "is_control_signal",
]


class ControlSignal(BaseException):
    """Root of the signals; never recorded as a failure, never retried.

    Attributes:
        execution_id: The execution that is leaving its body.
    """

    def __init__(self, message: str, *, execution_id: str) -> None:
        super().__init__(message)
        self.execution_id = execution_id


class Suspension(ControlSignal):
    """The runner leaves because somebody has to answer first; the execution goes on later from its last boundary.

    Attributes:
        waits: Names of the open waits.
    """

    def __init__(self, *, execution_id: str, waits: Sequence[str]) -> None:
        names = ", ".join(waits)
        super().__init__(
            f"Execution {execution_id} pauses here until {names} is answered. This is no failure: the runner leaves, "
            "and "
            "the body runs again from its top once there is an answer, with all completed boundaries read back. Do not "
            "catch BaseException around a wait, or raise it again.",
            execution_id=execution_id,
        )
        self.waits: tuple[str, ...] = tuple(waits)


class ExecutionAborted(ControlSignal):
    """A wait was aborted, which cancels the execution.

    Attributes:
        wait: Name of the wait.
    """

    def __init__(self, *, execution_id: str, wait: str) -> None:
        super().__init__(
            f"Execution {execution_id} ends here: its wait {wait!r} was aborted.", execution_id=execution_id
        )
        self.wait = wait


class ExecutionCancelled(ControlSignal):
    """Somebody cancelled the execution; raised at its next boundary."""

    def __init__(self, *, execution_id: str) -> None:
        super().__init__(f"Execution {execution_id} ends here: it was cancelled.", execution_id=execution_id)


class RunnerFenced(ControlSignal):
    """Another runner owns the execution now; this one must stop and record nothing more."""

    def __init__(self, *, execution_id: str) -> None:
        super().__init__(
            f"This runner of execution {execution_id} stops here: another one took the execution over.",
            execution_id=execution_id,
        )


class BodyRerun(ControlSignal):
    """A boundary was completed and the body is to run again from its top (`KITARU_REPLAY_EVERY_STEP`)."""

    def __init__(self, *, execution_id: str) -> None:
        super().__init__(
            f"The body of execution {execution_id} runs again from its top, because KITARU_REPLAY_EVERY_STEP is set.",
            execution_id=execution_id,
        )


class RehearsalEnded(ControlSignal):
    """A rehearsal came to a boundary that is not recorded, where a real run would begin to do something.

    Attributes:
        boundary: The call or the wait.
    """

    def __init__(self, *, execution_id: str, boundary: str) -> None:
        super().__init__(
            f"The rehearsal of execution {execution_id} ends at {boundary!r}, which is not recorded; nothing was done.",
            execution_id=execution_id,
        )
        self.boundary = boundary


def is_control_signal(error: BaseException) -> bool:
    """Say whether an exception is one of the runtime's signals and has to be raised again.

    Args:
        error: Any exception.
    """
    return isinstance(error, ControlSignal)

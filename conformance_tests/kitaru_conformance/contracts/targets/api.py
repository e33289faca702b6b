"""A target as the contract sees it: from outside, through a flow with one checkpoint."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from kitaru import ExecutionStatus, FailureInfo, KitaruClient, checkpoint, flow
from kitaru.errors import KitaruError

__all__ = ["Body", "Ending", "Running", "RuntimeTarget", "Target"]

Body = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Ending:
    """What became of a body.

    Attributes:
        status: The status in which its execution ended.
        value: What it returned, if it completed.
        failure: Why not, otherwise.
    """

    status: ExecutionStatus
    value: Any = None
    failure: FailureInfo | None = None


class Running(Protocol):
    """A body on its way."""

    def cancel(self) -> None:
        """Ask to cancel it."""

    def ending(self) -> Ending:
        """Wait until it has ended, and say how."""


class Target(Protocol):
    """A place where a body can run."""

    def start(self, body: Body, *args: object, timeout: float | None = None, **kwargs: object) -> Running:
        """Start a body, which may take so many seconds."""


class RuntimeTarget:
    """The target that `checkpoint(runtime=...)` names.

    Args:
        runtime: Its name.
    """

    def __init__(self, runtime: str) -> None:
        self._runtime = runtime

    def start(self, body: Body, *args: object, timeout: float | None = None, **kwargs: object) -> Running:
        """Start an execution whose only checkpoint has this body.

        Args:
            body: The body.
            *args: Its arguments.
            timeout: How many seconds it may take.
            **kwargs: Its arguments by name.
        """
        step = checkpoint(runtime=self._runtime, timeout=timeout)(body)

        @flow
        def judged() -> Any:  # noqa: ANN401 - whatever the body returns
            return step(*args, **kwargs)

        return _Execution(judged.run().exec_id)


class _Execution:
    def __init__(self, exec_id: str) -> None:
        self._exec_id = exec_id
        self._client = KitaruClient()

    def cancel(self) -> None:
        self._client.executions.cancel(self._exec_id)

    def ending(self) -> Ending:
        found = self._client.executions.wait(self._exec_id, timeout=60)
        try:
            value = self._client.executions.result(self._exec_id)
        except KitaruError:
            return Ending(found.status, failure=found.failure)
        return Ending(found.status, value)

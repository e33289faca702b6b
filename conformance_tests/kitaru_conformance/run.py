"""One execution, seen through the client as any operator sees it, and continued in other processes."""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import msgspec

from kitaru import CheckpointCall, Execution, ExecutionStatus, KitaruClient, PendingWait
from kitaru_conformance.child import Action, Result
from kitaru_conformance.harness import AdapterHarness, Answer
from kitaru_conformance.ledger import Ledger
from kitaru_conformance.script import Turn

__all__ = ["Place", "Run"]


class Place(Protocol):
    """Where executions are: a store, and processes that work with it."""

    @property
    def client(self) -> KitaruClient:
        """The door to the store."""

    @property
    def harness(self) -> AdapterHarness:
        """The harness of the adapter that is examined."""

    def action(self, **facts: Any) -> Action:  # noqa: ANN401 - fields of `Action`
        """Return an action on this store."""

    def act(self, action: Action, environment: Mapping[str, str] | None = None) -> Result:
        """Have a new process carry an action out."""


class Run:
    """An execution of the suite's flow.

    Args:
        place: Where it is.
        exec_id: The execution.
        ledger: What really happened.
        result: What came of the process that ran it last.

    Attributes:
        exec_id: The execution.
        ledger: What really happened.
        result: What came of the process that ran it last.
    """

    def __init__(self, place: Place, exec_id: str, ledger: Ledger, result: Result) -> None:
        self._place = place
        self.exec_id = exec_id
        self.ledger = ledger
        self.result = result

    @property
    def execution(self) -> Execution:
        """A new snapshot."""
        return self._place.client.executions.get(self.exec_id)

    @property
    def status(self) -> ExecutionStatus:
        """Its state."""
        return self.execution.status

    @property
    def boundaries(self) -> list[CheckpointCall]:
        """All its boundaries, in the order of the body."""
        return self.execution.checkpoints

    @property
    def calls(self) -> list[CheckpointCall]:
        """Its boundaries without the adapter's bookkeeping, in the order of the body."""
        return [call for call in self.boundaries if call.checkpoint_type not in self._place.harness.bookkeeping]

    @property
    def names(self) -> list[str]:
        """The readable ids of its calls, in the order of the body."""
        return [call.invocation_id for call in self.calls]

    @property
    def ids(self) -> list[str]:
        """The ids of its calls, in the order of the body; each selects exactly one."""
        return [call.call_id for call in self.calls]

    @property
    def waits(self) -> Sequence[PendingWait]:
        """Its open waits."""
        return self._place.client.executions.pending_waits(self.exec_id)

    @property
    def answers(self) -> list[Answer]:
        """What its runs returned.

        Raises:
            KitaruExecutionError: It failed.
            KitaruStateError: It has not ended.
        """
        return msgspec.convert(self._place.client.executions.result(self.exec_id), list[Answer])

    @property
    def answer(self) -> Answer:
        """What its first run returned."""
        return self.answers[0]

    @property
    def error(self) -> tuple[str, str] | None:
        """Type and message of what it failed with."""
        failure = self.execution.failure
        return None if failure is None else (failure.exception_type or "", failure.message)

    @property
    def captured(self) -> str:
        """What was kept for people: inputs, metadata and saved artifacts, as one text."""
        execution = self.execution
        calls = [(call.inputs, call.metadata) for call in execution.checkpoints]
        saved = [one.readable() for one in execution.artifacts if one.save_type != "step_output"]
        return repr((calls, saved, execution.metadata))

    @property
    def shown(self) -> str:
        """Everything about its boundaries that is there to be looked at, as one text; their values are not."""
        execution = self.execution
        calls = [(call.invocation_id, call.inputs, call.metadata, call.attempts) for call in execution.checkpoints]
        events = [event.payload for event in self._place.client.executions.events(self.exec_id)]
        return repr((calls, events, execution.metadata, execution.llm_usage_records, execution.failure))

    @property
    def records(self) -> list[dict[str, Any]]:
        """Its journal as an archive of it shows it: one mapping for each record."""
        with tempfile.TemporaryDirectory(prefix="kitaru-") as folder:
            file = self._place.client.executions.export(self.exec_id, Path(folder) / "archive")
            with zipfile.ZipFile(file) as archive:
                names = sorted(name for name in archive.namelist() if name.startswith("records/"))
                return [msgspec.json.decode(archive.read(name)) for name in names]

    def tell(self, name: str, value: object) -> None:
        """Answer an open wait from this process.

        Args:
            name: Its name.
            value: The answer.

        Raises:
            KitaruWaitValidationError: The answer does not fit.
        """
        self._place.client.executions.input(self.exec_id, wait=name, value=value)

    def go_on(self, environment: Mapping[str, str] | None = None) -> Run:
        """Continue it in a new process until it has ended or waits.

        Args:
            environment: Environment variables, such as a place to crash at.

        Returns:
            The same execution.
        """
        self.result = self._place.act(self._place.action(verb="continue", exec_id=self.exec_id), environment)
        return self

    def replay(
        self, from_: str, *, models: Mapping[str, Turn] | None = None, ledger: Ledger | None = None, **arguments: object
    ) -> Run:
        """Derive a new execution from this one in a new process.

        Args:
            from_: Where it begins to run.
            models: Replacements of model calls, by selector.
            ledger: Where to note what happens now; this execution's ledger if left out.
            **arguments: Handed to `executions.replay`.

        Returns:
            The new execution.
        """
        ledger = ledger or self.ledger
        given = {"from_": from_, "ledger": str(ledger.path), **arguments}
        action = self._place.action(verb="replay", exec_id=self.exec_id, arguments=given, models=dict(models or {}))
        result = self._place.act(action)
        if not result.exec_id:
            msg = f"The replay from {from_!r} could not be started: {result}"
            raise RuntimeError(msg)
        return Run(self._place, result.exec_id, ledger, result)

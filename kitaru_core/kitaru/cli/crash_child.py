"""The process that `kitaru crashtest` kills, and the one that goes on after it."""

from __future__ import annotations

import os
import sys
from collections import Counter
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from kitaru.cli.output import plain_json
from kitaru.cli.targets import load_flow
from kitaru.errors import KitaruExecutionError, KitaruStateError, KitaruUsageError, KitaruWaitValidationError
from kitaru.hooks.cards import PluginCard
from kitaru.hooks.manager import get_manager
from kitaru.hooks.markers import HOOKSPEC_LEVEL, hookimpl
from kitaru.operating.client import KitaruClient

if TYPE_CHECKING:
    from kitaru.operating.executions import ExecutionsNamespace
    from kitaru.operating.models import PendingWait
    from kitaru.records.boundary import Boundary

__all__ = ["Order", "Report", "main"]

_SAMPLES = {"boolean": True, "integer": 1, "number": 1.0, "string": "text", "array": [], "object": {}}


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What a child is to do.

    Attributes:
        target: `module:flow` or `file.py:flow`.
        log: File that says which bodies ran and which answers were given, in order.
        report: File to report to.
        inputs: Inputs of the flow.
        answers: Answers by name of the wait.
    """

    target: str
    log: str
    report: str
    inputs: dict[str, Any] = {}
    answers: dict[str, Any] = {}


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What a child found when the execution had ended.

    Attributes:
        status: How it ended.
        result: What the flow returned, JSON-ready; or the text of its failure.
        bodies: How many bodies ran in all.
        waits: How many waits were opened.
        calls: Number of calls of each checkpoint in the end.
        complete: Of each checkpoint, number of the calls that were complete before this child.
        ran: Of each checkpoint, number of the calls whose body ran in this child.
        given: Questions that had been answered before this child.
        asked: Questions that were answered in this child.
    """

    status: str
    result: Any = None
    bodies: int = 0
    waits: int = 0
    calls: dict[str, int] = {}
    complete: dict[str, int] = {}
    ran: dict[str, int] = {}
    given: list[str] = []
    asked: list[str] = []


class _Log:
    """Notes what happens in a file, so that the next process knows of it."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._before = file.read_text("utf-8").splitlines() if file.exists() else []

    def add(self, word: str, name: str) -> None:
        """Note one thing."""
        with self._file.open("a", encoding="utf-8") as file:
            file.write(f"{word} {name}\n")

    def names(self, word: str, *, since_start: bool = False) -> list[str]:
        """Return what was noted under a word, in all processes or in this one."""
        lines = self._file.read_text("utf-8").splitlines() if self._file.exists() else []
        chosen = lines[len(self._before) :] if since_start else lines
        return [line.partition(" ")[2] for line in chosen if line.startswith(f"{word} ")]

    @hookimpl
    def kitaru_plugin_card(self) -> PluginCard:
        """Return the card of this listener."""
        return PluginCard(name="crashtest", hookspec=HOOKSPEC_LEVEL)

    @hookimpl
    def kitaru_checkpoint_scope(self, boundary: Boundary) -> AbstractContextManager[None]:
        """Note that a body runs."""
        self.add("body", f"{boundary.invocation_id}\t{boundary.name}")
        return nullcontext()


def main(document: str) -> None:
    """Start the flow, or go on with what the store holds, to the end.

    Args:
        document: The order, a JSON object.
    """
    order = msgspec.json.decode(document, type=Order)
    flow = load_flow(order.target)
    log = _Log(Path(order.log))
    get_manager().register(log, name="crashtest")
    executions = KitaruClient(surface="crashtest").executions
    found = executions.list(limit=1)
    complete = [call.name for call in found[0].checkpoints if call.status.is_successful] if found else []
    given = [wait.pending.name for wait in found[0].waits if wait.state == "resolved"] if found else []
    execution_id = found[0].exec_id if found else flow.run(**order.inputs).exec_id
    _to_the_end(executions, execution_id, order, log, may_retry=bool(found))
    execution = executions.get(execution_id)
    ran = {line.partition("\t")[::2] for line in log.names("body", since_start=True)}
    report = Report(
        status=str(execution.status),
        result=_result(executions, execution_id),
        bodies=len(log.names("body")),
        waits=len(execution.waits),
        calls=Counter(call.name for call in execution.checkpoints),
        complete=Counter(complete),
        ran=Counter(name for _, name in ran),
        given=given,
        asked=log.names("answer", since_start=True),
    )
    Path(order.report).write_bytes(msgspec.json.encode(report))


def _to_the_end(
    executions: ExecutionsNamespace, execution_id: str, order: Order, log: _Log, *, may_retry: bool
) -> None:
    while True:
        execution = executions.get(execution_id)
        if execution.status == "failed" and may_retry:
            may_retry = False
            executions.retry(execution_id, block=True)
        elif execution.status.is_finished:
            return
        elif execution.pending_wait is not None:
            wait = execution.pending_wait
            _give(executions, execution_id, wait, order)
            log.add("answer", wait.name)
        else:
            may_retry &= not _resumed(executions, execution_id)


def _resumed(executions: ExecutionsNamespace, execution_id: str) -> bool:
    resting = executions.wait(execution_id, timeout=0.05)
    if resting.status != "waiting" or resting.pending_wait is not None:
        return False
    with suppress(KitaruStateError):  # its runner is still there and goes on by itself
        executions.resume(execution_id, block=True)
        return True
    return False


def _give(executions: ExecutionsNamespace, execution_id: str, wait: PendingWait, order: Order) -> None:
    try:
        executions.input(execution_id, wait=wait.wait_id, value=_answer(wait, order))
    except KitaruWaitValidationError as error:
        source = "of --answers" if wait.name in order.answers else "that was made up from its schema"
        msg = f"The answer to {wait.name!r} {source} does not fit; give one that does with --answers. {error}"
        raise KitaruUsageError(msg) from error


def _answer(wait: PendingWait, order: Order) -> object:
    if wait.name in order.answers:
        return order.answers[wait.name]
    schema = wait.schema or {}
    if schema.get("enum"):
        return schema["enum"][0]
    return _SAMPLES.get(str(schema.get("type")))


def _result(executions: ExecutionsNamespace, execution_id: str) -> Any:  # noqa: ANN401 - JSON-ready data
    try:
        return plain_json(executions.result(execution_id))
    except KitaruExecutionError as error:
        return str(error).partition("\nTo continue it")[0].replace(execution_id, "ID")


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except KitaruUsageError as _error:
        sys.stderr.write(f"{_error}\n")
        os._exit(2)

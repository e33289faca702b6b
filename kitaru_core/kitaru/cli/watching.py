"""`kitaru executions watch`: follow an execution until it has ended."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import nullcontext
from typing import TYPE_CHECKING, Annotated

import msgspec
from cyclopts import Parameter
from rich.live import Live

from kitaru.cli import views
from kitaru.cli.access import open_client
from kitaru.cli.arguments import OutputOption
from kitaru.cli.output import console, plain_json
from kitaru.cli.repeating import check_interval
from kitaru.cli.shapes import ending_shape
from kitaru.operating.harmless_text import harmless

if TYPE_CHECKING:
    from kitaru.operating.models import Execution

__all__ = ["watch"]

_INTERRUPTED = 130


def watch(
    exec_id: str,
    *,
    until_wait: Annotated[bool, Parameter(negative="")] = False,
    interval: float = 0.25,
    output: OutputOption = "text",
) -> int:
    """Follow an execution until it has ended; ends with 0 when it completed, else with 1.

    On a terminal its picture is drawn anew; in a pipe each change is a line, with -o json an object.

    Args:
        exec_id: The execution.
        until_wait: Also end, with 0, when it waits for an answer.
        interval: Seconds between two looks.
        output: text for people, json for programs.
    """
    check_interval(interval)
    drawn = output == "text" and sys.stdout.isatty()
    screen = Live(console=console(), auto_refresh=False, vertical_overflow="visible") if drawn else nullcontext()
    told = _Told(output)
    try:
        with screen as live:
            for execution in _snapshots(exec_id, interval):
                if live is None:
                    told.tell(execution)
                else:
                    live.update(views.execution_record(execution), refresh=True)
                if execution.status.is_finished:
                    return int(not execution.status.is_successful)
                if until_wait and execution.pending_wait is not None:
                    return 0
    except KeyboardInterrupt:
        told.event("interrupted", {"message": f"{exec_id} goes on without being watched."})
    return _INTERRUPTED


def _snapshots(exec_id: str, interval: float) -> Iterator[Execution]:
    executions = open_client().executions
    while True:
        yield executions.get(exec_id)
        time.sleep(interval)


class _Told:
    """Remembers what was told of an execution, and tells only what is new."""

    def __init__(self, output: OutputOption) -> None:
        self._is_json = output == "json"
        self._known: set[tuple[object, ...]] = set()

    def tell(self, execution: Execution) -> None:
        """Tell what changed since the last time."""
        for call in execution.checkpoints:
            fact = {"invocation_id": call.invocation_id, "status": str(call.status), "attempts": len(call.attempts)}
            self._once(("checkpoint", *fact.values()), "checkpoint", fact)
        wait = execution.pending_wait
        if wait is not None:
            fact = {"wait_name": wait.name, "wait_id": wait.wait_id, "question": wait.question}
            self._once(("waiting", wait.wait_id), "waiting", fact)
        if execution.status.is_finished:
            self._once(("terminal",), "terminal", ending_shape(execution))

    def _once(self, key: tuple[object, ...], event: str, fact: dict[str, object]) -> None:
        if key not in self._known:
            self._known.add(key)
            self.event(event, fact)

    def event(self, event: str, fact: dict[str, object]) -> None:
        """Print one event."""
        if self._is_json:
            line = {"command": "executions.watch", "event": event, "item": plain_json(fact)}
            sys.stdout.write(msgspec.json.encode(line).decode() + "\n")
        else:
            shown = "  ".join(str(value) for value in fact.values() if value is not None)
            sys.stdout.write(f"{event}: {harmless(shown)}\n")
        sys.stdout.flush()

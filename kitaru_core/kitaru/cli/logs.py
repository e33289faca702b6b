"""`kitaru executions logs`: what the code of an execution printed and logged."""

from __future__ import annotations

import dataclasses
import sys
import time
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from cyclopts import Parameter

from kitaru.cli.access import open_client
from kitaru.cli.arguments import OutputOption
from kitaru.cli.output import Output, plain_json
from kitaru.cli.shapes import ending_shape
from kitaru.errors import KitaruLogRetrievalError, KitaruUsageError

if TYPE_CHECKING:
    from kitaru.operating.client import KitaruClient
    from kitaru.operating.logs import LogEntry
    from kitaru.operating.models import Execution

__all__ = ["logs"]

_INTERRUPTED = 130
_FULL = 2
FlagOption = Annotated[bool, Parameter(negative="")]
VerbosityOption = Annotated[int, Parameter(name=["--verbosity", "-v"], count=True)]


def logs(  # noqa: PLR0913 - one option for each way to look
    exec_id: str,
    *,
    checkpoint: str | None = None,
    source: Literal["step", "runner"] = "step",
    limit: int | None = None,
    tail: int | None = None,
    follow: FlagOption = False,
    until_wait: FlagOption = False,
    interval: float = 3.0,
    grouped: FlagOption = False,
    verbosity: VerbosityOption = 0,
    output: OutputOption = "text",
) -> int:
    """Show what the code of an execution printed and logged; it is kept with KITARU_CAPTURE_LOGS=1.

    Args:
        exec_id: The execution.
        checkpoint: Only of this checkpoint.
        source: step for what checkpoints wrote, runner for what the flow's own body wrote.
        limit: Only the first N.
        tail: Only the last N; with --follow the last N of what is there, and then what comes.
        follow: Go on until the execution has ended; with -o json one object on each line.
        until_wait: With --follow: also end when it waits for an answer.
        interval: Seconds between two looks.
        grouped: A rule above the lines of each checkpoint.
        verbosity: -v with time and level, -vv with the place as well.
        output: text for people, json for programs.
    """
    _check(checkpoint, interval, grouped=grouped, output=output)
    _check_tail(tail, limit)
    client = open_client()
    chosen: dict[str, Any] = {"checkpoint": checkpoint, "source": source, "limit": limit}
    printer = _Printer(output, grouped=grouped, verbosity=verbosity)
    if follow:
        return _follow(client, exec_id, chosen, printer, interval=interval, until_wait=until_wait, tail=tail)
    out = Output("executions.logs", output)
    why = "It wrote nothing, or nothing that fits what was asked for."
    try:
        found = client.executions.logs(exec_id, **chosen)[-(tail or 0) :]
    except KitaruLogRetrievalError as error:
        found, why = [], str(error)
        if out.is_json:
            out.warn(why)
    if out.is_json:
        out.items([_shape(entry) for entry in found])
        return 0
    printer.entries(found)
    if not found:
        sys.stdout.write(f"No log entries found.\n{why}\n")
    return 0


def _check(checkpoint: str | None, interval: float, *, grouped: bool, output: OutputOption) -> None:
    if grouped and output == "json":
        msg = "--grouped is for people; it cannot be combined with -o json."
        raise KitaruUsageError(msg)
    if interval <= 0:
        msg = f"--interval must be above 0, not {interval}."
        raise KitaruUsageError(msg)
    if checkpoint is not None and not checkpoint.strip():
        msg = "--checkpoint is blank; name a checkpoint, or leave it out."
        raise KitaruUsageError(msg)


def _check_tail(tail: int | None, limit: int | None) -> None:
    if tail is not None and limit is not None:
        msg = "--tail and --limit cannot be combined: one keeps the last, the other one the first."
        raise KitaruUsageError(msg)
    if tail is not None and tail < 1:
        msg = f"--tail must be at least 1, not {tail}."
        raise KitaruUsageError(msg)


def _follow(
    client: KitaruClient,
    exec_id: str,
    chosen: dict[str, Any],
    printer: _Printer,
    *,
    interval: float,
    until_wait: bool,
    tail: int | None,
) -> int:
    told = 0 if tail is None else max(0, len(_kept(client, exec_id, chosen)) - tail)
    waits: set[str] = set()
    try:
        while True:
            execution = client.executions.get(exec_id)
            found = _kept(client, exec_id, chosen)
            printer.entries(found[told:])
            told = len(found)
            if execution.status.is_finished:
                printer.terminal(execution)
                return int(not execution.status.is_successful)
            wait = execution.pending_wait
            if wait is not None and wait.wait_id not in waits:
                waits.add(wait.wait_id)
                fact = {"wait_name": wait.name, "wait_id": wait.wait_id, "question": wait.question}
                printer.event("waiting", fact, f"[Execution is waiting for input on: {wait.name}]")
            if until_wait and wait is not None:
                return 0
            time.sleep(interval)
    except KeyboardInterrupt:
        printer.event("interrupted", {"message": "Log follow interrupted"}, "[Log follow interrupted]")
        return _INTERRUPTED


def _kept(client: KitaruClient, exec_id: str, chosen: dict[str, Any]) -> list[LogEntry]:
    try:
        found: list[LogEntry] = client.executions.logs(exec_id, **chosen)
    except KitaruLogRetrievalError:
        return []  # nothing is kept yet, which its end does not change
    return found


class _Printer:
    def __init__(self, output: OutputOption, *, grouped: bool, verbosity: int) -> None:
        self._is_json = output == "json"
        self._grouped = grouped
        self._verbosity = verbosity
        self._group: str | None = None

    def entries(self, found: list[LogEntry]) -> None:
        for entry in found:
            if self._grouped and entry.checkpoint_name != self._group:
                self._group = entry.checkpoint_name
                sys.stdout.write(f"── checkpoint: {self._group or 'none'} {'─' * 40}\n")
            self.event("log", _shape(entry), self._line(entry))

    def _line(self, entry: LogEntry) -> str:
        if not self._verbosity:
            return entry.message
        moment = "-" if entry.timestamp is None else entry.timestamp.isoformat(timespec="seconds")
        place = f" [{entry.module or entry.checkpoint_name}]" if self._verbosity >= _FULL else ""
        return f"{moment} {entry.level or '-'}{place} {entry.message}"

    def terminal(self, execution: Execution) -> None:
        fact = ending_shape(execution)
        words = {"completed": "completed successfully", "failed": f"failed: {fact['message']}"}
        text = f"[Execution {words.get(execution.status, str(execution.status))}]"
        if "recovery_command" in fact:
            text += f"\nTo continue it: {fact['recovery_command']}"
        self.event("terminal", fact, text)

    def event(self, event: str, fact: dict[str, Any], text: str) -> None:
        if self._is_json:
            line = {"command": "executions.logs", "event": event, "item": plain_json(fact)}
            text = msgspec.json.encode(line).decode()
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()


def _shape(entry: LogEntry) -> dict[str, Any]:
    return {name: value for name, value in dataclasses.asdict(entry).items() if value is not None}

"""`kitaru executions check`: what becomes of executions under the present code."""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter
from rich.console import Group
from rich.text import Text

from kitaru.cli.access import open_client
from kitaru.cli.arguments import OutputOption
from kitaru.cli.output import Output
from kitaru.cli.targets import load_flow

if TYPE_CHECKING:
    from rich.console import RenderableType

    from kitaru.operating.checking import ExecutionCheck, FlowCheck

__all__ = ["check"]

Accepted = Literal["reruns", "diverges", "fails"]

_STYLES = {"resumes": "green", "reruns": "yellow", "diverges": "magenta", "fails": "red"}


def check(
    target: str,
    *,
    allow: Annotated[list[Accepted] | None, Parameter(negative="")] = None,
    status: str | None = None,
    timeout: float = 30.0,
    output: OutputOption = "text",
) -> int:
    """Hold the executions of a flow that may go on against the present code; ends with 1 if one is harmed.

    Args:
        target: MODULE:FLOW, or FILE.py:FLOW.
        allow: Also accept executions that are found to be this; may be repeated.
        status: Only those that are waiting, failed or running.
        timeout: Seconds the flow's code may take for each execution.
        output: text for people, json for programs.
    """
    accepted = sorted(set(allow or ()))
    client = open_client()
    with _silence():
        found = client.executions.check(load_flow(target), status=status, timeout=timeout)
    passed = found.passes(accepted)
    item = {
        "target": target,
        "flow": found.flow,
        "passed": passed,
        "allowed": accepted,
        "counts": found.counts,
        "elsewhere": found.elsewhere,
        "executions": [{**dataclasses.asdict(one), "passed": one.passes(accepted)} for one in found.executions],
    }
    Output("executions.check", output).item(item, *_view(target, found, accepted))
    return int(not passed)


@contextmanager
def _silence() -> Iterator[None]:
    """Send what the flow's code prints to standard error, that of its child processes too."""
    sys.stdout.flush()
    kept = os.dup(1)
    try:
        os.dup2(2, 1)
        with redirect_stdout(sys.stderr):
            yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


def _view(target: str, found: FlowCheck, accepted: list[Accepted]) -> Iterator[RenderableType]:
    yield Text(f"Executions of {target} under the present code", style="bold")
    if not found.executions:
        yield Text("  executions: none waits, has failed or is running")
    for one in found.executions:
        yield _told(one, accepted)
    if found.elsewhere:
        yield Text(f"  {found.elsewhere} more of flows named {found.flow} in other places were left out", style="dim")
    if found.executions:
        counts: dict[str, Any] = {name: count for name, count in found.counts.items() if count and name != "checked"}
        summary = ", ".join(f"{count} {name}" for name, count in counts.items())
        passed = found.passes(accepted)
        yield Text(f"{'Passed' if passed else 'Not passed'}: {summary}", style="green" if passed else "red")


def _told(one: ExecutionCheck, accepted: list[Accepted]) -> RenderableType:
    mark = " (allowed)" if one.verdict in accepted else ""
    head = Text.assemble(
        "  ", (one.exec_id, "dim"), f"  {one.status}  ", (one.verdict + mark, _STYLES[one.verdict]), overflow="fold"
    )
    lines = [one.message, *(f"note: {text}" for text in one.drifted)]
    return Group(head, *(Text(f"    {line}", overflow="fold") for line in lines))

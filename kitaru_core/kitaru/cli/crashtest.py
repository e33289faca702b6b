"""`kitaru crashtest`: a flow of yours is killed at every boundary and must not notice."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Group
from rich.text import Text

from kitaru.cli.arguments import OutputOption, Repeated, json_object
from kitaru.cli.output import Output
from kitaru.cli.views import titled_table
from kitaru.errors import KitaruStateError, KitaruUsageError

__all__ = ["crashtest"]

_MEANINGS = {
    "flow.created": "the execution is recorded, nothing has run",
    "boundary.after_body": "a body is done, its value not yet recorded",
    "boundary.after_commit": "a call is complete",
    "wait.opened": "a question is open",
    "wait.answered": "an answer is recorded",
    "flow.body_done": "the flow has returned, its result not yet recorded",
}


def crashtest(
    target: str,
    *,
    inputs: str | None = None,
    answers: str | None = None,
    at: Repeated = None,
    timeout: float = 60.0,
    output: OutputOption = "text",
) -> int:
    """Run a flow of yours once, then kill it at every boundary, go on, and compare; ends with 1 if anything is lost.

    Everything happens in scratch stores, but the bodies of the flow really run: use test doubles for what costs money.

    Args:
        target: MODULE:FLOW, or FILE.py:FLOW.
        inputs: Inputs of the flow, as a JSON object, or @FILE.
        answers: Answers to its waits by name, as a JSON object, or @FILE; made up from the schema where none is given.
        at: Only at this point, as the report names it; may be repeated.
        timeout: Seconds that one run may take.
        output: text for people, json for programs.
    """
    order = {"target": target, "inputs": json_object(inputs, "--inputs"), "answers": json_object(answers, "--answers")}
    with tempfile.TemporaryDirectory(prefix="kitaru-crashtest-") as scratch:
        _, expected = _child(Path(scratch, "0"), order, timeout)
        if expected is None or expected["status"] != "completed":
            reason = "it was killed" if expected is None else f"it ended {expected['status']}: {expected['result']}"
            msg = f"{target} must complete once by itself before it can be tested, and {reason}"
            raise KitaruStateError(msg)
        points = _points(expected, at or ())
        found = [
            _killed_at(Path(scratch, str(n)), order, point, expected, timeout) for n, point in enumerate(points, 1)
        ]
    problems = sum(len(one["problems"]) for one in found)
    item = {"target": target, "kills": sum(one["killed"] for one in found), "problems": problems, "points": found}
    Output("crashtest", output).item(item, _view(item))
    return int(problems > 0)


def _points(expected: Mapping[str, Any], wanted: Sequence[str]) -> list[str]:
    calls, waits = range(1, expected["bodies"] + 1), range(1, expected["waits"] + 1)
    boundaries = [f"boundary.{what}:{n}" for n in calls for what in ("after_body", "after_commit")]
    questions = [f"wait.{what}:{n}" for n in waits for what in ("opened", "answered")]
    points = ["flow.created:1", *boundaries, *questions, "flow.body_done:1"]
    unknown = [point for point in wanted if point not in points]
    if unknown:
        msg = f"--at {unknown[0]!r} is no point of this flow; it has: {', '.join(points)}."
        raise KitaruUsageError(msg)
    return [point for point in points if not wanted or point in wanted]


def _killed_at(
    folder: Path, order: Mapping[str, Any], point: str, expected: Mapping[str, Any], timeout: float
) -> dict[str, Any]:
    code, report = _child(folder, order, timeout, crash_at=point)
    killed = code == -signal.SIGKILL
    if killed:
        _, report = _child(folder, order, timeout)
    problems = _problems(report, expected)
    meaning = _MEANINGS[point.partition(":")[0]]
    return {"point": point, "meaning": meaning, "killed": killed, "problems": problems}


def _problems(report: Mapping[str, Any] | None, expected: Mapping[str, Any]) -> list[str]:
    if report is None:
        return ["it did not go on"]
    calls = expected["calls"]
    found = []
    for name, done in report["complete"].items():
        ran, due = report["ran"].get(name, 0), calls.get(name, 0)
        if ran and done + ran > due:
            found.append(f"{name} ran again: {done} of {due} calls were complete, and {ran} ran after that")
    given, asked = report["given"], report["asked"]
    if given and len(given) + len(asked) > expected["waits"]:
        found.append(f"an answer was lost: {', '.join(asked)} was asked after {', '.join(given)} had been answered")
    elif report["waits"] > expected["waits"]:
        found.append(f"it asked again: {', '.join(asked)} instead of {expected['waits']} in all")
    if report["status"] != expected["status"]:
        found.append(f"it ended {report['status']}: {str(report['result']).partition(chr(10))[0]}")
    elif report["result"] != expected["result"]:
        found.append(f"it returned {report['result']!r} instead of {expected['result']!r}")
    if not found and report["calls"] != calls:
        found.append(f"it made the calls {_counted(report['calls'])} instead of {_counted(calls)}")
    return found


def _counted(calls: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(calls.items())) or "none"


def _child(
    folder: Path, order: Mapping[str, Any], timeout: float, *, crash_at: str = ""
) -> tuple[int, dict[str, Any] | None]:
    folder.mkdir(exist_ok=True)
    report = folder / "report.json"
    document = msgspec.json.encode({**order, "log": str(folder / "log"), "report": str(report)}).decode()
    env = {**os.environ, "KITARU_STORE": str(folder / "kitaru.db"), "KITARU_CRASH_AT": crash_at}
    env |= {"KITARU_WAIT_TIMEOUT": "0", "KITARU_DURABILITY": "process"}
    command = [sys.executable, "-m", "kitaru.cli.crash_child", document]
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter and module
            command, env=env, capture_output=True, timeout=timeout, check=False
        )
    except subprocess.TimeoutExpired:
        msg = f"{order['target']} did not end within {timeout:g} seconds; allow more with --timeout."
        raise KitaruStateError(msg) from None
    if done.returncode not in {0, -signal.SIGKILL}:
        said = done.stderr.decode(errors="replace").strip()
        last = re.sub(r"\Akitaru\.errors\.\w+: ", "", said.rpartition("\n")[2])
        raise KitaruUsageError(last or f"The flow's process ended with code {done.returncode}.")
    return done.returncode, msgspec.json.decode(report.read_bytes()) if report.exists() else None


def _view(item: Mapping[str, Any]) -> Group:
    table = titled_table(f"Killed {item['kills']} times: {item['target']}")
    table.add_column("Point", no_wrap=True)
    table.add_column("Meaning")
    table.add_column("Outcome")
    for one in item["points"]:
        good = "went on" if one["killed"] else "not reached"
        outcome = Text("\n".join(one["problems"]), style="red") if one["problems"] else Text(good, style="green")
        table.add_row(one["point"], one["meaning"], outcome)
    verdict = (
        "Nothing was lost."
        if not item["problems"]
        else f"{item['problems']} problem{'s' if item['problems'] > 1 else ''}."
    )
    return Group(table, Text(verdict, style="red" if item["problems"] else "green"))

"""A run is killed with SIGKILL at each of its boundaries, and goes on in another process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from signal import SIGKILL

import pytest

PROGRAM = Path(__file__).with_name("travel.py")
ANSWER = "Lisbon: 24 degrees. Booked hotel Avenida."


@pytest.fixture
def travel(tmp_path):
    """Return a function that runs a command of the program in a process of its own, and what it really did so far."""
    places = {"KITARU_STORE": str(tmp_path / "kitaru.db"), "KITARU_CONFIG_PATH": str(tmp_path / "config")}
    places |= {"KITARU_WAIT_TIMEOUT": "0", "TRAVEL_LOG": str(tmp_path / "log")}

    def run(command, **environ):
        full = {**os.environ, **places, **environ}
        done = subprocess.run([sys.executable, PROGRAM, command], env=full, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout.strip() or done.stderr

    def log():
        return [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]

    return run, log


PLACES = [("before_body", 3), ("after_body", 2), *(("after_commit", number) for number in range(1, 5))]


@pytest.mark.parametrize(("point", "boundary"), PLACES)
def test_a_run_killed_at_any_boundary_goes_on_and_repeats_nothing_that_was_recorded(travel, point, boundary):
    run, log = travel
    code, _ = run("start", KITARU_CRASH_AT=f"boundary.{point}:{boundary}")
    assert code in (-SIGKILL, 0)
    done = run("retry") if code else run("show")
    assert done == (0, "waiting")
    assert run("approve") == (0, ANSWER)
    # The one body that was running when the process died may have run before; no other runs twice.
    assert len(log()) <= len({json.dumps(one) for one in log()}) + (point == "after_body")


def test_what_a_person_said_reaches_the_tool_in_another_process(travel):
    run, log = travel
    assert run("start") == (0, "waiting")
    assert run("refuse") == (0, "Lisbon: 24 degrees. Nothing was booked.")
    assert ["book", "Avenida"] not in log()


def test_a_tool_of_fail_on_ends_the_run_and_a_retry_runs_that_tool_alone(travel):
    run, log = travel
    assert run("start", TRAVEL_STORM="1") == (0, "failed")
    assert run("retry") == (0, "waiting")
    assert [log().count(one) for one in (["model", 0], ["weather", "Lisbon"], ["model", 1])] == [1, 2, 1]

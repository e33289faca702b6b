"""Processes that are really killed in the middle of a tool, and continued by another process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parent / "programs" / "killed_agent.py"
WHOLE = ["human: go", "ai: ", "tool: a done", "ai: ", "tool: b done", "ai: all done"]


def _process(*arguments):
    command = [sys.executable, str(PROGRAM), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=os.environ, timeout=50, check=False)


def _killed_and_continued(world, kind, strategy):
    killed = _process("start", world.folder, kind, strategy)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    (execution,) = world.client.executions.list()
    continued = _process("retry", world.folder, kind, strategy, execution.exec_id)
    assert continued.returncode == 0, continued.stderr
    return json.loads(continued.stdout), (world.folder / "calls.log").read_text().split("\n")[:-1]


@pytest.mark.parametrize("kind", ["memory", "sqlite", "ours"])
def test_granular_graph_goes_on_in_a_new_process_without_repeating_a_call(world, kind):
    told, calls = _killed_and_continued(world, kind, "calls")
    assert told == WHOLE
    assert calls == ["model 0", "a", "model 1", "b", "model 2"]


@pytest.mark.parametrize("kind", ["sqlite", "ours"])
def test_coarse_graph_goes_on_with_its_thread_and_doubles_no_message(world, kind):
    told, calls = _killed_and_continued(world, kind, "graph_call")
    assert told == WHOLE
    assert calls == ["model 0", "a", "model 1", "b", "model 2"]


def test_irreversible_tool_is_not_run_again_and_a_person_says_what_became_of_it(world):
    told, calls = _killed_and_continued(world, "ours", "irreversible")
    assert (told, calls) == ("waiting", ["model 0", "a", "model 1"])
    executions = world.client.executions
    (execution,) = executions.list()
    (question,) = executions.pending_waits(execution.exec_id)
    executions.input(execution.exec_id, wait=question.name, value={"outcome": "completed", "value": "b done by hand"})
    resumed = _process("resume", world.folder, "ours", "irreversible", execution.exec_id)
    assert json.loads(resumed.stdout)[4:] == ["tool: b done by hand", "ai: all done"], resumed.stderr

"""Many processes want the same executions; one at a time may have each."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

pytestmark = pytest.mark.timeout(300)  # many processes, on a machine that may be busy
SCRIPT = Path(__file__).with_name("rival_program.py")


@pytest.fixture
def run(tmp_path):
    """Start the program with words; its store and its log of effects are this test's own."""
    running = []

    def start(*words: str, **environment: str) -> subprocess.Popen[str]:
        env = {**os.environ, "KITARU_STORE": str(tmp_path / "kitaru.db"), "KITARU_CONFIG_PATH": str(tmp_path)}
        env |= {"RIVAL_LOG": str(tmp_path / "log"), **environment}
        command = [sys.executable, str(SCRIPT), *words]
        with (tmp_path / "stderr").open("a") as errors:
            process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=errors, text=True)
        running.append(process)
        return process

    yield start
    for process in running:
        process.kill()
        process.communicate()


def _said(process: subprocess.Popen[str]) -> list[str]:
    words = process.communicate(timeout=200)[0].split()
    assert process.returncode == 0, words
    return words


def _log(tmp_path: Path) -> list[str]:
    return (tmp_path / "log").read_text().splitlines()


def _until(condition) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.005)


def test_eight_processes_run_each_execution_once(run, tmp_path):
    executions = _said(run("fail", "12"))
    rivals = [run("retry-all", *executions) for _ in range(8)]
    won = [word for rival in rivals for word in _said(rival)]
    assert sorted(won) == sorted(executions)
    assert Counter(_log(tmp_path)) == Counter(f"{execution} last" for execution in executions)
    assert _said(run("results", *executions)) == ["[0,1,2,3]"] * len(executions)


def test_a_runner_that_slept_past_its_lease_is_refused(run, tmp_path):
    lease = {"KITARU_LEASE_TTL": "0.4", "KITARU_LEASE_HEARTBEAT": "0.1"}
    sleeper = run("slow", **lease)
    _until(lambda: (tmp_path / "log").exists() and "body 1" in _log(tmp_path))
    sleeper.send_signal(signal.SIGSTOP)
    (execution,) = _said(run("list", **lease))
    _until(lambda: _said(run("status", execution, **lease)) == ["failed"])
    (tmp_path / "go on").touch()
    assert _said(run("retry-all", execution, **lease)) == [execution]
    taken_over = _log(tmp_path)
    sleeper.send_signal(signal.SIGCONT)
    assert _said(sleeper) == ["completed"], "the handle follows the execution, whoever runs it"
    assert "another one took over" in (tmp_path / "stderr").read_text()
    assert _log(tmp_path) == taken_over == [f"body {number}" for number in (0, 1, 1, 2, 3)]
    assert _said(run("results", execution, **lease)) == ["[0,1,2,3]"]

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from kitaru import KitaruClient

PROGRAM = Path(__file__).parents[1] / "report.py"
CALLS = [
    "asked the editor, turn 0",
    "asked the researcher, turn 0",
    "looked up 'heat pumps'",
    "asked the researcher, turn 1",
    "asked the editor, turn 1",
    "asked the editor, turn 2",
]


@pytest.fixture(autouse=True)
def _own_store(tmp_path, monkeypatch):
    monkeypatch.setenv("KITARU_CONFIG_PATH", str(tmp_path))
    monkeypatch.setenv("KITARU_STORE", str(tmp_path / "kitaru.db"))
    monkeypatch.delenv("REPORT_MODEL", raising=False)


def run(*arguments, **environment):
    command = [sys.executable, str(PROGRAM), *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=150, env={**os.environ, **environment}
    )


def calls(text):
    return [line for line in text.splitlines() if line.startswith(("asked", "looked"))]


def test_it_writes_the_report():
    done = run("start", "heat pumps")
    assert done.returncode == 0, done.stderr
    assert calls(done.stdout) == CALLS
    assert "outsell gas boilers" in done.stdout


@pytest.mark.parametrize("boundary", [3])
def test_killed_in_the_middle_it_asks_only_for_what_is_missing(boundary):
    killed = run("start", "heat pumps", KITARU_CRASH_AT=f"boundary.after_commit:{boundary}")
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    (execution,) = KitaruClient().executions.list()
    continued = run("retry", execution.exec_id)
    assert continued.returncode == 0, continued.stderr
    assert calls(killed.stdout) + calls(continued.stdout) == CALLS
    assert "outsell gas boilers" in continued.stdout

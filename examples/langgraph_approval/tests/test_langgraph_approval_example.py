from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from kitaru import KitaruClient

PROGRAM = Path(__file__).parents[1] / "refund.py"


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("KITARU_CONFIG_PATH", str(tmp_path))
    monkeypatch.setenv("KITARU_STORE", str(tmp_path / "kitaru.db"))
    monkeypatch.setenv("REFUND_HOME", str(tmp_path))
    monkeypatch.delenv("REFUND_MODEL", raising=False)
    return tmp_path


def run(*arguments, **environment):
    command = [sys.executable, str(PROGRAM), *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=150, env={**os.environ, **environment}
    )


def started():
    done = run("start", "Order A-17 arrived broken.")
    assert done.returncode == 0, done.stderr
    assert "waiting: run `approve" in done.stdout
    (execution,) = KitaruClient().executions.list()
    return execution.exec_id, done.stdout


def payments(home):
    book = home / "payments.txt"
    return book.read_text().splitlines() if book.exists() else []


def test_approved_refund_is_paid_once_and_nothing_is_asked_again(home):
    exec_id, before = started()
    after = run("approve", exec_id)
    assert "Done: 40 euros were paid back" in after.stdout, after.stderr
    assert len(payments(home)) == 1
    calls = [line for line in (before + after.stdout).splitlines() if line.startswith(("asked", "looked"))]
    assert calls == ["asked the model, turn 0", "looked up A-17", "asked the model, turn 1", "asked the model, turn 2"]


def test_rejected_refund_is_not_paid(home):
    exec_id, _ = started()
    assert "Not covered by the warranty." in run("reject", exec_id).stdout
    assert payments(home) == []


@pytest.mark.parametrize("point", ["boundary.after_body:2", "boundary.after_commit:2"])
def test_killed_around_the_payment_it_still_pays_once(home, point):
    exec_id, _ = started()
    killed = run("approve", exec_id, KITARU_CRASH_AT=point)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert len(payments(home)) == 1
    continued = run("retry", exec_id)
    assert "Done: 40 euros were paid back" in continued.stdout, continued.stderr
    assert len(payments(home)) == 1

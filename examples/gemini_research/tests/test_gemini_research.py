from __future__ import annotations

import runpy
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from kitaru import KitaruClient
from kitaru_adapters.gemini.loopback import LoopbackGemini

PROGRAM = Path(__file__).parents[1] / "research.py"


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("KITARU_CONFIG_PATH", str(tmp_path / "kitaru"))
    for name in ("GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_GEMINI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def service(home, monkeypatch):
    answer = runpy.run_path(str(PROGRAM.with_name("scripted.py")))["answer"]
    with LoopbackGemini(answer=answer) as scripted:
        monkeypatch.setenv("GEMINI_API_KEY", "scripted")
        monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", scripted.url)
        yield scripted


def run(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, PROGRAM, *arguments], capture_output=True, text=True, check=False, timeout=150
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def only_execution() -> str:
    (execution,) = KitaruClient().executions.list()
    return execution.exec_id


@pytest.mark.usefixtures("home")
def test_it_runs_on_its_own_and_continues_after_the_approval():
    assert "waiting: run `approve" in run("start", "How do heat pumps sell?")
    assert "The briefing was published." in run("approve", only_execution())


def test_killed_while_the_research_runs_it_pays_for_it_once(service):
    child = subprocess.Popen([sys.executable, PROGRAM, "start", "How do heat pumps sell?"], stdout=subprocess.DEVNULL)

    def kill(_):
        if service.count("get") == 2:
            service.on_request = None
            child.send_signal(signal.SIGKILL)
            child.wait()

    service.on_request = kill
    assert child.wait(timeout=150) == -signal.SIGKILL
    assert "waiting" in run("retry", only_execution())
    assert "kept as a draft" in run("decline", only_execution())
    assert [("agent" in body, len(body["input"]) == 2) for body in service.creates] == [
        (True, False),
        (False, False),
        (False, True),
    ]

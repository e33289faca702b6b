from __future__ import annotations

import runpy
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from kitaru import KitaruClient
from kitaru_adapters.gemini.loopback import LoopbackGemini

PROGRAM = Path(__file__).parents[1] / "build.py"


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("KITARU_CONFIG_PATH", str(tmp_path / "kitaru"))
    for name in ("GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_GEMINI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def service(home, monkeypatch):
    answer = runpy.run_path(str(PROGRAM))["scripted_answer"]
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
def test_it_runs_on_its_own_and_continues_after_the_review():
    assert "waiting: run `review" in run()
    assert "Changed: Make it dark." in run("review", only_execution(), "Make it dark")


def test_killed_while_the_agent_works_it_submits_each_turn_once(service):
    child = subprocess.Popen([sys.executable, PROGRAM, "start", "A clock"], stdout=subprocess.DEVNULL)

    def kill(_):
        if service.count("get") == 2:
            service.on_request = None
            child.send_signal(signal.SIGKILL)
            child.wait()

    service.on_request = kill
    assert child.wait(timeout=150) == -signal.SIGKILL
    assert "waiting" in run("retry", only_execution())
    assert "Changed: darker." in run("review", only_execution(), "darker")
    first, second = service.creates
    assert (first["environment"], second["environment"]) == ("remote", "env-int-1")
    assert (first["background"], second["previous_interaction_id"]) == (True, "int-1")

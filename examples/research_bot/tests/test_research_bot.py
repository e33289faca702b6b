from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

import kitaru

PROGRAM = Path(__file__).parents[1] / "research_bot.py"
QUESTION = "How do the tides work in harbours?"


@pytest.fixture(autouse=True)
def _home(tmp_path, monkeypatch):
    settings = {
        "KITARU_CONFIG_PATH": str(tmp_path / "kitaru"),
        "KITARU_DISABLE_INTERACTIVE_INPUT": "1",
        "RESEARCH_HOME": str(tmp_path),
        "OPENAI_AGENTS_DISABLE_TRACING": "1",
    }
    monkeypatch.delenv("RESEARCH_MODEL", raising=False)
    for name, value in settings.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def say(monkeypatch, capsys):
    """Return a function that carries out a command in this process and gives what was said."""
    monkeypatch.syspath_prepend(str(PROGRAM.parent))
    module = importlib.import_module("research_bot")

    def run(*arguments):
        module.main(*arguments)
        return capsys.readouterr().out

    return run


def run_program(*arguments, crash_at=""):
    """Carry out a command in a process of its own; give its exit code and what was said."""
    environment = {**os.environ, "KITARU_CRASH_AT": crash_at}
    command = [sys.executable, str(PROGRAM), *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=150)
    return done.returncode, done.stdout or done.stderr


def outbox(tmp_path):
    path = tmp_path / "outbox.txt"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def asked(tmp_path):
    return Counter((tmp_path / "asked.txt").read_text().split())


def test_the_report_is_sent_after_the_approval_and_says_what_the_notes_say(say, tmp_path):
    said = say("start", QUESTION, "ann@example.org")
    assert ("waiting" in said, outbox(tmp_path)) == (True, [])
    assert "The report went to ann@example.org." in say("approve", said.split()[1])
    (mail,) = outbox(tmp_path)
    assert "two bulges of water" in mail["body"]
    assert "bee" not in mail["body"]
    assert asked(tmp_path) == {"Planner": 1, "Searcher": 4, "Writer": 2}


def test_a_rejected_report_is_not_sent(say, tmp_path):
    said = say("start", QUESTION, "ann@example.org")
    assert "denied" in say("reject", said.split()[1])
    assert outbox(tmp_path) == []


def test_other_questions_take_another_way(say, tmp_path):
    said = say("start", "Where do bees dance?", "bob@example.org")
    say("approve", said.split()[1])
    assert "its angle gives the direction" in outbox(tmp_path)[0]["body"]


@pytest.mark.parametrize("boundary", [1, 4, 7])
def test_a_killed_program_goes_on_without_asking_again(say, tmp_path, boundary):
    code, _ = run_program("start", QUESTION, "ann@example.org", crash_at=f"boundary.after_commit:{boundary}")
    assert code == -signal.SIGKILL
    said = say("retry", kitaru.KitaruClient().executions.list()[0].exec_id)
    assert "The report went" in say("approve", said.split()[1])
    assert len(outbox(tmp_path)) == 1
    assert asked(tmp_path)["Planner"] == 1


@pytest.mark.parametrize("point", ["boundary.after_body:1", "boundary.after_commit:1"])
def test_a_program_killed_around_sending_sends_once(say, tmp_path, point):
    exec_id = say("start", QUESTION, "ann@example.org").split()[1]
    assert run_program("approve", exec_id, crash_at=point)[0] == -signal.SIGKILL
    assert "The report went" in say("retry", exec_id)
    assert len(outbox(tmp_path)) == 1

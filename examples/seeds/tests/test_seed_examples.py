"""Every small program runs, and those with several steps survive the death of their process."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from kitaru import ExecutionStatus, KitaruClient

FOLDER = Path(__file__).parents[1]
PROGRAMS = sorted(path.stem for path in FOLDER.glob("*.py"))
RESULTS = {
    "approve_then_commit": ("sent", "cancelled"),
    "correct_one_step": [
        "<p>the library is old</p>",
        "<p>the library is old</p>",
        "<p>the library is old and large</p>",
    ],
    "eighth_call_fails": [8],
    "model_calls": ("Durable runs, in short.", "Durable runs, in short."),
    "operate_runs": ["waiting", "cancelled", "completed"],
    "report_for_another_flow": "Most important: a bridge opens (of 3); now: the bridge is full",
    "research_with_a_veto": "A checkpoint is work whose outcome is kept. A replay derives a new run from an old one.",
    "review_a_draft": "A few words about durable agents.",
    "settings_and_secrets": ("hello (13 characters of key)", "laboratory"),
    "side_by_side": """\
the sea on Monday: sun
Utopia North on Monday: rain
Utopia South on Monday: rain
Utopia North on Saturday: rain
Utopia North on Sunday: rain
Utopia South on Saturday: rain
Utopia South on Sunday: rain""",
}


@pytest.fixture(autouse=True)
def _own_store(tmp_path, monkeypatch):
    for name in [name for name in os.environ if name.startswith("KITARU_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("KITARU_CONFIG_PATH", str(tmp_path / "config"))
    monkeypatch.setenv("KITARU_STORE", str(tmp_path / "kitaru.db"))
    monkeypatch.setenv("KITARU_DURABILITY", "process")
    # What the programs set themselves is forgotten with the rest.
    monkeypatch.setenv("KITARU_LLM_MOCK_RESPONSE", "Durable runs, in short.")
    monkeypatch.setenv("KITARU_MODEL_REGISTRY", '{"aliases": {"fast": {"model": "openai/gpt-5-mini"}}}')


def loaded(program):
    spec = importlib.util.spec_from_file_location(program, FOLDER / f"{program}.py")
    module = sys.modules[program] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(params=PROGRAMS)
def module(request):
    yield loaded(request.param)
    del sys.modules[request.param]


def test_a_program_gives_what_it_is_there_for(module):
    assert module.main() == RESULTS[module.__name__]


def test_the_table_names_every_program():
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert [name for name in PROGRAMS if f"| `{name}.py` |" not in text] == []
    assert text.count(".py` |") == len(PROGRAMS)


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_runs_from_the_command_line(program):
    done = subprocess.run(
        [sys.executable, FOLDER / f"{program}.py"], capture_output=True, text=True, check=False, timeout=150
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip()


MORTAL = [
    ("approve_then_commit", 1, {"send_it": None}, "sent"),
    ("correct_one_step", 2, {}, "<p>the library is old</p>"),
    ("model_calls", 2, {}, ("Durable runs, in short.", "Durable runs, in short.")),
    ("report_for_another_flow", 1, {}, None),
    ("research_with_a_veto", 2, {"approve": True}, RESULTS["research_with_a_veto"]),
    ("review_a_draft", 1, {"approve_draft": False}, "rejected"),
    ("side_by_side", 4, {}, RESULTS["side_by_side"]),
]


def killed(program, boundary):
    """Run a program until it has committed so many boundaries, where it is killed; return its execution."""
    env = {**os.environ, "KITARU_CRASH_AT": f"boundary.after_commit:{boundary}"}
    done = subprocess.run(
        [sys.executable, FOLDER / f"{program}.py"], env=env, capture_output=True, check=False, timeout=150
    )
    assert done.returncode == -9
    execution = KitaruClient().executions.list()[-1]
    assert execution.status is ExecutionStatus.FAILED
    return execution


def completed(execution):
    return {call.call_id: call.ended_at for call in execution.checkpoints if call.status == "completed"}


@pytest.mark.parametrize(("program", "boundary", "answers", "result"), MORTAL, ids=[case[0] for case in MORTAL])
def test_a_killed_program_is_continued_and_repeats_nothing(program, boundary, answers, result):
    executions = KitaruClient().executions
    before = killed(program, boundary)
    kept = completed(before)
    execution = executions.retry(before.exec_id, block=True)
    for name, value in answers.items():
        executions.input(before.exec_id, wait=name, value=value)
        execution = executions.resume(before.exec_id, block=True)
    assert execution.result() == (before.exec_id if result is None else result)
    assert len(kept) >= boundary
    assert kept.items() <= completed(execution).items()

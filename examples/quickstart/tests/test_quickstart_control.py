from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import kitaru

EXAMPLE = Path(__file__).resolve().parents[1]


def test_a_tool_that_fails_once_is_retried_from_the_command_line(example, undisturbed, tmp_path):
    folder = tmp_path / "documents"
    assert example.zygote.run(["Where is it?", "--folder", str(folder / "missing")], example.environment) == 3
    del undisturbed


def test_replay_with_a_corrected_tool_result_changes_the_brief(example, undisturbed):
    assert example.start() == 3
    exec_id = example.latest().exec_id
    example.approve(exec_id)
    assert example.go_on(exec_id) == 0
    corrected = "A sentence that no document holds."
    replay = example.executions.replay(
        exec_id, from_="researcher_model_request_2", overrides={"checkpoint.extract_tool": corrected}
    )
    del replay, undisturbed


def test_the_demonstration_ends_well():
    done = subprocess.run([sys.executable, str(EXAMPLE / "demo.py")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No boundary that was complete ran a second time" in done.stdout
    assert "killed in it" in done.stdout
    assert kitaru is not None

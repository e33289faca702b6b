from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

EXAMPLE = Path(__file__).resolve().parents[1]


def kitaru_command(*arguments):
    command = [sys.executable, "-m", "kitaru.cli.main", *arguments, "--output", "json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=EXAMPLE, env=dict(os.environ))
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)["item"]


def finished(example):
    assert example.start() == 3
    exec_id = example.latest().exec_id
    example.approve(exec_id)
    assert example.go_on(exec_id) == 0
    return exec_id


def test_a_tool_that_failed_is_retried_alone_from_the_command_line(example, undisturbed):
    assert example.start("--fail-at", "9") == 1
    exec_id = example.latest().exec_id
    assert example.executions.get(exec_id).failure.message.endswith("was told to fail here")
    complete, work = example.complete(exec_id), example.work()
    kitaru_command("executions", "retry", exec_id)
    assert complete.isdisjoint(example.work()[len(work) :])
    example.approve(exec_id)
    assert example.go_on(exec_id) == 0
    assert example.brief(exec_id) == undisturbed[0]


def test_replay_from_the_second_request_with_other_tool_results_gives_another_brief(example, undisturbed):
    source = finished(example)
    work = len(example.work())
    corrected = json.dumps([{"path": "api.py", "line": 1, "text": "corrected by hand"}])
    overrides = [f"checkpoint.search_tool#{number}={corrected}" for number in (1, 2, 3)]
    given = [word for override in overrides for word in ("--override", override)]
    replay = kitaru_command("executions", "replay", source, "--from", "researcher_model_request_2", "--wait", *given)
    assert replay["status"] == "waiting"
    assert [name for name in example.work()[work:] if name.startswith(("list_files", "search"))] == []
    example.approve(replay["exec_id"])
    assert example.go_on(replay["exec_id"]) == 0
    brief = example.brief(replay["exec_id"])
    assert brief != undisturbed[0]
    assert "Sources: api.py\n" in brief
    assert example.brief(source) == undisturbed[0]


def test_the_demonstration_ends_well():
    done = subprocess.run([sys.executable, str(EXAMPLE / "demo.py")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No boundary that was complete ran a second time" in done.stdout
    assert "killed in it" in done.stdout

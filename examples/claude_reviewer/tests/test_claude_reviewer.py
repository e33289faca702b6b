"""The example, run as its README says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parents[1] / "reviewer.py"
FILES = {
    "a.py": "def add(item, to=[]):\n    to.append(item)\n    return to\n",
    "b.py": "def run(text):\n    try:\n        return eval(text)\n    except:\n        return None\n",
    "c.py": "print('nothing wrong here')\n",
}
EXPECTED = [("a.py", 1), ("b.py", 3), ("b.py", 4)]


@pytest.fixture
def folder(tmp_path):
    found = tmp_path / "code"
    found.mkdir()
    for name, text in FILES.items():
        (found / name).write_text(text)
    return found


def review(folder, *arguments, **environment):
    env = {name: value for name, value in os.environ.items() if name != "ANTHROPIC_API_KEY"}
    env |= {"KITARU_STORE": f"sqlite:///{folder.parent / 'journal.db'}", **environment}
    command = [sys.executable, str(PROGRAM), str(folder), *arguments]
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=150)


def findings(folder):
    lines = (folder / "findings.jsonl").read_text().splitlines()
    return sorted((entry["file"], entry["line"]) for entry in map(json.loads, lines))


def test_the_files_of_a_folder_are_reviewed(folder):
    done = review(folder)
    assert done.returncode == 0, done.stderr
    assert findings(folder) == EXPECTED
    assert "3 files were read and 3 problems recorded." in done.stdout
    assert "b.py:4 A bare except" in (folder / "REVIEW.md").read_text()


@pytest.mark.parametrize("note", [12, 20])
def test_a_review_that_is_killed_goes_on_and_records_nothing_twice(folder, note):
    assert review(folder, KITARU_CRASH_AT=f"note.written:{note}").returncode == -9
    done = review(folder, "--resume")
    assert done.returncode == 0, done.stderr
    assert findings(folder) == EXPECTED
    assert "attempt 1 broke off" in done.stdout


def test_what_is_no_folder_is_refused(folder):
    done = review(folder / "nowhere")
    assert done.returncode == 1
    assert "is no folder" in done.stderr

"""Examples that take commands refuse what they do not know in a sentence, and do nothing then."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from page_blocks import ROOT

PROGRAMS = {
    "antigravity": "build.py",
    "deep_agent": "report.py",
    "gemini_research": "research.py",
    "langgraph_approval": "refund.py",
    "research_bot": "research_bot.py",
}


@pytest.fixture
def call(tmp_path):
    """Run an example's program with a store of its own."""

    def run(program, *arguments):
        kept = {name: value for name, value in os.environ.items() if not name.startswith("KITARU_")}
        env = kept | {"KITARU_CONFIG_PATH": str(tmp_path), "KITARU_WAIT_TIMEOUT": "0"}
        command = [sys.executable, str(ROOT / "examples" / program), *arguments]
        return subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=150)

    return run


@pytest.mark.timeout(240)  # frameworks take their time to load
@pytest.mark.parametrize("example", sorted(PROGRAMS))
def test_a_word_that_is_no_command_changes_nothing(call, example, tmp_path):
    done = call(f"{example}/{PROGRAMS[example]}", "aprove", "some-id")
    assert (done.returncode, done.stdout) == (2, "")
    assert "invalid choice: 'aprove'" in done.stderr
    assert list(tmp_path.glob("kitaru.db")) == []


@pytest.mark.timeout(240)
@pytest.mark.parametrize("example", sorted(PROGRAMS))
def test_an_execution_that_is_not_there_is_told_in_a_sentence(call, example):
    done = call(f"{example}/{PROGRAMS[example]}", "retry", "some-id")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("There is no execution 'some-id'")


@pytest.mark.timeout(240)
def test_a_review_that_never_began_is_told_in_a_sentence(call, tmp_path):
    done = call("claude_reviewer/reviewer.py", str(tmp_path), "--resume")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("There is no execution")


@pytest.mark.timeout(240)
@pytest.mark.parametrize("example", ["antigravity", "gemini_research"])
def test_a_command_about_an_execution_needs_its_id(call, example):
    done = call(f"{example}/{PROGRAMS[example]}", "retry")
    assert (done.returncode, done.stdout) == (2, "")
    assert "retry needs an EXECUTION_ID" in done.stderr

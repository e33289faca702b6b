"""A program does not outlive its run where the kernel does not see to that; tried on any POSIX system."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from claude_agent_sdk import ClaudeAgentOptions

from kitaru_adapters.claude_agent_sdk import launch
from kitaru_adapters.claude_agent_sdk.launcher import end_survivor, launched

PARENT = """
import subprocess, sys
from claude_agent_sdk import ClaudeAgentOptions
from kitaru_adapters.claude_agent_sdk.launcher import launched

with launched(ClaudeAgentOptions(cli_path=sys.argv[1]), by_kernel=False) as launcher:
    subprocess.run([launcher.options.cli_path], env=launcher.options.env)
"""


@pytest.fixture
def program(tmp_path):
    path = tmp_path / "program"
    path.write_text("#!/bin/sh\necho running $1\nread line\n")
    path.chmod(0o700)
    return path


def start(launcher, *arguments):
    command = [launcher.options.cli_path, *arguments]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    return subprocess.Popen(command, env=launcher.options.env, text=True, **pipes)


def test_a_killed_parent_takes_its_program_along(program):
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, str(program)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout.readline() == b"running\n"
        parent.kill()
        assert parent.stdout.read() == b""  # comes when nobody holds the other end any more


def test_a_program_that_ends_by_itself_is_not_disturbed(program):
    with launched(ClaudeAgentOptions(cli_path=program), by_kernel=False) as launcher, start(launcher) as child:
        assert child.communicate("go on\n", timeout=10)[0] == "running\n"
        assert child.returncode == 0


def test_the_end_of_the_run_is_the_end_of_the_program(program):
    with launched(ClaudeAgentOptions(cli_path=program), by_kernel=False) as launcher:
        child = start(launcher)
        assert child.stdout.readline() == "running\n"
    with child:
        assert child.wait(10) == -9


def test_a_program_whose_parent_is_gone_already_is_ended(program):
    with launched(ClaudeAgentOptions(cli_path=program), by_kernel=False) as launcher:
        stays = launcher.lease_file.with_name("stays")
        os.mkfifo(stays)
        late = {**launcher.options.env, "KITARU_CLAUDE_PIPE": str(stays)}
        with subprocess.Popen([launcher.options.cli_path], env=late, stdin=subprocess.PIPE) as child:
            assert child.wait(10) == -9


def test_ps_tells_one_process_from_another_where_there_is_no_proc(program, monkeypatch):
    monkeypatch.setattr(launch, "started_at", lambda pid: launch.shown_by_ps(pid, "lstart"))
    with launched(ClaudeAgentOptions(cli_path=program), by_kernel=False) as launcher, start(launcher, "abc") as child:
        assert child.stdout.readline() == "running abc\n"
        lease = {**launcher.lease(), "started": launch.started_at(child.pid)}
        assert "abc" in launch.shown_by_ps(child.pid, "args")
        assert not end_survivor({**lease, "started": "Thu Jan  1 00:00:00 1970"})
        assert end_survivor(lease, session_id="abc")
        assert child.wait(10) == -9
    assert launch.shown_by_ps(child.pid, "lstart") is None

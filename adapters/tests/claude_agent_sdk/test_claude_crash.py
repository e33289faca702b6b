"""Kill -9 of a process whose Claude is at work, and what the next process makes of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kitaru import KitaruClient
from kitaru_adapters.claude_agent_sdk.launcher import end_survivor
from kitaru_adapters.claude_agent_sdk.testing import Text, ToolUse, replies

PROGRAM = Path(__file__).with_name("crashing_flow.py")
CHARGE = ToolUse("mcp__shop__charge", {"amount": 3})
CHARGE_AGAIN = ToolUse("mcp__shop__charge", {"amount": 3})
DIE = ToolUse("mcp__shop__die")
BUYING = replies([CHARGE], [CHARGE_AGAIN], [DIE], [Text("bought")])


class Crash:
    """Runs the program, which kills itself, and lets another process go on."""

    def __init__(self, api, folder):
        self.api, self.folder = api, folder

    def run(self, script, *, new_home=False, **settings):
        self.api.reset(script)
        assert self._process("start", self.folder, settings) == -9
        self.turns_before = len(self.api.turns)
        home = self.folder / "new" if new_home else self.folder
        assert self._process("go on", home, settings) == 0
        return self.result()

    def result(self):
        (execution,) = KitaruClient().executions.list()
        return KitaruClient().executions.result(execution.exec_id)

    @property
    def marks(self):
        return (self.folder / "marks").read_text().split("\n")[:-1]

    def _process(self, what, home, settings):
        env = {
            **os.environ,
            "FOLDER": str(self.folder),
            "SETTINGS": json.dumps(settings),
            "CLAUDE_ENV": json.dumps(self.api.env(home)),
        }
        return subprocess.run([sys.executable, str(PROGRAM), what], env=env, check=False, timeout=50).returncode


@pytest.fixture
def crash(api, tmp_path):
    folder = tmp_path / "work"
    folder.mkdir()
    return Crash(api, folder)


def living_programs(url):
    found = []
    for entry in Path("/proc").iterdir():
        try:
            command, environment = ((entry / name).read_bytes() for name in ("cmdline", "environ"))
        except OSError:
            continue
        if b"stream-json" in command and url.encode() in environment:
            found.append(int(entry.name))
    return found


def gone(url):
    end = time.monotonic() + 3
    while living_programs(url) and time.monotonic() < end:
        time.sleep(0.02)
    return not living_programs(url)


def test_after_a_crash_durable_tools_keep_their_results_and_the_rest_runs_again(crash):
    result = crash.run(BUYING)
    assert result.final_text == "bought"
    assert crash.marks == ["charge 3", "charge 3", "die", "die"]
    (earlier,) = result.earlier_attempts
    assert [call.name for call in earlier.completed_tools] == ["mcp__shop__charge"] * 2
    assert [call.name for call in earlier.unfinished_tools] == ["mcp__shop__die"]
    assert earlier.interrupted
    assert earlier.unused_results == []
    assert result.session_id != earlier.session_id


def test_a_killed_parent_leaves_no_program_and_no_further_request(crash, api):
    api.reset(BUYING)
    assert crash._process("start", crash.folder, {"delay": 0.1}) == -9
    assert gone(api.url)
    asked = len(api.turns)
    time.sleep(0.3)
    assert len(api.turns) == asked == 3


@pytest.mark.parametrize("new_home", [False, True])
def test_continue_repeats_neither_turns_nor_tools(crash, api, new_home):
    result = crash.run(BUYING, policy="continue", new_home=new_home, delay=0.4)
    assert crash.marks == ["charge 3", "charge 3", "die"]
    assert len(api.turns) == crash.turns_before + 1
    told = api.turns[-1].tool_results
    assert told[CHARGE.id] == "charged 3"
    assert "not known whether it took effect" in told[DIE.id]
    assert result.session_id == result.earlier_attempts[0].session_id
    assert result.final_text == "bought"


def test_a_result_that_did_not_reach_the_session_is_put_into_it(crash, api):
    script = replies([CHARGE], [Text("bought")])
    crash.run(script, policy="continue", die_after="mcp__shop__charge")
    assert crash.marks == ["charge 3"]
    assert api.turns[-1].tool_results == {CHARGE.id: "charged 3"}


def test_a_session_that_had_come_to_nothing_is_not_gone_on_with(crash, api):
    result = crash.run(replies([CHARGE], [Text("bought")]), policy="continue", die_at_prompt=True)
    assert [turn.index for turn in api.turns] == [0, 1]
    assert result.session_id != result.earlier_attempts[0].session_id
    assert crash.marks == ["charge 3"]


def test_fail_leaves_the_decision_to_the_flow_with_the_facts(crash, api):
    session_id, (earlier,) = crash.run(BUYING, policy="fail")
    assert session_id == earlier.session_id
    assert [call.name for call in earlier.unfinished_tools] == ["mcp__shop__die"]
    assert len(api.turns) == crash.turns_before


def test_bash_of_a_broken_attempt_runs_again_and_is_listed(crash):
    bash = ToolUse("Bash", {"command": "echo bash >> marks", "description": "x"})
    result = crash.run(replies([bash], [ToolUse("mcp__shop__die")], [Text("done")]))
    assert crash.marks == ["bash", "die", "bash", "die"]
    assert [call.name for call in result.earlier_attempts[0].completed_tools] == ["Bash"]


def test_only_the_very_process_of_a_lease_is_ended():
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(30)"])
    try:
        stat = Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()
        lease = {"pid": child.pid, "started": stat[19], "host": os.uname().nodename}
        assert not end_survivor({**lease, "started": "1"})
        assert not end_survivor({**lease, "host": "elsewhere"})
        assert not end_survivor(lease, session_id="not-on-its-command-line")
        assert child.poll() is None
        assert end_survivor(lease)
        assert child.wait(5) == -9
    finally:
        child.kill()

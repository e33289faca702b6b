"""Real processes killed with SIGKILL at every boundary, and continued by a new process."""

from __future__ import annotations

import contextlib
import json
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

import kitaru

PROGRAM = Path(__file__).with_name("crash_program.py")


@pytest.fixture(scope="module")
def program():
    process = subprocess.Popen([sys.executable, str(PROGRAM)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    yield process
    process.stdin.close()
    process.wait(10)
    process.stdout.close()


@pytest.fixture
def job(program, provider, reply, tmp_path):
    """Return a function that runs the job in a process of its own; the provider decides from what it is sent."""

    def think(body):
        items = body["input"] if isinstance(body["input"], list) else [{"content": body["input"]}]
        done = [item["call_id"] for item in items if item.get("type") == "function_call_output"]
        if items[0].get("content") == "help":
            return reply(text="helped") if done else reply(calls=[("act", {"what": "nested"}, "n1")])
        if not done:
            return reply(calls=[("act", {"what": "one"}, "c1"), ("act", {"what": "two"}, "c2")])
        if len(done) == 2:
            return reply(calls=[("ask_helper", {"input": "help"}, "c3")])
        return reply(text="all done")

    provider.brain = think
    environment = {
        "KITARU_CONFIG_PATH": str(tmp_path / "kitaru"),
        "KITARU_STRICT_REPLAY": "1",
        "KITARU_WAIT_TIMEOUT": "0",
        "PROVIDER": provider.url,
        "EFFECTS": str(tmp_path / "effects"),
        "SESSION": str(tmp_path / "session.db"),
    }

    def run(action, mode, crash_at=""):
        command = {"action": action, "mode": mode, "environment": {**environment, "KITARU_CRASH_AT": crash_at}}
        program.stdin.write(json.dumps(command) + "\n")
        program.stdin.flush()
        return json.loads(program.stdout.readline())

    return run


KILLED = {"text": "", "code": -signal.SIGKILL}
DONE = {"text": "all done", "code": 0}


def effects(tmp_path):
    return Counter((tmp_path / "effects").read_text().split())


def in_flight(tmp_path):
    """Return the tools that a killed process left with an effect and without a record.

    Only `one` and `two`, which run side by side, may be among them: the kill that follows the record of either may come
    between the other's effect and its record. Such a tool must run once more, and no other may.
    """
    (execution,) = kitaru.KitaruClient().executions.list()
    calls = [call for call in execution.checkpoints if call.checkpoint_type == "tool_call" and call.inputs]
    recorded = [call.inputs["tool_args"]["parsed_args"].get("what") for call in calls if call.status == "completed"]
    return effects(tmp_path) - Counter(recorded) if (tmp_path / "effects").exists() else Counter()


# A run makes eight boundaries: a model call, two tools, a model call, in the nested run a model call, a tool and a
# model call, and the last model call.
@pytest.mark.parametrize("number", range(1, 9))
def test_a_kill_after_any_boundary_repeats_nothing_that_was_recorded(job, provider, tmp_path, number):
    assert job("start", "calls", f"boundary.after_commit:{number}") == KILLED
    again = in_flight(tmp_path)
    assert job("retry", "calls") == DONE
    assert effects(tmp_path) == Counter(["one", "two", "nested"]) + again
    assert (again["nested"], len(provider.requests)) == (0, 5)


def test_a_run_that_is_killed_after_every_single_boundary_still_ends(job, provider, tmp_path):
    assert job("start", "calls", "boundary.after_commit:1") == KILLED
    kills, again = 1, Counter()
    while (answer := job("retry", "calls", "boundary.after_commit:1")) == KILLED:
        kills += 1
        again |= in_flight(tmp_path)
    assert answer == DONE
    (execution,) = kitaru.KitaruClient().executions.list()
    assert kitaru.KitaruClient().executions.verify(execution.exec_id).is_intact
    assert kills >= 7  # the two tools run side by side and may become durable in one commit
    assert effects(tmp_path) == Counter(["one", "two", "nested"]) + again
    assert (again["nested"], len(provider.requests)) == (0, 5)


@pytest.mark.parametrize("number", [1, 4, 6])
def test_a_kill_in_a_streamed_run_repeats_nothing_that_was_recorded(job, provider, tmp_path, number):
    assert job("start", "stream", f"boundary.after_commit:{number}") == KILLED
    assert job("retry", "stream") == DONE
    assert (effects(tmp_path), len(provider.requests)) == ({"one": 1, "two": 1, "nested": 1}, 5)


def test_a_kill_between_the_answer_and_its_record_repeats_only_that_request(job, provider, tmp_path):
    assert job("start", "calls", "boundary.after_body:4") == KILLED
    assert job("retry", "calls") == DONE
    assert len(provider.requests) == 6
    assert effects(tmp_path) == {"one": 1, "two": 1, "nested": 1}


def test_a_kill_between_a_tool_and_its_record_repeats_only_that_tool(job, provider, tmp_path):
    assert job("start", "calls", "boundary.after_body:6") == KILLED
    assert job("retry", "calls") == DONE
    assert effects(tmp_path) == {"one": 1, "two": 1, "nested": 2}
    assert len(provider.requests) == 5


@pytest.mark.parametrize("number", range(1, 7))
def test_a_kill_around_session_operations_leaves_no_duplicates(job, tmp_path, number):
    assert job("start", "session", f"boundary.after_body:{number}") == KILLED
    assert job("retry", "session") == DONE
    with contextlib.closing(sqlite3.connect(tmp_path / "session.db")) as database:
        rows = [row[0] for row in database.execute("select message_data from agent_messages")]
    assert len(rows) == len(set(rows)) == 8


def test_an_irreversible_tool_of_unknown_outcome_is_not_run_again(job, tmp_path):
    assert job("start", "irreversible", "boundary.after_body:2") == KILLED
    before = effects(tmp_path)
    assert job("retry", "irreversible") == {"text": "waiting", "code": 0}
    assert before["one"] + before["two"] >= 1
    assert max(effects(tmp_path).values()) == 1


def test_a_kill_behind_a_whole_run_does_not_repeat_it(job, provider):
    assert job("start", "runner_call", "boundary.after_commit") == KILLED
    assert job("retry", "runner_call") == DONE
    assert len(provider.requests) == 5

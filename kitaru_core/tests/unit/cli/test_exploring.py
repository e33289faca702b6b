"""Reasons, differences, events, statistics; archives and deletion."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys

import pytest


def test_the_reason_names_the_command_that_helps(kitaru, started):
    waiting = started("order", "tea")
    item = kitaru("executions", "why", waiting, "-o", "json").item
    assert (item["kind"], item["subject"]) == ("answer", "sure")
    shown = shlex.split(kitaru("executions", "why", waiting).out.rpartition("?")[2].replace("\\\n", " "))
    assert shown == shlex.split(item["action"])


def test_two_executions_are_compared_call_by_call(kitaru, started):
    first, second = started("quick", "tea"), started("order", "milk")
    item = kitaru("executions", "diff", first, second, "-o", "json").item
    assert (item["is_same"], item["inputs_differ"]) == (False, True)
    shown = kitaru("executions", "diff", first, first)
    assert shown.code == 0
    assert "The same" in shown.out


def test_what_a_model_was_asked_is_shown(kitaru, started):
    told = started("talk", "what is \x1b[2Jit?")
    last = kitaru("executions", "messages", told, "-o", "json").item
    assert (last["invocation_id"], [one.get("role") for one in last["messages"]]) == (
        "ask_2",
        ["user", None, "assistant"],
    )
    first = kitaru("executions", "messages", told, "ask#1").out
    assert tuple(part for part in ("1. user", "what is", "2. note", "who:") if part in first) == (
        "1. user",
        "what is",
        "2. note",
        "who:",
    )
    assert not any(part in first for part in ("none", "certainly", "\x1b[2J", "\x1b[31m"))
    assert "No messages are kept of price" in kitaru("executions", "messages", told, "price").out


@pytest.mark.parametrize(
    ("flow", "arguments", "said"),
    [("quick", [], "keeps no messages"), ("order", ["nothing"], "no checkpoint 'nothing'; it has: price")],
)
def test_where_no_messages_can_be_shown_that_is_said(kitaru, started, flow, arguments, said):
    shown = kitaru("executions", "messages", started(flow, "tea"), *arguments)
    assert shown.code == 1
    assert said in shown.err.replace("\n", " ")


def test_events_are_one_object_on_a_line(kitaru, started):
    shown = kitaru("executions", "events", started("quick", "tea"), "-o", "json")
    lines = [json.loads(line) for line in shown.out.splitlines()]
    assert all(set(line) == {"command", "event", "item"} for line in lines)
    assert {line["item"]["checkpoint_name"] for line in lines} == {"price"}


def test_executions_are_counted_in_groups(kitaru, started):
    for flow in ("quick", "quick", "order"):
        started(flow, "tea")
    item = kitaru(
        "executions", "statistics", "--group-by", "flow", "--metric", "steps:step_count:sum", "-o", "json"
    ).item
    assert set(item) == {"groups", "truncated", "group_count"}
    assert item["groups"][0] == {
        "keys": {"flow_id": "quick", "flow_name": "quick"},
        "execution_count": 2,
        "metrics": {"steps": 2.0},
    }
    assert (
        "truncated at --max-groups 1" in kitaru("executions", "statistics", "--group-by", "flow", "--max-groups", 1).out
    )


def test_an_execution_moves_through_a_file(kitaru, started, tmp_path):
    finished = started("quick", "tea")
    item = kitaru("executions", "export", finished, tmp_path / "one.kitaru", "-o", "json").item
    assert item["size_bytes"] == (tmp_path / "one.kitaru").stat().st_size
    assert kitaru("executions", "delete", finished).code == 1, "it must be told yes"
    assert kitaru("executions", "delete", finished, "--yes", "-o", "json").item["deleted"] is True
    assert kitaru("executions", "get", finished).code == 1
    assert kitaru("executions", "import", tmp_path / "one.kitaru", "-o", "json").item["exec_id"] == finished


def test_pruning_keeps_the_newest_and_what_waits(kitaru, started):
    finished = [started("quick", "tea") for _ in range(3)]
    waiting = started("order", "tea")
    would = kitaru("executions", "prune", "--keep", 1, "--dry-run", "-o", "json").items
    assert [one["exec_id"] for one in would] == finished[1::-1]
    kitaru("executions", "prune", "--keep", 1, "--yes")
    left = {one["exec_id"] for one in kitaru("executions", "list", "-o", "json").items}
    assert left == {finished[2], waiting}


@pytest.mark.parametrize("age", ["30", "d", "-3d", "3y"])
def test_an_age_has_a_number_and_a_unit(kitaru, age):
    shown = kitaru("executions", "prune", f"--older-than={age}", "--yes")
    assert (shown.code, shown.out) == (1, "")
    assert "30d" in shown.err


@pytest.mark.parametrize(
    ("flow", "value"), [("two_words", '"yes"'), ("survey", '"red"'), ("order", "true")], ids=["text", "choice", "bool"]
)
def test_the_command_that_helps_can_be_copied(piped, started, flow, value):
    waiting = started(flow, *(["tea"] if flow == "order" else []))
    action = piped("executions", "why", waiting, "-o", "json").item["action"]
    program, *words = shlex.split(action)
    assert program == "kitaru"
    words[-1] = value
    assert piped(*words).code == 0


@pytest.fixture
def orphan(tmp_path):
    """The id of an execution whose process was killed while it looked for an answer."""
    (tmp_path / "ask.py").write_text(ASKING)
    with subprocess.Popen([sys.executable, "ask.py"], cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
        waiting = process.stdout.readline().strip()
        process.kill()
    return waiting


def test_a_run_that_was_killed_while_it_asked_says_how_to_go_on_when_it_is_answered(kitaru, piped, orphan):
    assert kitaru("executions", "why", orphan, "-o", "json").item["kind"] == "answer"
    shown = kitaru("executions", "input", orphan, "--value", "true")
    (command,) = [line.partition("kitaru ")[2] for line in shown.out.splitlines() if "To go on" in line]
    assert piped(*command.split(), "-o", "json").item["status"] == "completed"


def test_an_answer_to_a_run_that_was_killed_while_it_asked_may_resume_it(piped, client, orphan):
    piped("executions", "input", orphan, "--value", "true", "--resume")
    assert client.executions.wait(orphan, timeout=30).status == "completed"


ASKING = """
import kitaru

@kitaru.flow
def ask():
    return kitaru.wait(name="sure", timeout=600)

if __name__ == "__main__":
    handle = ask.run()
    while handle.status != "waiting":
        pass
    print(handle.exec_id, flush=True)
    handle.wait()
"""

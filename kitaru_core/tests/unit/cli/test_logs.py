"""What flows printed, for people and for programs, at once and as it happens."""

from __future__ import annotations

import json

import pytest


@pytest.fixture
def kept(monkeypatch, capsys, started):
    """Run a flow that keeps what it prints, and forget what it printed here."""
    monkeypatch.setenv("KITARU_CAPTURE_LOGS", "1")

    def start(*flow_and_inputs):
        execution = started(*flow_and_inputs)
        capsys.readouterr()
        return execution

    return start


def test_lines_are_shown_with_as_much_around_them_as_asked(kitaru, kept):
    spoken = kept("speak", "tea")
    assert kitaru("executions", "logs", spoken).out == "said tea\n"
    assert "INFO" in kitaru("executions", "logs", spoken, "-v").out
    assert "checkpoint: say" in kitaru("executions", "logs", spoken, "--grouped").out
    (entry,) = kitaru("executions", "logs", spoken, "-o", "json").items
    assert (entry["message"], entry["checkpoint_name"], entry["source"]) == ("said tea", "say", "step")


def test_following_tells_the_lines_and_the_end(kitaru, kept):
    shown = kitaru("executions", "logs", kept("speak", "tea"), "--follow", "-o", "json")
    lines = [json.loads(line) for line in shown.out.splitlines()]
    assert (shown.code, [line["event"] for line in lines]) == (0, ["log", "terminal"])
    assert lines[1]["item"] == {"status": "completed", "message": None}


def test_following_tells_a_wait_a_failure_and_a_cancellation(kitaru, kept):
    waiting, failed = kept("order", "tea"), kept("purchase", "tea")
    shown = kitaru("executions", "logs", waiting, "--follow", "--until-wait")
    assert (shown.code, shown.out) == (0, "[Execution is waiting for input on: sure]\n")
    shown = kitaru("executions", "logs", failed, "--follow")
    assert shown.code == 1
    assert "[Execution failed: " in shown.out
    assert f"kitaru executions retry {failed}" in shown.out
    kitaru("executions", "cancel", waiting)
    assert kitaru("executions", "logs", waiting, "--follow").out == "[Execution cancelled]\n"


def test_following_can_be_interrupted(terminal, kept):
    child = terminal("executions", "logs", kept("order", "tea"), "--follow")
    child.expect("waiting for input on: sure")
    child.sendintr()
    child.expect("Log follow interrupted")
    child.wait()
    assert child.exitstatus == 130


@pytest.mark.parametrize(
    "options", [["--grouped", "-o", "json"], ["--interval", "0"], ["--limit", "0"], ["--checkpoint", " "]]
)
def test_what_makes_no_sense_is_refused(kitaru, kept, options):
    shown = kitaru("executions", "logs", kept("speak", "tea"), *options)
    assert (shown.code, shown.out) == (1, "")


def test_the_last_lines_are_shown(kitaru, kept):
    spoken = kept("chatter", 3)
    assert kitaru("executions", "logs", spoken, "--tail", 2).out == "said 1\nsaid 2\n"
    assert kitaru("executions", "logs", spoken, "--tail", 9).out == "said 0\nsaid 1\nsaid 2\n"
    followed = kitaru("executions", "logs", spoken, "--tail", 1, "--follow").out
    assert followed.splitlines()[0] == "said 2"


@pytest.mark.parametrize("options", [["--tail", "0"], ["--tail", "2", "--limit", "2"]])
def test_a_tail_that_cannot_be_is_refused(kitaru, kept, options):
    shown = kitaru("executions", "logs", kept("speak", "tea"), *options)
    assert (shown.code, shown.out) == (1, "")
    assert "--tail" in shown.err


def test_of_a_run_that_kept_nothing_there_is_nothing_and_a_word_why(kitaru, started, capsys):
    silent = started("speak", "tea")
    capsys.readouterr()
    shown = kitaru("executions", "logs", silent)
    assert shown.code == 0
    assert shown.out.startswith("No log entries found.\n")
    assert "KITARU_CAPTURE_LOGS=1" in shown.out
    shown = kitaru("executions", "logs", silent, "-o", "json")
    assert (shown.code, json.loads(shown.out)["items"]) == (0, [])
    assert shown.err.startswith("Warning: ")

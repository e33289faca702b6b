"""What flows, models and people write is shown as it is: no markup, no control characters, no broken lines."""

from __future__ import annotations

import json

import pytest

import kitaru as sdk
from kitaru import KitaruClient

NASTY = "[/b] [red]really\x1b[2J\x1b]0;title\x07?"


@sdk.flow
def ask_nastily():
    return sdk.wait(name="sure", question=NASTY, timeout=0)


@sdk.flow
def fail_nastily():
    raise ValueError(NASTY)


@sdk.flow
def log_nastily():
    sdk.log(team=NASTY)


@pytest.fixture
def nasty():
    """Run a flow that writes what a terminal would obey."""

    def run(flow):
        return KitaruClient().executions.wait(flow.run().exec_id).exec_id

    return run


@pytest.mark.parametrize("words", ["waits", "executions list", "executions get", "executions why", "executions watch"])
def test_a_question_is_shown_and_never_obeyed(terminal, nasty, words):
    execution = nasty(ask_nastily)
    last = words.split()[-1]
    operands = [] if last in {"waits", "list"} else [execution]
    child = terminal(*words.split(), *operands, *(["--until-wait"] if last == "watch" else []), width=200)
    shown = child.read()
    child.wait()
    assert child.exitstatus == 0
    assert "[/b] [red]really" in shown
    assert "\x1b[2J" not in shown
    assert "\x1b]0;" not in shown


def test_a_failure_and_metadata_may_hold_brackets(kitaru, nasty):
    assert "[/b] [red]really" in kitaru("executions", "get", nasty(fail_nastily)).out
    nasty(log_nastily)
    assert "[/b] [red]really" in kitaru("executions", "statistics", "--group-by", "metadata:team").out


def test_in_a_pipe_an_error_is_one_line(piped):
    shown = piped("executions", "get", "nowhere" * 30)
    assert (shown.code, shown.err.count("\n")) == (1, 1)


@pytest.mark.parametrize("columns", ["wide", "0", "-3", ""])
def test_a_width_that_is_none_is_left_aside(piped, columns):
    assert piped("status", COLUMNS=columns).code == 0


@pytest.mark.parametrize("logged", [10**30, float("nan"), float("inf"), {"a": [None, "\x1b[2J"]}])
def test_whatever_was_logged_is_a_document(kitaru, logged):
    @sdk.flow
    def tell():
        sdk.log(value=logged)

    execution = KitaruClient().executions.wait(tell.run().exec_id)
    assert execution.status == "completed"
    shown = kitaru("executions", "get", execution.exec_id, "-o", "json")
    assert (shown.code, "value" in json.loads(shown.out)["item"]["metadata"]) == (0, True)


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        ("flow list", "flow.list"),
        ("flow deployments show x", "flow.deployments.show"),
        ("auth service-accounts list", "auth.service-accounts.list"),
        ("deploy module:flow", "deploy"),
        ("executions get nowhere", "executions.get"),
        ("waits --nothing", "waits"),
    ],
)
def test_an_error_names_the_command_it_is_of(kitaru, arguments, command):
    assert json.loads(kitaru(*arguments.split(), "-o", "json").err)["command"] == command

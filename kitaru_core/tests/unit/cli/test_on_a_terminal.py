"""What a person sees: colours, widths, a live picture, and questions that are asked."""

from __future__ import annotations

import json
import re
import signal
import subprocess

import pexpect
import pytest
from rich.text import Text

from kitaru import KitaruClient


def read(child):
    """Wait for the end of a program; return its exit code and everything it showed."""
    child.expect(pexpect.EOF)
    child.close()
    return child.exitstatus, child.before


def plain(text):
    return Text.from_ansi(text.replace("\r\n", "\n")).plain


@pytest.mark.parametrize("width", [80, 140])
def test_a_list_fits_the_width_and_never_cuts_an_id(terminal, started, width):
    execution = started("order", "tea")
    code, shown = read(terminal("executions", "list", width=width))
    lines = plain(shown).splitlines()
    assert code == 0
    assert any(execution in line for line in lines)
    assert max(map(len, lines)) <= width
    assert ("Buy tea" in plain(shown)) == (width == 140), "the note needs room"


@pytest.mark.parametrize("width", [80, 140])
@pytest.mark.parametrize(
    "command", ["status", "info", "waits", "plugins list", "stack show default", "get", "artifacts"]
)
def test_every_view_fits_the_width(terminal, started, width, command):
    execution = started("order", "tea")
    words = {"get": f"executions get {execution}", "values": f"artifacts list {execution}"}.get(command, command)
    code, shown = read(terminal(*words.split(), width=width))
    assert code == 0
    assert max(map(len, plain(shown).splitlines())) <= width


def test_colours_are_for_terminals_only_and_may_be_refused(terminal, piped, started):
    execution = started("order", "tea")
    assert "\x1b[33m" in read(terminal("executions", "get", execution))[1]
    assert "\x1b[3" not in read(terminal("executions", "get", execution, NO_COLOR="1"))[1]
    assert "\x1b[3" not in read(terminal("--no-color", "executions", "get", execution))[1]
    assert "\x1b" not in piped("executions", "get", execution).out


def test_times_are_relative(terminal, started):
    started("quick", "tea")
    assert re.search(r"\d+s ago", plain(read(terminal("executions", "list"))[1]))


def test_a_reader_who_leaves_early_is_no_fault(terminal, started):
    started("quick", "tea")
    program = terminal("--version").command
    pipe = f"'{program}' executions list -o json | head -c 1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["/bin/bash", "-c", pipe], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("{0\n", "")


def test_watching_ends_when_the_execution_does(terminal, started):
    waiting = started("order", "tea")
    child = terminal("executions", "watch", waiting)
    child.expect("Buy tea for 3")
    KitaruClient().executions.cancel(waiting)
    code, shown = read(child)
    assert (code, "cancelled" in plain(shown)) == (1, True)


def test_watching_can_end_at_a_wait_or_be_interrupted(terminal, piped, started):
    waiting = started("order", "tea")
    shown = piped("executions", "watch", waiting, "--until-wait", "-o", "json")
    events = [line.split('"event":"')[1].split('"')[0] for line in shown.out.splitlines()]
    assert (shown.code, events) == (0, ["checkpoint", "waiting"])
    child = terminal("executions", "watch", waiting)
    child.expect("Buy tea for 3")
    child.sendintr()
    assert read(child)[0] == 130


@pytest.mark.parametrize("command", ["executions list", "status"])
def test_a_view_can_be_watched_until_it_is_interrupted(terminal, started, command):
    first = started("order", "tea")
    child = terminal(*command.split(), "--watch", "--interval", "0.05")
    shown = "Kitaru status" if command == "status" else started("order", "milk")
    child.expect(shown)
    child.expect(first if shown != "Kitaru status" else "Active stack")  # it is drawn whole, more than once
    child.expect(shown)
    child.sendintr()
    assert read(child)[0] == 0


def test_a_watched_list_in_a_pipe_is_told_once_for_each_change(begun, started):
    first = started("order", "tea")
    child = begun("executions", "list", "--watch", "--interval", "0.05", "-o", "json")
    documents = [json.loads(child.stdout.readline())]
    KitaruClient().executions.cancel(first)
    documents.append(json.loads(child.stdout.readline()))
    child.send_signal(signal.SIGINT)
    assert (child.stdout.read(), child.wait()) == ("", 0)
    assert [[item["status"] for item in one["items"]] for one in documents] == [["waiting"], ["cancelled"]]


@pytest.mark.parametrize("command", ["executions list", "status"])
@pytest.mark.parametrize("interval", ["0", "-1", "nan"])
def test_an_interval_that_is_none_is_refused(piped, command, interval):
    shown = piped(*command.split(), "--watch", "--interval", interval)
    assert (shown.code, shown.out) == (1, "")
    assert "--interval must be above 0" in shown.err


def test_a_review_answers_typed_questions(terminal, started):
    waiting = started("order", "tea")
    child = terminal("executions", "input", waiting, "--interactive")
    child.expect("Buy tea for 3")
    child.expect("kip or")
    child.sendline("what?")
    child.expect("none of them")
    child.sendline("c")
    child.expect("Yes or no")
    child.sendline("perhaps")
    child.expect("y or n, please")
    child.sendline("y")
    code, shown = read(child)
    assert (code, f"executions resume {waiting}" in plain(shown)) == (0, True)
    assert KitaruClient().executions.get(waiting).waits[0].answer is True


def test_a_review_goes_through_everything_newest_first_and_may_be_left(terminal, started):
    first, second = started("order", "tea"), started("order", "milk")
    child = terminal("executions", "input", "-i")
    child.expect(second)
    child.expect("kip or")
    child.sendline("skip")
    child.expect(first)
    child.expect("kip or")
    child.sendline("q")
    assert read(child)[0] == 0
    assert len(KitaruClient().waits.list()) == 2


def test_a_review_takes_numbers_for_choices_and_json_on_request(terminal, started):
    waiting = started("survey")
    child = terminal("executions", "input", waiting, "-i", "--resume")
    child.expect("Which colour")
    child.sendline("c")
    child.expect("2  blue")
    child.sendline("7")
    child.expect("from 1 to 2")
    child.sendline("j")
    child.expect("JSON value")
    child.sendline("{")
    child.expect("no JSON")
    child.sendline('"green"')
    child.expect("Error")
    assert read(child)[0] == 1
    assert KitaruClient().executions.get(waiting).pending_wait.name == "colour"


@pytest.mark.parametrize(("key", "code"), [("eof", 0), ("intr", 130)])
def test_a_review_can_be_broken_off(terminal, started, key, code):
    started("order", "tea")
    child = terminal("executions", "input", "-i")
    child.expect("kip or")
    getattr(child, f"send{key}")()
    assert read(child)[0] == code
    assert len(KitaruClient().waits.list()) == 1


def test_a_review_needs_a_terminal_and_something_to_review(terminal, piped):
    assert "needs a terminal" in piped("executions", "input", "-i").err
    code, shown = read(terminal("executions", "input", "-i"))
    assert (code, "Nothing waits" in shown) == (0, True)
    assert "cannot be combined" in piped("executions", "input", "-i", "--value", "1").err


def test_an_abort_is_not_offered_but_cleaning_asks(terminal, tmp_path, started):
    started("quick", "tea")
    (tmp_path / "config").mkdir(exist_ok=True)
    (tmp_path / "config" / "kitaru.yaml").write_text("version: 1\n")
    child = terminal("clean", "global")
    child.expect(r"\[y/N\]")
    child.sendline("n")
    assert read(child)[0] == 0
    assert (tmp_path / "config" / "kitaru.yaml").exists()

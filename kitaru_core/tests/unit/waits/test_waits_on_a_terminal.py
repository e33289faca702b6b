"""Waits of a flow that runs in the foreground: asked in place on a terminal, and nowhere else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pexpect
import pytest

from kitaru import ExecutionStatus, KitaruClient

PROGRAM = """
from kitaru import flow, wait
@flow
def asks():
    return wait(name="size", schema=int, question="Which size?", timeout=0), wait(name="go", schema=None, timeout=0)
if __name__ == "__main__":
    handle = asks.run()
    print("status", handle.status)
    print("result", handle.get() if handle.status == "completed" else None)
"""


def hear_interrupts():
    """Undo what a shell does to programs that it starts in the background: they ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def on_a_terminal(script):
    return pexpect.spawn(sys.executable, [script], encoding="utf-8", timeout=20, preexec_fn=hear_interrupts)


@pytest.fixture
def script(tmp_path, monkeypatch):
    monkeypatch.setenv("KITARU_RUN_MODE", "inline")
    path = tmp_path / "asks.py"
    path.write_text(PROGRAM)
    return str(path)


@pytest.fixture
def terminal(script):
    """The program on a terminal."""
    child = on_a_terminal(script)
    yield child
    child.close(force=True)


def ended(child):
    child.expect(pexpect.EOF)
    return child.before.replace("\r\n", "\n")


def test_on_a_terminal_it_is_asked_until_the_answer_fits_and_a_gate_takes_an_empty_line(terminal):
    terminal.expect("Which size")
    terminal.sendline("large")
    terminal.expect("size")
    terminal.sendline("42")
    terminal.expect("Enter to continue")
    terminal.sendline("")
    assert "result (42, None)" in ended(terminal)
    execution = KitaruClient().executions.latest()
    assert {one.answered_by["surface"] for one in execution.waits} == {"terminal"}


def test_breaking_off_the_question_aborts_the_wait(terminal):
    terminal.expect("> ")
    terminal.sendintr()
    assert "status cancelled" in ended(terminal)


def test_a_switch_turns_the_questions_off(script, monkeypatch):
    monkeypatch.setenv("KITARU_DISABLE_INTERACTIVE_INPUT", "1")
    child = on_a_terminal(script)
    assert "status waiting" in ended(child)


def test_without_a_terminal_nothing_is_asked(script):
    done = subprocess.run(
        [sys.executable, script], input="42\n\n", capture_output=True, text=True, check=True, timeout=30, env=os.environ
    )
    assert ("Which size" in done.stdout, "status waiting" in done.stdout) == (False, True)
    assert KitaruClient().executions.latest().status is ExecutionStatus.WAITING

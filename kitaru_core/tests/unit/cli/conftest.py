"""Executions to operate, and the program itself: called in this process, in a pipe and on a terminal."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pexpect
import pytest

from kitaru import KitaruClient
from kitaru.cli.app import run

PROGRAM = str(Path(sys.executable).with_name("kitaru"))


def hear_interrupts():
    """Undo what a shell does to programs that it starts in the background: they ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@dataclass
class Shown:
    code: int
    out: str
    err: str

    @property
    def item(self):
        """The item of the document that is the whole of the output."""
        assert (self.code, self.out.count("\n")) == (0, 1), self.err
        return json.loads(self.out)["item"]

    @property
    def items(self):
        document = json.loads(self.out)
        assert document["count"] == len(document["items"])
        return document["items"]


@pytest.fixture(scope="session")
def shop():
    """The flows of `shop.py`."""
    spec = importlib.util.spec_from_file_location("shop", Path(__file__).with_name("shop.py"))
    module = sys.modules["shop"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    del sys.modules["shop"]


@pytest.fixture
def started(shop):
    """Run a flow of the shop until it rests, and return its execution's id."""

    def start(name, *args):
        handle = getattr(shop, name).run(*args)
        return KitaruClient().executions.wait(handle.exec_id, timeout=30).exec_id

    return start


@pytest.fixture
def kitaru(capsys):
    """Call the program in this process."""

    def call(*arguments):
        code = run([str(one) for one in arguments])
        printed = capsys.readouterr()
        return Shown(code, printed.out, printed.err)

    return call


@pytest.fixture
def piped():
    """Call the installed program in a pipe."""

    def call(*arguments, **environment):
        done = subprocess.run(
            [PROGRAM, *map(str, arguments)],
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        return Shown(done.returncode, done.stdout, done.stderr)

    return call


@pytest.fixture
def begun():
    """Start the installed program in a pipe and leave it at work."""
    children = []

    def call(*arguments):
        command = [PROGRAM, *map(str, arguments)]
        begun = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, preexec_fn=hear_interrupts)  # noqa: PLW1509 - no other thread runs
        children.append(begun)
        return begun

    yield call
    for child in children:
        child.kill()
        child.communicate()


@pytest.fixture
def terminal():
    """Call the installed program on a terminal of a given width."""
    opened = []

    def call(*arguments, width=100, **environment):
        env = {name: value for name, value in os.environ.items() if name not in {"COLUMNS", "NO_COLOR", "FORCE_COLOR"}}
        child = pexpect.spawn(
            PROGRAM,
            list(map(str, arguments)),
            env={**env, "TERM": "xterm-256color", **environment},
            dimensions=(60, width),
            encoding="utf-8",
            timeout=30,
            preexec_fn=hear_interrupts,
        )
        opened.append(child)
        return child

    yield call
    for child in opened:
        child.close(force=True)


@pytest.fixture
def script(tmp_path):
    """Run a program of the user's, a file or a text, in the test's folder; return the id of the newest execution."""

    def call(program):
        given = [program] if isinstance(program, Path) else ["-c", program]
        subprocess.run([sys.executable, "-B", *given], cwd=tmp_path, check=True, capture_output=True, timeout=60)
        return KitaruClient().executions.latest().exec_id

    return call

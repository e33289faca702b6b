"""Help is quick because it loads little: asked by loaded modules, which no busy machine changes."""

from __future__ import annotations

import subprocess
import sys

import pytest

from kitaru.cli.app import run
from kitaru.cli.command_table import COMMANDS, GROUPS

LOOK = """
import sys
from kitaru.cli.app import run
code = run(sys.argv[1:])
heavy = [name for name in ("pydantic", "jsonschema", "yaml", "sqlite3", "asyncio", "kitaru.engine",
    "kitaru.journal.sqlite", "kitaru.authoring", "kitaru.operating.client") if name in sys.modules]
sys.exit(f"{code} {heavy}" if code or heavy else 0)
"""


@pytest.mark.parametrize("words", ["", "executions", "executions replay", "executions input", "stack use", "status"])
def test_help_loads_no_engine_and_no_pydantic(words):
    done = subprocess.run(
        [sys.executable, "-c", LOOK, *words.split(), "--help"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "Usage: kitaru" in done.stdout


@pytest.mark.parametrize(
    "words", [*COMMANDS, *(f"{group} {word}" for group, (_, all_) in GROUPS.items() for word in all_)]
)
def test_every_command_explains_itself(kitaru, words):
    shown = kitaru(*words.split(), "--help")
    assert (shown.code, shown.err) == (0, "")
    assert f"kitaru {words}" in shown.out


def test_the_table_says_what_the_commands_say():
    purposes = dict(COMMANDS) | {word: one for _, all_ in GROUPS.values() for word, one in all_.items()}
    assert all(purpose.rstrip().endswith(".") for _, purpose in purposes.values())


def test_version_and_no_arguments_are_answered(capsys):
    assert run(["-V"]) == 0
    assert capsys.readouterr().out.strip().replace(".", "").isalnum()
    assert run([]) == 0
    assert "Usage: kitaru COMMAND" in capsys.readouterr().out


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_learns_the_commands(kitaru, shell):
    shown = kitaru("completion", shell)
    assert shown.code == 0
    assert "executions" in shown.out
    assert "replay" in shown.out

"""Scripts, worlds and ledgers: what harnesses are built on."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from kitaru_conformance.histories import matches
from kitaru_conformance.loading import harness_class
from kitaru_conformance.script import Script, ScriptedError, Tool, ToolCall, Turn
from kitaru_conformance.world import World

ASKING = Script(
    turns=(Turn(calls=(ToolCall("look", "here", "c1"),)), Turn(text="saw {c1}", chunks=("saw ", "{c1}"))),
    tools=(Tool(name="look", result="{value} and {answer}", asks="Where?", failures=1),),
)


@pytest.fixture
def world(tmp_path):
    return World(ASKING, tmp_path / "ledger")


def test_a_script_is_read_back_as_it_was_written():
    nested = Script(turns=(), tools=(Tool(name="helper", agent=ASKING),))
    assert Script.decode(nested.encode()) == nested


def test_a_model_says_what_it_was_shown(world):
    assert world.turn(1, {"c1": "a cat"}).text == "saw a cat"
    assert list(world.stream(1, {"c1": "a cat"})) == ["saw ", "a cat"]


def test_a_failure_is_remembered_by_the_ledger_not_by_the_world(world):
    with pytest.raises(ScriptedError, match="tool look"):
        world.use("look", "here", ask=str.upper)
    again = World(ASKING, world.ledger.path)
    assert again.use("look", "here", ask=str.upper) == "here and WHERE?"
    assert [event.phase for event in again.ledger.events()] == ["begin", "failed", "begin", "end"]


def test_a_stream_that_fails_hands_its_first_piece_out(tmp_path):
    broken = World(Script(turns=(Turn(text="ab", chunks=("a", "b"), failures=1),)), tmp_path / "ledger")
    stream = broken.stream(0, {})
    assert next(stream) == "a"
    with pytest.raises(ScriptedError):
        next(stream)


def test_a_tool_finishes_behind_the_one_it_waits_for(tmp_path):
    script = Script(turns=(), tools=(Tool(name="a", after="b"), Tool(name="b")))
    world = World(script, tmp_path / "ledger")
    world.use("b", "first")
    assert world.use("a", "second") == "second"


def test_a_world_kills_its_process_at_the_chosen_event_once(tmp_path):
    program = (
        "import sys; from kitaru_conformance.script import *; from kitaru_conformance.world import World;"
        "w = World(Script(turns=(Turn(text='x'),)), sys.argv[1], 'model:0:end'); print(w.turn(0, {}).text)"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "ledger")]
    first, second = (subprocess.run(command, check=False, capture_output=True, text=True) for _ in range(2))
    assert (first.returncode, first.stdout) == (-signal.SIGKILL, "")
    assert (second.returncode, second.stdout) == (0, "x\n")


def test_a_harness_that_is_none_is_refused(tmp_path):
    file = tmp_path / "harness.py"
    file.write_text("Nothing = int\n")
    with pytest.raises(TypeError, match="no subclass of AdapterHarness"):
        harness_class(file, "Nothing")


def test_a_history_tells_what_differs():
    faults = matches("chain", [{"kind": "execution.started", "flow": "other"}])
    assert "should be" in faults[0]
    assert "There should be 7 records, not 1" in faults[1]

"""Every local command of the installed program, in a pipe: its document is all of standard output."""

from __future__ import annotations

import json

import pytest

from kitaru.cli.command_table import COMMANDS, GROUPS

FROM_THE_SERVER = {"login", "build", "deploy", "invoke", "flow", "auth"}
LINES = {"executions watch", "executions events"}
"""Commands that print one object on each line."""

ELSEWHERE = {"completion", "crashtest", "executions check", "model test"}
"""Commands that print a script or call somebody, or whose documents have tests of their own."""

SETTINGS = """
init {tmp}
status
info
waits
logout
executions list
executions statistics
executions prune --keep 5 --yes
plugins list
adapter new acme --folder {tmp}/acme
stack create mine
stack list
stack current
stack show default
stack use default
stack delete mine
model register fast --model openai/gpt-5
model list
model default fast
model show fast
model unregister fast
secrets set key --TOKEN=abc
secrets show key
secrets list
secrets rekey
secrets delete key
log-store set otlp --endpoint http://localhost:1
log-store show
log-store reset
analytics status
analytics opt-in
analytics opt-out
clean project --dry-run
clean global --dry-run
clean all --dry-run
"""
OPERATING = """
executions get {waiting}
executions why {waiting}
executions logs {waiting}
executions messages {talk}
artifacts list {waiting}
artifacts get {value}
executions input {waiting} --value true
executions resume {waiting} --no-wait
executions events {done}
executions watch {done}
executions diff {done} {waiting}
executions verify {done}
executions replay {done} --from price --dry-run
executions export {done} {tmp}/one.archive
executions delete {done} --yes
executions import {tmp}/one.archive
executions retry {failed} --no-wait
executions cancel {other}
"""


def words_of(line):
    """Return the command in a line, without its operands."""
    first, *rest = line.split()
    return first if first in COMMANDS else f"{first} {rest[0]}"


def lines(text):
    return text.strip().splitlines()


@pytest.fixture
def speak(piped):
    """Call a command with `-o json` and check what it prints; return whether it refused."""

    def call(line):
        shown = piped(*line.split(), "-o", "json")
        assert shown.code == 0, (line, shown.err)
        documents = [json.loads(text) for text in shown.out.splitlines()]
        word = words_of(line)
        assert all(document["command"] == word.replace(" ", ".") for document in documents), line
        if word in LINES:
            assert {frozenset(one) for one in documents} <= {frozenset({"command", "event", "item"})}
        else:
            (document,) = documents
            assert set(document) in ({"command", "item"}, {"command", "items", "count"}), line

    return call


def test_every_local_command_is_called_here():
    known = {*COMMANDS, *(f"{group} {word}" for group, (_, all_) in GROUPS.items() for word in all_)}
    called = {words_of(line) for line in [*lines(SETTINGS), *lines(OPERATING)]}
    assert known - FROM_THE_SERVER - ELSEWHERE == called


def test_settings_speak_json(speak, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for line in lines(SETTINGS):
        speak(line.format(tmp=tmp_path))


def test_operating_speaks_json(speak, started, tmp_path, client, monkeypatch, shop):
    monkeypatch.setenv("KITARU_CAPTURE_LOGS", "1")
    flows = {"waiting": "order", "done": "quick", "failed": "purchase", "other": "order", "talk": "talk"}
    names = {name: started(flow, "tea") for name, flow in flows.items()}
    value = client.executions.get(names["waiting"]).artifacts[0].artifact_id
    for line in lines(OPERATING):
        speak(line.format(**names, value=value, tmp=tmp_path))


def test_a_mistake_in_the_arguments_is_an_object_on_standard_error(piped):
    for arguments, code in ((("executions", "get"), 2), (("executions", "get", "nowhere"), 1)):
        shown = piped(*arguments, "-o", "json")
        assert (shown.code, shown.out, shown.err.count("\n")) == (code, "", 1)
        assert set(json.loads(shown.err)) == {"command", "error"}


@pytest.mark.parametrize("target", ["/", "~"])
def test_the_root_and_the_home_are_never_deleted(piped, tmp_path, monkeypatch, target):
    home = tmp_path / "home"
    project = tmp_path / "project"
    for folder in (home, project):
        folder.mkdir()
    (project / ".kitaru").symlink_to("/" if target == "/" else home)
    monkeypatch.chdir(project)
    shown = piped("clean", "project", "--yes", HOME=str(home))
    assert (shown.code, home.is_dir()) == (1, True)
    assert "is not deleted" in " ".join(shown.err.split())

"""A flow is killed at every boundary by a real signal; a careless one is found out."""

from __future__ import annotations

import json

import pytest

CARELESS = """
import os, kitaru
@kitaru.checkpoint
def step():
    return 1
@kitaru.flow
def moody():
    return [step(), os.getpid()]
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def test_a_good_flow_loses_nothing(piped, shop):
    shown = piped("crashtest", f"{shop.__file__}:order", "--inputs", '{"item": "tea"}', "-o", "json")
    item = shown.item
    assert set(item) == {"target", "kills", "problems", "points"}
    assert item["problems"] == 0, item
    # Two calls are done and committed, one question is opened and answered, and the flow begins and ends.
    assert item["kills"] == len(item["points"]) == 8


def test_a_flow_that_depends_on_its_process_is_found_out(piped, project):
    (project / "moody_flow.py").write_text(CARELESS)
    shown = piped("crashtest", "moody_flow:moody", "-o", "json")
    problems = [problem for point in json.loads(shown.out)["item"]["points"] for problem in point["problems"]]
    assert shown.code == 1
    assert problems
    assert all("instead of" in problem for problem in problems)


@pytest.mark.parametrize("target", ["shop", "no_such_module:flow", "json:loads"])
def test_what_is_no_flow_is_refused(piped, project, target):
    shown = piped("crashtest", target, "-o", "json")
    assert (shown.code, shown.out) == (1, "")
    assert json.loads(shown.err)["error"]["type"] == "KitaruUsageError"


def test_a_flow_must_complete_by_itself_first(piped, shop):
    shown = piped("crashtest", f"{shop.__file__}:purchase", "--inputs", '{"item": "tea"}')
    assert (shown.code, shown.out) == (1, "")
    assert "must complete once" in " ".join(shown.err.split())

"""A flow is killed at every boundary by a real signal; a careless one is found out."""

from __future__ import annotations

import json

import pytest

CARELESS = """
import os, kitaru
from pathlib import Path

@kitaru.checkpoint
def pay(n=1):
    return n

@kitaru.checkpoint
def refund(n=1):
    return n

@kitaru.flow
def fickle_result():
    return [pay(), os.getpid()]

@kitaru.flow
def fickle_call():
    return pay(id=f"pay-{os.getpid()}")

@kitaru.flow
def fickle_question():
    return kitaru.wait(name=f"sure-{os.getpid()}", timeout=0)

def first_time():
    seen = Path(os.environ["KITARU_STORE"]).with_name("seen")
    if seen.exists():
        return False
    seen.touch()
    return True

@kitaru.flow
def fickle_path():
    pay()
    pay(2) if first_time() else refund(2)

@kitaru.flow
def fickle_end():
    if not first_time():
        raise ValueError("not again")
    return pay()
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    (folder / "careless.py").write_text(CARELESS)
    return folder


@pytest.fixture
def problems(piped, project):
    """Crash a careless flow at some points; return what was found at each."""

    def find(name, *points):
        shown = piped("crashtest", f"careless:{name}", *(f"--at={point}" for point in points), "-o", "json")
        found = {point["point"]: point["problems"] for point in json.loads(shown.out)["item"]["points"]}
        assert (list(found), shown.code) == (list(points), int(any(found.values())))
        return list(found.values())

    return find


def test_a_good_flow_loses_nothing(piped, shop):
    shown = piped("crashtest", f"{shop.__file__}:order", "--inputs", '{"item": "tea"}', "-o", "json")
    item = shown.item
    assert set(item) == {"target", "kills", "problems", "points"}
    assert item["problems"] == 0, item
    # Two calls are done and committed, one question is opened and answered, and the flow begins and ends.
    assert item["kills"] == len(item["points"]) == 8


def test_a_result_that_depends_on_the_process_is_found(problems):
    ((problem,),) = problems("fickle_result", "flow.created:1")
    assert problem.startswith("it returned [1, ")
    assert "instead of [1, " in problem


def test_a_call_that_was_complete_and_ran_again_is_found(problems):
    before, after = problems("fickle_call", "boundary.after_body:1", "boundary.after_commit:1")
    assert before == []
    assert after == ["pay ran again: 1 of 1 calls were complete, and 1 ran after that"]


def test_an_answer_that_was_lost_is_found(problems):
    (twice,), (lost,) = problems("fickle_question", "wait.opened:1", "wait.answered:1")
    assert twice.startswith("it asked again: sure-")
    assert lost.startswith("an answer was lost: sure-")


def test_another_path_is_found_even_if_its_result_is_the_same(problems):
    assert problems("fickle_path", "boundary.after_commit:2") == [
        ["it made the calls 2 pay, 1 refund instead of 2 pay"]
    ]


def test_another_end_is_found(problems):
    ((problem,),) = problems("fickle_end", "flow.body_done:1")
    assert problem.startswith("it ended failed: ")
    assert "\n" not in problem


def test_a_point_that_is_none_is_refused(piped, project):
    shown = piped("crashtest", "careless:fickle_end", "--at", "wait.opened:1")
    assert (shown.code, "flow.body_done:1" in shown.err) == (1, True)


@pytest.mark.parametrize("target", ["shop", "no_such_module:flow", "json:loads"])
def test_what_is_no_flow_is_refused(piped, project, target):
    shown = piped("crashtest", target, "-o", "json")
    assert (shown.code, shown.out) == (1, "")
    assert json.loads(shown.err)["error"]["type"] == "KitaruUsageError"


def test_a_flow_must_complete_by_itself_first(piped, shop):
    shown = piped("crashtest", f"{shop.__file__}:purchase", "--inputs", '{"item": "tea"}')
    assert (shown.code, shown.out) == (1, "")
    assert "must complete once" in " ".join(shown.err.split())
    assert "To continue" not in shown.err


@pytest.mark.parametrize(
    ("answers", "told"), [("{}", "made up from its schema"), ('{"form": {"name": 3}}', "of --answers")]
)
def test_an_answer_that_does_not_fit_says_where_to_give_one_that_does(piped, tmp_path, answers, told):
    (tmp_path / "form.py").write_text(FORM)
    shown = piped("crashtest", tmp_path / "form.py:fill", "--answers", answers, "-o", "json")
    error = json.loads(shown.err)["error"]
    assert (shown.code, error["type"]) == (1, "KitaruUsageError")
    assert told in error["message"]
    assert "--answers" in error["message"]


FORM = """
import kitaru

SCHEMA = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}

@kitaru.flow
def fill():
    return kitaru.wait(name="form", schema=SCHEMA, timeout=0)
"""

"""The checklist of what the SDK promises, held against the tests that there are."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

import pytest

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[2]
SECTIONS = tomllib.loads((HERE / "checklist.toml").read_text(encoding="utf-8"))
PROMISES = [(section, behaviour) for section, promised in SECTIONS.items() for behaviour in promised]


@pytest.fixture(scope="session")
def tests_of():
    """The names of the tests in a module, by the module's name."""
    found: dict[str, set[str]] = {}
    for root in ("kitaru_core", "plugins"):
        for path in (REPOSITORY / root / "tests").rglob("test_*.py"):
            nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            functions = (node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
            found.setdefault(path.stem, set()).update(functions)
    return found


@pytest.mark.parametrize(("section", "behaviour"), PROMISES, ids=lambda one: one)
def test_every_behaviour_has_tests_and_each_of_them_is_there(section, behaviour, tests_of):
    named = [one.split("::") for one in SECTIONS[section][behaviour]]
    assert named
    assert [f"{module}::{test}" for module, test in named if test not in tests_of.get(module, ())] == []


def test_nothing_is_promised_twice():
    behaviours = [behaviour for _, behaviour in PROMISES]
    assert sorted(set(behaviours)) == sorted(behaviours)
    assert {len(tests) == len(set(tests)) for promised in SECTIONS.values() for tests in promised.values()} == {True}


def test_every_part_of_the_sdk_is_on_the_list():
    assert list(SECTIONS) == ["flows", "checkpoints", "waits", "client", "replays", "primitives"]

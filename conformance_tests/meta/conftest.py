"""What the tests of the suite itself start with."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

from kitaru_conformance.report import load

QUIET = ("-p", "no:cacheprovider", "-p", "no:hypothesispytest", "-p", "no:asyncio", "-p", "no:logfire")

TOY = '''
from importlib import import_module
from pathlib import Path

import pytest

from kitaru_conformance.report import load

from kitaru_conformance import Contract, declared_gap, requirement
from kitaru_conformance.contract import must_be_given


class ToyContract(Contract):
    """A contract for numbers."""

    prefix = "X"
    known_capabilities = {"doubles": "It can be doubled.", "halves": "It can be halved."}

    @pytest.fixture
    def number(self):
        must_be_given("number", "the number to judge")

    @requirement("X-01", level="loads")
    def test_it_is_there(self, number):
        """A number is a number.

        If this fails: look at the fixture first.
        """
        assert number is not None

    @requirement("X-02")
    def test_it_is_even(self, number):
        """A number is even.

        If this fails: repair X-01 first.
        """
        assert number % 2 == 0

    @requirement("X-03", needs={"halves"})
    @pytest.mark.parametrize("divisor", [2, 4])
    def test_it_can_be_halved(self, number, divisor):
        """A number can be halved, twice.

        If this fails: repair X-02 first.
        """
        assert number % divisor == 0
'''


@pytest.fixture
def suite(pytester):
    """Write and run subjects of a toy contract; `suite("class TestOne...", "-k", "x")` returns pytest's result."""
    pytester.makepyfile(toy=TOY)
    pytester.makeini("[pytest]\naddopts = -ra\nxfail_strict = false\n")

    def run(body, *options):
        pytester.makepyfile(test_subject=f"import pytest\nfrom toy import *\n{body}")
        start = pytester.runpytest_subprocess if "-n" in options else pytester.runpytest_inprocess
        return start(*QUIET, *options)

    return run


SCOPES = """
from kitaru_conformance.requirements import requirement_of

def pytest_collection_modifyitems(items):
    ids = [requirement_of(one.function).id for one in items]
    items[:] = [one for one, id_ in zip(items, ids) if id_ in getattr(one.cls, "scope", {id_})]
"""
DOUBLES = Path(__file__).parent / "doubles"


@pytest.fixture
def doubles(monkeypatch):
    """Return the doubles of one kind by name."""
    monkeypatch.syspath_prepend(DOUBLES)
    monkeypatch.setenv("PYTHONPATH", str(DOUBLES))
    return lambda kind: import_module(f"{kind[:-1]}_doubles").DOUBLES


@pytest.fixture
def judge(pytester, doubles):
    """Run all doubles of one kind; `judge(kind)` returns for each that went wrong what it missed and failed beside."""
    pytester.makeini("[pytest]\naddopts = --tb=no -q\n")
    pytester.makeconftest(SCOPES)

    def run(kind):
        subjects = pytester.path / f"subjects_{kind}.py"
        subjects.write_text((DOUBLES / subjects.name).read_text())
        pytester.runpytest_inprocess(*QUIET, "--kitaru-report=report.json", subjects)
        report = load(pytester.path / "report.json")
        found = {one.name: {case.id for case in one.results if case.result == "failed"} for one in report.subjects}
        expected = {name: set(one.fails) for name, one in doubles(kind).items()}
        return {
            name: {"missed": sorted(ids - found[name]), "beside": sorted(found[name] - ids)}
            for name, ids in expected.items()
            if ids != found[name]
        }

    return run

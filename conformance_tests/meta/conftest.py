"""What the tests of the suite itself start with."""

from __future__ import annotations

import pytest

QUIET = ("-p", "no:cacheprovider", "-p", "no:hypothesispytest", "-p", "no:asyncio", "-p", "no:logfire")

TOY = '''
import pytest

from kitaru_conformance import Contract, declared_gap, requirement


class ToyContract(Contract):
    """A contract for numbers."""

    prefix = "X"
    known_capabilities = {"doubles": "It can be doubled.", "halves": "It can be halved."}

    @pytest.fixture
    def number(self):
        raise NotImplementedError

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

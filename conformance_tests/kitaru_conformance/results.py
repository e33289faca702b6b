"""What came of the cases: the words for it, and the report as it is written and read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, Literal

import msgspec

from kitaru_conformance.requirements import Level

__all__ = ["RESULTS", "CaseResult", "Report", "Result", "SubjectReport", "counts", "worst"]

Result = Literal["passed", "failed", "gap", "not-applicable", "not-run"]
"""`gap` is a declared failure; `not-applicable` a case whose capability is not claimed; `not-run` one that was left out
of this run, by a selection or because something it needs is not there."""

RESULTS: Final[tuple[Result, ...]] = ("passed", "failed", "gap", "not-applicable", "not-run")
_FROM_WORST: Final[tuple[Result, ...]] = ("failed", "not-run", "gap", "passed", "not-applicable")


class CaseResult(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What came of one case.

    Attributes:
        id: Its id.
        statement: The requirement.
        level: The level it belongs to.
        result: What came of it.
        needs: Capabilities it needs.
        reason: For a gap, the declared reason; otherwise why it did not pass, where that can be said in a line.
        if_fails: For a failed case, where to look.
    """

    id: str
    statement: str
    level: Level
    result: Result
    needs: list[str] = []
    reason: str | None = None
    if_fails: str | None = None


class SubjectReport(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one subject under one contract.

    Attributes:
        contract: Name of the contract class.
        name: Name of the subject.
        level: The level it reached, or `None`.
        capabilities: What it claims, sorted.
        versions: Versions of `core`, `suite`, `python` (without its patch number), the subject's own distribution and
            its framework's, by name.
        facts: Further facts about it, such as an adapter's strategies.
        results: One for each case of the contract, sorted by id.
    """

    contract: str
    name: str
    level: Level | None
    capabilities: list[str]
    versions: dict[str, str]
    facts: dict[str, str | list[str]]
    results: list[CaseResult]

    def count(self, result: Result) -> int:
        """Return how many cases came out in a certain way."""
        return sum(one.result == result for one in self.results)


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The report of a run. It holds no time and no path, so that the same results make the same file.

    Attributes:
        subjects: All subjects, sorted by contract and name.
        uncovered: Contracts of the suite for which there was no subject, sorted.
        format: Version of this format.
    """

    subjects: list[SubjectReport]
    uncovered: list[str]
    format: int = 1


def worst(results: Iterable[Result]) -> Result:
    """Return which of several results of one case counts; `not-run` if there are none."""
    found = set(results)
    return next((one for one in _FROM_WORST if one in found), "not-run")


def counts(subject: SubjectReport) -> Mapping[Result, int]:
    """Return how many cases of a subject came out in each way."""
    return {result: subject.count(result) for result in RESULTS}

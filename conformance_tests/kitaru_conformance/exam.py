"""One run of the suite: which subjects take part, what came of each case, and the report at the end.

With pytest-xdist every worker collects all subjects and sends its list to the controller when it ends; what came of a
case travels with pytest's own report of the test.
"""

from __future__ import annotations

import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Final

import msgspec

from kitaru_conformance.catalogue import CONTRACTS
from kitaru_conformance.contract import Contract, contract_of
from kitaru_conformance.guard import Case, cases_of, faults_of
from kitaru_conformance.levels import level_of
from kitaru_conformance.results import CaseResult, Report, Result, SubjectReport, worst

__all__ = ["Exam", "Place"]

_OURS: Final = "kitaru-core"

Key = tuple[str, str]


class Place(msgspec.Struct, frozen=True, array_like=True):
    """Where the result of a test belongs.

    Attributes:
        contract: Name of the contract class.
        subject: Name of the subject.
        case: Id of the requirement.
    """

    contract: str
    subject: str
    case: str


class Exam:
    """The subjects of a run and their results."""

    def __init__(self) -> None:
        self.faults: list[str] = []
        self._classes: dict[type[Contract], Key] = {}
        self._cases: dict[type[Contract], dict[str, Case]] = {}
        self._subjects: dict[Key, SubjectReport] = {}
        self._found: dict[Place, list[tuple[Result, str | None]]] = {}

    def admit(self, subject: type[Contract]) -> None:
        """Take in a subject's class; what is wrong with it is added to `faults`.

        Args:
            subject: The class, seen before or not.
        """
        if subject in self._classes:
            return
        contract = contract_of(subject)
        key = self._classes[subject] = (contract.__name__, subject.name_in_reports())
        if key in self._subjects:
            self.faults.append(
                f"{subject.__name__} is the second subject called {key[1]!r} under {key[0]}; give it a `subject` of "
                "its own."
            )
        self.faults += faults_of(subject)
        self._cases[subject] = cases_of(subject)
        self._subjects[key] = _entry(subject, key)

    def case(self, subject: type[Contract], method: str) -> Case | None:
        """Return the case of a test method; `None` for a test that is the author's own."""
        return self._cases[subject].get(method)

    def place(self, subject: type[Contract], case: Case) -> Place:
        """Return where the result of a case belongs."""
        return Place(*self._classes[subject], case.requirement.id)

    def take(self, place: Place, result: Result, reason: str | None) -> None:
        """Note what came of a test."""
        self._found.setdefault(place, []).append((result, reason))

    def packed(self) -> str:
        """Return the list of subjects for the controller."""
        return msgspec.json.encode(list(self._subjects.values())).decode()

    def unpack(self, packed: str) -> None:
        """Take in the list of subjects of a worker."""
        for one in msgspec.json.decode(packed, type=list[SubjectReport]):
            self._subjects.setdefault((one.contract, one.name), one)

    def report(self) -> Report:
        """Return the report of what was run; a subject of which no case was run is left out."""
        ran = {(place.contract, place.subject) for place in self._found}
        subjects = [self._judged(one) for key, one in sorted(self._subjects.items()) if key in ran]
        covered = {one.contract for one in subjects}
        return Report(subjects=subjects, uncovered=sorted(CONTRACTS.keys() - covered))

    def _judged(self, subject: SubjectReport) -> SubjectReport:
        results = [self._result(subject, one) for one in subject.results]
        return msgspec.structs.replace(subject, results=results, level=level_of(results))

    def _result(self, subject: SubjectReport, listed: CaseResult) -> CaseResult:
        found = self._found.get(Place(subject.contract, subject.name, listed.id), [])
        result = "not-applicable" if listed.result == "not-applicable" else worst(one for one, _ in found)
        reason = next((text for one, text in found if one == result), None)
        return msgspec.structs.replace(
            listed,
            result=result,
            reason=reason,
            if_fails=listed.if_fails if result == "failed" else None,
        )


def _entry(subject: type[Contract], key: Key) -> SubjectReport:
    results = [_listed(subject, case) for case in cases_of(subject).values()]
    return SubjectReport(
        contract=key[0],
        name=key[1],
        level=None,
        capabilities=sorted(subject.capabilities),
        versions=_versions(subject),
        facts=dict(subject.describe()),
        results=results,
    )


def _listed(subject: type[Contract], case: Case) -> CaseResult:
    wanted = case.requirement
    return CaseResult(
        id=wanted.id,
        statement=wanted.statement,
        level=wanted.level,
        result="not-run" if wanted.needs <= subject.capabilities else "not-applicable",
        needs=sorted(wanted.needs),
        if_fails=wanted.if_fails,
    )


def _versions(subject: type[Contract]) -> dict[str, str]:
    python = ".".join(platform.python_version_tuple()[:2])
    # The runtime and its suite come in one distribution, so they have one version.
    found = {"core": _version(_OURS), "suite": _version(_OURS), "python": python}
    others: Sequence[str | None] = (subject.distribution, subject.framework)
    return found | {name: _version(name) for name in others if name is not None and name != _OURS}


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "not installed"

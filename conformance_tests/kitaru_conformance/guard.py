"""The check of a subject's class before any of its cases runs: nothing may be left out in silence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches

from kitaru_conformance.contract import Contract
from kitaru_conformance.gaps import gap_of
from kitaru_conformance.requirements import ID, Requirement, requirement_of

__all__ = ["Case", "cases_of", "faults_of"]


@dataclass(frozen=True, slots=True)
class Case:
    """One case as a subject's class has it.

    Attributes:
        method: Name of the test method.
        requirement: What it demands.
        gap: Why the subject is known to fail it, or `None`.
    """

    method: str
    requirement: Requirement
    gap: str | None = None


_known: dict[type[Contract], dict[str, Case]] = {}


def cases_of(subject: type[Contract]) -> dict[str, Case]:
    """Return the cases of a subject's contract by method name, in the order of their ids."""
    if subject in _known:
        return _known[subject]
    found: dict[str, Case] = {}
    for one in reversed(subject.__mro__):
        for method, value in vars(one).items():
            declared = requirement_of(value)
            if declared is not None and method not in found:
                found[method] = Case(method, declared, subject.gaps.get(declared.id))
            elif method in found and gap_of(value) is not None:
                found[method] = Case(method, found[method].requirement, gap_of(value))
    _known[subject] = dict(sorted(found.items(), key=lambda item: item[1].requirement.id))
    return _known[subject]


def faults_of(subject: type[Contract]) -> list[str]:
    """Return what is wrong with a subject's class, each fault as a sentence that names class and test."""
    cases = cases_of(subject)
    return [
        *_unknown_capabilities(subject, cases),
        *_idle_gaps(subject, cases),
        *_undeclared(subject, cases),
        *_stale_advice(subject, cases),
    ]


def _unknown_capabilities(subject: type[Contract], cases: dict[str, Case]) -> Iterator[str]:
    known = subject.known_capabilities
    for name in sorted(subject.capabilities - known.keys()):
        yield f"{subject.__name__} claims the capability {name!r}, which no case asks for{_nearest(name, known)}"
    for case in cases.values():
        for name in sorted(case.requirement.needs - known.keys()):
            yield f"{case.requirement.id} needs the capability {name!r}, which its contract does not list."


def _idle_gaps(subject: type[Contract], cases: dict[str, Case]) -> Iterator[str]:
    by_id = {case.requirement.id: case.requirement for case in cases.values()}
    for key in sorted(subject.gaps):
        id_ = key.partition("[")[0]
        if id_ not in by_id:
            hint = _nearest(id_, by_id)
            yield f"{subject.__name__} declares a gap for {key!r}, which is no case of its contract{hint}"
        elif missing := sorted(by_id[id_].needs - subject.capabilities):
            yield (
                f"{subject.__name__} declares a gap for {id_}, which does not apply to it: it does not claim "
                f"{', '.join(missing)}. Take the gap away."
            )


def _undeclared(subject: type[Contract], cases: dict[str, Case]) -> Iterator[str]:
    for method, case in cases.items():
        owners = [one for one in reversed(subject.__mro__) if method in vars(one)]
        for one in owners[1:]:
            value = vars(one)[method]
            if not callable(value):
                yield (
                    f"{one.__name__}.{method} takes {case.requirement.id} out of the contract by setting it to "
                    f"{value!r}. Declare a gap instead: gaps = {{{case.requirement.id!r}: 'the reason'}}."
                )
            elif gap_of(value) is None:
                yield (
                    f"{one.__name__}.{method} overrides {case.requirement.id} without saying why. Take the override "
                    "away, or decorate it with @declared_gap('the reason')."
                )


def _stale_advice(subject: type[Contract], cases: dict[str, Case]) -> Iterator[str]:
    known = {case.requirement.id for case in cases.values()}
    for case in cases.values():
        if not case.requirement.id.startswith(f"{subject.prefix}-"):
            yield f"{case.requirement.id} is a case of a contract whose ids begin with {subject.prefix!r}."
        for id_ in sorted(set(ID.findall(case.requirement.if_fails)) - known):
            yield f"The advice of {case.requirement.id} names {id_}, which is no case of its contract."


def _nearest(name: str, known: Iterable[str]) -> str:
    near = get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f". Did you mean {near[0]!r}?" if near else "."

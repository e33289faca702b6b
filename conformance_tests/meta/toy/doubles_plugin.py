"""Leaves to each double the cases that it must fail, and some or all of those that its fault does not reach."""

from __future__ import annotations

import os
from functools import cache

import pytest

from kitaru_conformance.guard import cases_of
from kitaru_conformance.requirements import requirement_of

BESIDE = None if os.environ.get("KITARU_ALL_DOUBLES") else 1
"""How many other cases of each family a double runs; `None` for all."""


@cache
def reached(subject: type) -> frozenset[str] | None:
    """Return the ids of the cases that a subject runs, or `None` for all."""
    families = getattr(subject.harness, "families", None)
    if families is None:
        return None
    found: dict[str, list[str]] = {name: [] for name in families}
    for case in cases_of(subject).values():
        family = getattr(subject, case.method).__module__.rpartition(".")[2]
        if family in families and case.requirement.needs <= subject.capabilities:
            found[family].append(case.requirement.id)
    fails = getattr(subject.harness, "fails", None)
    if fails is None:
        return frozenset().union(*found.values())
    others = (one for ids in found.values() for one in [id_ for id_ in ids if id_ not in fails][:BESIDE])
    return fails.union(others)


def pytest_pycollect_makeitem(collector: pytest.Collector, obj: object) -> list[pytest.Item] | None:
    """Collect nothing for cases that a double does not run."""
    case = requirement_of(obj)
    if case is None or not isinstance(collector, pytest.Class):
        return None
    ids = reached(collector.obj)
    return None if ids is None or case.id in ids else []

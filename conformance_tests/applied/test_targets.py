"""The execution targets of this repository under the contract."""

from __future__ import annotations

from kitaru_conformance import TargetContract


class TestInline(TargetContract):
    subject = "inline"
    runtime = "inline"


class TestIsolated(TargetContract):
    subject = "isolated"
    runtime = "isolated"
    capabilities = frozenset({"ends_bodies", "separate"})

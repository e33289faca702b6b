"""The targets of `target_doubles` as subjects."""

from __future__ import annotations

import pytest
from judged import subjects
from target_doubles import DOUBLES

from kitaru_conformance import TargetContract


class InProcess(TargetContract):
    capabilities = frozenset({"ends_bodies", "separate"})

    @pytest.fixture
    def target(self):
        return type(self).kind()


globals().update(subjects(DOUBLES, InProcess, kind=lambda one: one))

"""The journals of `journal_doubles` as subjects."""

from __future__ import annotations

import pytest
from journal_doubles import DOUBLES
from judged import subjects

from kitaru_conformance import JournalContract


class InMemory(JournalContract):
    @pytest.fixture
    def address(self):
        return "memory:"


globals().update(subjects(DOUBLES, InMemory, opener=lambda one: f"{one.__module__}:{one.__name__}"))

"""The journals of `file_doubles` as subjects."""

from __future__ import annotations

import pytest
from file_doubles import DOUBLES, QUICK
from judged import subjects

from kitaru_conformance import JournalContract


class InAFile(JournalContract):
    capabilities = frozenset({"crash_points", "file", "heartbeat", "persistent"})

    @pytest.fixture
    def address(self, tmp_path):
        return f"sqlite:///{tmp_path}/store/kitaru.db"


globals().update(
    subjects(
        DOUBLES,
        InAFile,
        opener=lambda one: f"file_doubles:{one.__name__}",
        scope=lambda one: QUICK | one.fails,
    )
)

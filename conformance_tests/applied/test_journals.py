"""The journals of this repository under the contract."""

from __future__ import annotations

import pytest

from kitaru_conformance import JournalContract


class TestSqlite(JournalContract):
    subject = "sqlite"
    capabilities = frozenset({"crash_points", "file", "heartbeat", "persistent"})

    @pytest.fixture
    def address(self, tmp_path):
        return f"sqlite:///{tmp_path}/store/kitaru.db"


class TestMemory(JournalContract):
    subject = "memory"

    @pytest.fixture
    def address(self):
        return "memory:"

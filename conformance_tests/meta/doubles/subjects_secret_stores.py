"""The stores of `secret_store_doubles` as subjects."""

from __future__ import annotations

import pytest
from judged import subjects
from secret_store_doubles import CANARY, READ_ONLY, WRITABLE

from kitaru_conformance import SecretStoreContract


class InAFolder(SecretStoreContract):
    capabilities = frozenset({"encrypted", "persistent", "writable"})

    @pytest.fixture
    def folder(self, tmp_path):
        return tmp_path / "secrets"

    @pytest.fixture
    def open(self, folder):
        return lambda: type(self).kind(folder)


class ToRead(SecretStoreContract):
    capabilities = frozenset({"read_only"})

    @pytest.fixture
    def open(self):
        return type(self).kind

    @pytest.fixture
    def seeded(self, store, monkeypatch):
        monkeypatch.setenv("KITARU_SECRET__PROD__API_KEY", CANARY)
        monkeypatch.setenv("KITARU_SECRET__PROD__REGION", "north")
        return store


globals().update(subjects(WRITABLE, InAFolder, kind=lambda one: one))
globals().update(subjects(READ_ONLY, ToRead, kind=lambda one: one))

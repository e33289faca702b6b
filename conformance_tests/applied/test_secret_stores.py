"""The secret stores of this repository under the contract."""

from __future__ import annotations

import pytest

from kitaru.secrets.environment import EnvironmentSecretStore
from kitaru.secrets.local import LocalSecretStore
from kitaru_conformance import SecretStoreContract
from kitaru_conformance.contracts.secret_stores import CANARY


class TestLocal(SecretStoreContract):
    subject = "local"
    capabilities = frozenset({"encrypted", "persistent", "writable"})

    @pytest.fixture
    def folder(self, tmp_path):
        return tmp_path / "secrets"

    @pytest.fixture
    def open(self, folder):
        return lambda: LocalSecretStore(folder)


class TestEnvironment(SecretStoreContract):
    subject = "environment"
    capabilities = frozenset({"read_only"})

    @pytest.fixture
    def open(self):
        return EnvironmentSecretStore

    @pytest.fixture
    def seeded(self, store, monkeypatch):
        monkeypatch.setenv("KITARU_SECRET__PROD__API_KEY", CANARY)
        monkeypatch.setenv("KITARU_SECRET__PROD__REGION", "north")
        return store

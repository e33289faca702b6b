"""The artifact stores of this repository under the contract."""

from __future__ import annotations

import pytest

from kitaru_conformance import ArtifactStoreContract


class TestLocal(ArtifactStoreContract):
    subject = "local"
    capabilities = frozenset({"folder", "persistent"})
    opener = "kitaru.artifacts.local:LocalArtifactStore"

    @pytest.fixture
    def address(self, tmp_path):
        return str(tmp_path / "artifacts")

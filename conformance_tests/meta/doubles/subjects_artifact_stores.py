"""The stores of `artifact_store_doubles` as subjects."""

from __future__ import annotations

import pytest
from artifact_store_doubles import DOUBLES
from judged import subjects

from kitaru_conformance import ArtifactStoreContract


class InAFolder(ArtifactStoreContract):
    capabilities = frozenset({"folder", "persistent"})

    @pytest.fixture
    def address(self, tmp_path):
        return str(tmp_path / "artifacts")


globals().update(subjects(DOUBLES, InAFolder, opener=lambda one: f"artifact_store_doubles:{one.__name__}"))

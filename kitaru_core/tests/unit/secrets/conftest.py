from __future__ import annotations

import os

import pytest

from kitaru.artifacts import redaction


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A configuration directory that knows nothing, and a redactor that is forgotten after the test."""
    for name in [name for name in os.environ if name.startswith("KITARU_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("KITARU_CONFIG_PATH", str(tmp_path / "config"))
    monkeypatch.setattr(redaction, "_shared", redaction.Redactor())
    return tmp_path / "config"

"""What every subject of this repository starts with: no settings of the machine, and a store of its own."""

from __future__ import annotations

import os

import pytest


@pytest.fixture(autouse=True)
def _own_settings(tmp_path, monkeypatch):
    for name in [name for name in os.environ if name.startswith("KITARU_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("KITARU_CONFIG_PATH", str(tmp_path / "config"))
    monkeypatch.setenv("KITARU_STORE", str(tmp_path / "store" / "runs.db"))
    monkeypatch.setenv("KITARU_DURABILITY", "process")

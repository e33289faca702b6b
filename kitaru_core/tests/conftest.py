"""What every test of the core starts with: a store of its own, and no plugins or settings of the machine."""

from __future__ import annotations

import os

import pytest


@pytest.fixture(autouse=True)
def _own_store(tmp_path, monkeypatch):
    for name in [name for name in os.environ if name.startswith("KITARU_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("KITARU_CONFIG_PATH", str(tmp_path / "config"))
    monkeypatch.setenv("KITARU_STORE", str(tmp_path / "store" / "kitaru.db"))
    monkeypatch.setenv("KITARU_DURABILITY", "process")


@pytest.fixture
def client():
    from kitaru import KitaruClient

    return KitaruClient()


@pytest.fixture
def store(tmp_path):
    """The journal's file."""
    return tmp_path / "store" / "kitaru.db"

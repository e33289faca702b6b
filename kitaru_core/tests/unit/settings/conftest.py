from __future__ import annotations

import os

import pytest

from kitaru.settings import runtime
from kitaru.settings.config import KitaruConfig


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A configuration directory, a working directory and an environment that know nothing."""
    for name in [name for name in os.environ if name.startswith("KITARU_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("KITARU_CONFIG_PATH", str(tmp_path / "config"))
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.setattr(runtime, "_current", KitaruConfig())
    return tmp_path / "config"


@pytest.fixture
def project(tmp_path):
    def write(text: str) -> None:
        (tmp_path / "work" / "pyproject.toml").write_text(text)

    return write

"""What `kitaru adapter new` writes works as it is."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from kitaru.hooks import HookManager


def test_a_new_adapter_passes_its_own_tests(kitaru, tmp_path):
    item = kitaru("adapter", "new", "toy_agents", "--folder", tmp_path / "toy", "-o", "json").item
    assert all(Path(file).is_file() for file in item["files"])
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"]
    env = {**os.environ, "PYTHONPATH": str(tmp_path / "toy")}
    done = subprocess.run(command, cwd=tmp_path / "toy", env=env, capture_output=True, text=True, check=False)
    assert "2 passed" in done.stdout, done.stdout


def test_its_plugin_is_accepted(kitaru, tmp_path):
    kitaru("adapter", "new", "toy", "--folder", tmp_path / "toy", "--framework", "toy-agents")
    plugin = type("Plugin", (), runpy.run_path(str(tmp_path / "toy" / "kitaru_toy" / "plugin.py")))
    manager = HookManager()
    manager.register(plugin, name="toy")
    assert manager.adapters()["toy"].framework == "toy-agents"


@pytest.mark.parametrize("name", ["Toy", "../toy", "toy-agents", "1toy"])
def test_a_name_must_be_one_of_a_package(kitaru, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    assert kitaru("adapter", "new", name).code == 1
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten(kitaru, tmp_path):
    (tmp_path / "mine").mkdir()
    shown = kitaru("adapter", "new", "toy", "--folder", tmp_path / "mine")
    assert (shown.code, list((tmp_path / "mine").iterdir())) == (1, [])

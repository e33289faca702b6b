"""What `kitaru adapter new` writes works as it is."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from kitaru.hooks import HookManager

SOME_CASES = "test_a_tool_runs or test_outside or plugins_are_known or finished_run_is_not or strategy"


@pytest.fixture
def toy(kitaru, tmp_path):
    """A new adapter, and a function that runs a tool of Python's in it as if adapter and framework were installed."""
    folder = tmp_path / "toy"
    item = kitaru("adapter", "new", "toy_agents", "--folder", folder, "-o", "json").item
    assert all(Path(file).is_file() for file in item["files"])
    for name in ("toy-agents", "toy-agents-durable"):
        info = folder / f"{name.replace('-', '_')}-0.1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.1.0\n")
    (info / "entry_points.txt").write_text("[kitaru]\ntoy_agents = kitaru_toy_agents.plugin\n")

    def run(*command):
        env = {**os.environ, "PYTHONPATH": str(folder), "MYPYPATH": str(folder)}
        command = [sys.executable, "-m", *command]
        return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)

    return run


def test_a_new_adapter_passes_its_own_tests_and_cases_of_the_conformance_suite(toy):
    done = toy("pytest", "-q", "-p", "no:cacheprovider", "tests", "-k", SOME_CASES)
    assert done.returncode == 0, done.stdout
    assert "AdapterContract toy_agents:" in done.stdout


def test_what_is_written_is_clean(toy):
    rules = ["--select", "ALL", "--ignore", "COM812,CPY001,D203,D213,S101,INP001,TC,D107"]
    checked = toy("ruff", "check", "--no-cache", *rules, ".")
    assert checked.returncode == 0, checked.stdout
    assert toy("ruff", "format", "--no-cache", "--check", ".").returncode == 0
    typed = toy("mypy", "--strict", "--cache-dir", os.devnull, "kitaru_toy_agents", "tests")
    assert typed.returncode == 0, typed.stdout


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

"""Plugins made on the spot, boundaries and records to show them, and throw-away installed distributions."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path
from types import SimpleNamespace

import pytest

from kitaru.hooks import HookManager, PluginCard, hookimpl
from kitaru.records.boundary import Boundary


def make_plugin(*functions, level=1, frameworks=None, listens=None):
    """Return a plugin object with a card and the given marked functions."""

    def kitaru_plugin_card():
        return PluginCard(name="toy", hookspec=level, frameworks=frameworks or {}, listens=listens)

    return SimpleNamespace(**{one.__name__: one for one in (hookimpl(kitaru_plugin_card), *functions)})


@pytest.fixture
def plugin_of():
    return make_plugin


@pytest.fixture
def manager():
    return HookManager()


@pytest.fixture
def listening(manager):
    """Register functions as hook implementations of one plugin, and return the manager."""

    def register(*functions, name="toy", specname=None, wrapper=False, **card):
        marked = [hookimpl(one, specname=specname, wrapper=wrapper) for one in functions]
        manager.register(make_plugin(*marked, **card), name=name)
        return manager

    return register


@pytest.fixture
def boundary():
    return Boundary(execution_id="e-1", flow="greet", name="think", invocation_id="think", call_id="c-1", kind="model")


class Site:
    """A folder of throw-away distributions, and a fresh interpreter that sees them as installed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def install(self, distribution: str, version: str, module: str, source: str, entry: str | None = None) -> None:
        (self.folder / f"{module}.py").write_text(textwrap.dedent(source))
        info = self.folder / f"{distribution.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
        (info / "entry_points.txt").write_text(f"[kitaru]\n{entry or module} = {module}\n")

    def run(self, source: str, **environ: str) -> subprocess.CompletedProcess[str]:
        paths = [str(self.folder), *(path for path in sys.path if path)]
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("KITARU_PLUGINS")}
        return subprocess.run(
            [sys.executable, "-c", textwrap.dedent(source)],
            env={**inherited, "PYTHONPATH": os.pathsep.join(paths), **environ},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )


@pytest.fixture
def site(tmp_path):
    return Site(tmp_path)

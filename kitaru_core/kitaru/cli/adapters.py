"""`kitaru adapter new`: the beginning of an adapter for a framework of your own."""

from __future__ import annotations

import re
from pathlib import Path
from string import Template
from typing import Final

from kitaru.cli.arguments import OutputOption
from kitaru.cli.output import Output
from kitaru.cli.views import success
from kitaru.errors import KitaruStateError, KitaruUsageError

__all__ = ["new"]

_PROJECT: Final = """\
[build-system]
requires = ["hatchling>=1.27"]
build-backend = "hatchling.build"

[project]
name = "kitaru_$name"
version = "0.1.0"
description = "Durable runs for $framework."
requires-python = ">=3.11"
dependencies = ["kitaru-core", "$framework"]

[project.entry-points.kitaru]
$name = "kitaru_$name.plugin"

[tool.pytest.ini_options]
addopts = ["--import-mode=importlib"]
"""

_PACKAGE: Final = '''\
"""Durable runs for $framework."""

from __future__ import annotations

from kitaru_$name.runner import run_tool

__all__ = ["run_tool"]
'''

_PLUGIN: Final = '''\
"""What kitaru learns about this adapter; importing it loads neither the framework nor the adapter."""

from __future__ import annotations

from importlib import import_module

from kitaru.hooks import AdapterCard, PluginCard, hookimpl

__all__ = ["kitaru_adapters", "kitaru_plugin_card"]


def _load() -> object:
    return import_module("kitaru_$name")


@hookimpl
def kitaru_plugin_card() -> PluginCard:
    """Say who this plugin is."""
    return PluginCard(name="$name", hookspec=1)


@hookimpl
def kitaru_adapters() -> list[AdapterCard]:
    """Offer the adapter."""
    card = AdapterCard(
        name="$name",
        framework="$framework",
        extra="kitaru_$name",
        boundaries=("tool",),
        strategies=("calls",),
        default_strategy="calls",
        load=_load,
    )
    return [card]
'''

_RUNNER: Final = '''\
"""One boundary to begin with: a tool call that runs once, whatever happens to the process."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from kitaru.seam import Unit, in_flow, run_unit

__all__ = ["run_tool"]


def run_tool(name: str, arguments: Mapping[str, object], body: Callable[[], object], *, key: str) -> object:
    """Run a tool durably in the body of a flow, and plainly anywhere else.

    Args:
        name: Name of the tool.
        arguments: What it is called with.
        body: Does the work.
        key: Finds this call again in a rerun, such as the framework's id of the tool call.

    Returns:
        What the tool returned, now or in the run before.
    """
    if not in_flow():
        return body()
    unit = Unit(name=name, adapter="$name", kind="tool", type="tool_call", key=key, inputs=dict(arguments))
    return run_unit(unit, lambda _call: body()).value
'''

_TEST: Final = '''\
"""The adapter in a real flow."""

from __future__ import annotations

import kitaru
import pytest
from kitaru_$name import run_tool

CALLS: list[str] = []


@pytest.fixture(autouse=True)
def _own_store(tmp_path, monkeypatch):
    monkeypatch.setenv("KITARU_STORE", str(tmp_path / "kitaru.db"))
    monkeypatch.setenv("KITARU_CONFIG_PATH", str(tmp_path / "config"))
    CALLS.clear()


def search():
    CALLS.append("search")
    return "found"


@kitaru.flow
def fragile():
    found = run_tool("search", {"for": "tea"}, search, key="call-1")
    if len(CALLS) == 1:
        CALLS.append("broken")
        raise ConnectionError
    return found


def test_a_tool_runs_once_although_the_flow_fails_and_is_retried():
    executions = kitaru.KitaruClient().executions
    failed = executions.wait(fragile.run().exec_id)
    executions.retry(failed.exec_id, block=True)
    assert executions.result(failed.exec_id) == "found"
    assert CALLS.count("search") == 1


def test_outside_of_a_flow_it_is_a_plain_call():
    assert run_tool("search", {}, search, key="call-1") == "found"
'''

_FILES: Final = {
    "pyproject.toml": _PROJECT,
    "kitaru_$name/__init__.py": _PACKAGE,
    "kitaru_$name/plugin.py": _PLUGIN,
    "kitaru_$name/runner.py": _RUNNER,
    "kitaru_$name/py.typed": "",
    "tests/test_kitaru_$name.py": _TEST,
}


def new(name: str, *, framework: str | None = None, folder: Path | None = None, output: OutputOption = "text") -> None:
    """Write the beginning of an adapter: a distribution with one boundary, its plugin and a test.

    Args:
        name: Short name of the framework, such as my_agents.
        framework: The distribution it comes in, if that has another name.
        folder: Where to write it; kitaru_NAME by default.
        output: text for people, json for programs.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,39}", name):
        msg = f"An adapter's name has small letters, digits and _, and begins with a letter; {name!r} does not."
        raise KitaruUsageError(msg)
    if framework is not None and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", framework):
        msg = f"--framework names a distribution, such as my-agents; {framework!r} cannot be one."
        raise KitaruUsageError(msg)
    target = (folder or Path(f"kitaru_{name}")).expanduser().absolute()
    if target.exists():
        msg = f"{target} exists already; name another folder with --folder."
        raise KitaruStateError(msg)
    facts = {"name": name, "framework": framework or name.replace("_", "-")}
    written = []
    for place, text in _FILES.items():
        file = target / Template(place).substitute(facts)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(Template(text).substitute(facts), encoding="utf-8")
        written.append(str(file))
    view = success(f"Wrote an adapter to {target}", "its tests: python -m pytest", "to be found: pip install -e .")
    Output("adapter.new", output).item({"name": name, "folder": str(target), "files": written}, view)

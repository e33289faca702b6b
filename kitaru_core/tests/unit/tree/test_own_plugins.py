"""What comes with kitaru as plugins can be looked at without any framework."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest

PROJECT = tomllib.loads((Path(__file__).parents[4] / "pyproject.toml").read_text())["project"]
PLUGINS = PROJECT["entry-points"]["kitaru"]
HEAVY = {
    "agents",
    "anthropic",
    "claude_agent_sdk",
    "diskcache",
    "google.genai",
    "httpx",
    "httpx2",
    "langchain",
    "langchain_core",
    "langgraph",
    "openai",
    "opentelemetry.sdk",
    "pydantic_ai",
    "starlette",
}


def loaded_by(statement):
    ask = f"import json, sys\n{statement}\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True, timeout=60)
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_loading_every_plugin_imports_no_framework():
    statements = "\n".join(f"import {module}" for module in PLUGINS.values())
    assert sorted(loaded_by(statements) & HEAVY) == []


@pytest.mark.parametrize("module", list(PLUGINS.values()))
def test_every_plugin_has_a_card_and_says_what_it_offers(module):
    plugin = import_module(module)
    assert plugin.kitaru_plugin_card().name
    assert set(plugin.__all__) >= {"kitaru_plugin_card"}


def test_every_extra_and_every_plugin_is_told_apart_by_name():
    assert len(set(PLUGINS.values())) == len(PLUGINS)
    assert all(name.isidentifier() for name in PLUGINS)


def test_nothing_of_ours_is_required_by_name():
    taken = {"kitaru", "kitaru-core", "kitaru-pydantic-ai", "kitaru-langgraph", "kitaru-openai-agents"}
    required = [
        *PROJECT["dependencies"],
        *(one for extra in PROJECT["optional-dependencies"].values() for one in extra),
    ]
    assert [one for one in required if one.split("[")[0].split(">")[0].split("=")[0].strip() in taken] == []

"""The extras: `all` is everything, and no extra names a distribution of ours."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[4]
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]


@pytest.mark.parametrize("extra", sorted(EXTRAS.keys() - {"all", "test", "dev", "docs", "offline-model"}))
def test_all_holds_what_every_other_extra_holds(extra):
    assert set(EXTRAS[extra]) <= set(EXTRAS["all"])


def test_no_extra_names_a_distribution_of_ours():
    assert not [line for lines in EXTRAS.values() for line in lines if line.startswith("kitaru")]


def test_every_promised_extra_is_there():
    promised = "pydantic-ai openai-agents langgraph claude-agent-sdk gemini llm cache conformance test all"
    assert set(promised.split()) <= set(EXTRAS)

"""The page about the command line says what the program says."""

from __future__ import annotations

import runpy
from pathlib import Path

from kitaru.cli.command_table import COMMANDS, GROUPS

DOCS = Path(__file__).parents[4] / "docs"


def test_the_page_is_current():
    fresh = runpy.run_path(str(DOCS / "generate_cli.py"))["render"]()
    assert (DOCS / "cli.md").read_text(encoding="utf-8") == fresh, "run `make pages`"


def test_every_command_has_its_heading_once():
    page = (DOCS / "cli.md").read_text(encoding="utf-8")
    words = [*COMMANDS, *(f"{group} {word}" for group, (_, commands) in GROUPS.items() for word in commands)]
    assert [page.count(f"\n## `kitaru {word}`\n") for word in words] == [1] * len(words)

"""Each example stands on its own: it says what it is, and a test runs it, ends its process and goes on."""

from __future__ import annotations

import re

import pytest
from page_blocks import ROOT

EXAMPLES = sorted(folder for folder in (ROOT / "examples").iterdir() if (folder / "README.md").exists())
ENDED = re.compile(r"SIGKILL|CRASH_AT|crash|AdapterContract")  # that contract kills what it examines


def test_there_are_examples():
    assert len(EXAMPLES) >= 9


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda folder: folder.name)
def test_an_example_is_killed_and_resumed_by_its_tests(example):
    tests = "\n".join(file.read_text(encoding="utf-8") for file in (example / "tests").glob("*.py"))
    assert "def test_" in tests
    assert ENDED.search(tests)
    assert re.search(r"retry|resume|go_on|continue|AdapterContract", tests)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda folder: folder.name)
def test_an_example_names_every_file_that_its_page_lists(example):
    page = (example / "README.md").read_text(encoding="utf-8")
    named = re.findall(r"^\| `([\w./]+)` \|", page, re.MULTILINE)
    assert [name for name in named if not (example / name).exists()] == []

"""The page about hooks says what the specifications say."""

from __future__ import annotations

import importlib
import inspect
import re
import runpy
from pathlib import Path

import pytest

from kitaru.errors import BoundaryRefused
from kitaru.hooks import specs
from kitaru.hooks.checks import known_specs
from kitaru.records.boundary import Boundary

DOCS = Path(__file__).parents[4] / "docs"


@pytest.fixture(scope="module")
def page():
    return (DOCS / "hooks.md").read_text(encoding="utf-8")


def test_the_page_is_current(page):
    fresh = runpy.run_path(str(DOCS / "generate_hooks.py"))["render"]()
    assert page == fresh, "run `make pages`"


@pytest.mark.parametrize("hook", list(known_specs()))
def test_every_hook_has_a_heading_with_its_exact_signature(page, hook):
    signature = str(inspect.signature(getattr(specs, hook))).replace("'", "")
    assert f"\n### `{hook}{signature}`\n" in page


def test_the_plugin_on_the_page_works(page, manager, tmp_path, monkeypatch):
    (source,) = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
    (tmp_path / "office_hours.py").write_text(source, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    manager.register(importlib.import_module("office_hours"), name="office_hours")
    facts = {"execution_id": "e", "flow": "f", "invocation_id": "wire_transfer", "call_id": "c"}
    manager.checkpoint_admit(Boundary(name="wire_transfer", kind="model", **facts))
    with pytest.raises(BoundaryRefused, match="made by people"):
        manager.checkpoint_admit(Boundary(name="wire_transfer", kind="tool", **facts))

"""Generated pages and pictures say what the code says today."""

from __future__ import annotations

import re
import runpy

import pytest
from page_blocks import ROOT

DOCS = ROOT / "docs"
PICTURE = (DOCS / "assets" / "crash-and-resume.svg").read_text(encoding="utf-8")


def generator(name):
    """Return what a generator defines."""
    return runpy.run_path(str(DOCS / f"generate_{name}.py"))


@pytest.mark.parametrize(("name", "page"), [("errors", "errors.md"), ("llms", "llms.txt")])
def test_a_page_is_current(name, page):
    assert (DOCS / page).read_text(encoding="utf-8") == generator(name)["render"](), "run `make pages`"


def test_the_table_of_adapters_is_current_wherever_it_stands():
    adapters = generator("adapters")
    stale = [page.name for page in adapters["PAGES"] if page.read_text("utf-8") != adapters["render"](page)]
    assert stale == [], "run `make pages`"


def test_the_reference_is_current_and_has_no_page_too_many():
    reference = generator("reference")
    fresh = {f"{name}.md": reference["render"](name) for name in reference["PAGES"]}
    assert {page.name: page.read_text("utf-8") for page in (DOCS / "reference").iterdir()} == fresh, "run `make pages`"


def test_every_public_name_of_kitaru_is_in_the_reference():
    import kitaru

    page = (DOCS / "reference" / "kitaru.md").read_text(encoding="utf-8")
    ours = [name for name in kitaru.__all__ if getattr(getattr(kitaru, name), "__qualname__", "") == name]
    assert len(ours) > 60
    assert [name for name in ours if not re.search(rf"^::: \S+\.{name}$", page, re.MULTILINE)] == []


def test_the_picture_of_the_rooms_is_current():
    rooms = generator("rooms")
    assert (DOCS / "assets" / "rooms.svg").read_text(encoding="utf-8") == rooms["draw"](), "run `make pages`"


def test_every_error_has_its_heading():
    from kitaru import errors

    page = (DOCS / "errors.md").read_text(encoding="utf-8")
    ours = [name for name in errors.__all__ if name.startswith(("Kitaru", "Boundary"))]
    assert [name for name in ours if page.count(f"\n## `{name}`\n") != 1] == []


def test_the_picture_of_the_crash_shows_a_killed_process_and_needs_no_network():
    assert "SIGKILL" in PICTURE
    assert "killed&#160;in&#160;it" in PICTURE
    assert "No&#160;boundary&#160;that&#160;was&#160;complete&#160;ran&#160;a&#160;second&#160;time." in PICTURE
    assert re.findall(r"(?:src|href)\s*[=:]|url\(\"?http", PICTURE) == []


def test_every_page_is_in_the_navigation_of_the_site():
    nav = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:")[2]
    pages = [str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md")]
    assert [page for page in pages if not re.search(rf"- {re.escape(page)}$", nav, re.MULTILINE)] == []


def test_the_contents_for_assistants_say_a_sentence_of_each_page_and_no_table():
    lines = (DOCS / "llms.txt").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if "|" in line] == []

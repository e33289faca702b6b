"""Write `llms.txt`, a table of contents for coding assistants; with a path, all pages in one file for them."""

from __future__ import annotations

import re
import sys
from itertools import pairwise
from pathlib import Path

import yaml
from markdown_it import MarkdownIt

__all__ = ["full", "render"]

DOCS = Path(__file__).resolve().parent
PAGE = DOCS / "llms.txt"
HEAD = """\
# kitaru

> The durable runtime underneath AI agents, in Python. It records model calls, tool calls, questions to people and whole
> runs, so that a run survives the death of its process, waits without one, and can be replayed and corrected.

Install with `pip install '.[pydantic-ai]'` in a clone of the repository; the distribution is `kitaru-core`, the import
name `kitaru`. Flows are started with `.run(...)`, never called. Checkpoints, flows and adapter calls do not nest.
`wait()` belongs into the body of a flow. Code blocks on all pages are run by the test suite.
"""


def render() -> str:
    """Return the table of contents."""
    parts = [HEAD]
    for section, pages in _sections():
        lines = [f"- [{_title(page)}]({page}): {_summary(page)}" for page in pages]
        parts.append("\n".join([f"## {section}\n", *lines, ""]))
    return "\n".join(parts)


def full() -> str:
    """Return all pages that people have written, one after another."""
    written = [page for _, pages in _sections() for page in pages if not page.startswith("reference/")]
    return (
        "\n\n".join(f"<!-- {page} -->\n\n{(DOCS / page).read_text(encoding='utf-8').strip()}" for page in written)
        + "\n"
    )


def _sections() -> list[tuple[str, list[str]]]:
    """Return the sections of the site with their pages."""
    nav = yaml.safe_load((DOCS.parent / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]
    found: list[tuple[str, list[str]]] = []
    for entry in nav:
        if isinstance(entry, str):
            found[-1][1].append(entry)
        else:
            found += entry.items()
    return found


def _title(page: str) -> str:
    return _first(page, "heading_open").replace("`", "")


def _summary(page: str) -> str:
    """Return the first sentence of a page, without its links."""
    told = re.sub(r"\[(.+?)\]\(.+?\)", r"\1", " ".join(_first(page, "paragraph_open").split()))
    sentence = re.match(r".+?[.?](?=\s|$)", told)
    return sentence[0] if sentence else told


def _first(page: str, kind: str) -> str:
    """Return the text of the first heading or paragraph of a page."""
    tokens = MarkdownIt("commonmark").enable("table").parse((DOCS / page).read_text(encoding="utf-8"))
    return next((text.content for one, text in pairwise(tokens) if one.type == kind), "")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(full(), encoding="utf-8")
    else:
        PAGE.write_text(render(), encoding="utf-8")

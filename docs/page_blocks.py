"""What stands in the Markdown pages: code blocks, links and headings, found by a real Markdown parser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

from markdown_it import MarkdownIt

__all__ = ["LANGUAGES", "ROOT", "Block", "Link", "all_pages", "anchors_of", "blocks_of", "links_of"]

ROOT = Path(__file__).resolve().parents[1]
LANGUAGES = frozenset({"python", "console", "toml", "json", "yaml", "text", "mermaid"})
_NOT_RUN = re.compile(r"#\s*Not run here:\s*(\S.*)")
_FILE = re.compile(r"#\s*([\w/.-]+\.py)\s*$")


@dataclass(frozen=True)
class Block:
    """A fenced block of a page.

    Attributes:
        page: The page.
        line: Line of the page on which its text begins, from 1.
        language: What the fence says it is.
        text: Its text.
    """

    page: Path
    line: int
    language: str
    text: str

    @property
    def reason(self) -> str | None:
        """Why it cannot run here, as its first line tells readers; `None` for all that run."""
        found = _NOT_RUN.match(self.text)
        return found[1] if found else None

    @property
    def file(self) -> str | None:
        """Name of the file that its first line says it is, such as `# agent.py`."""
        found = _FILE.match(self.text.partition("\n")[0]) if self.language == "python" else None
        return found[1] if found else None


@dataclass(frozen=True)
class Link:
    """A link of a page.

    Attributes:
        page: The page.
        line: Its line, from 1.
        target: Where it leads.
    """

    page: Path
    line: int
    target: str


def all_pages() -> list[Path]:
    """Return every page that people or assistants read."""
    found = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
    found += [*(ROOT / "skills").rglob("*.md"), *(ROOT / "examples").glob("*/README.md")]
    return sorted(found)


def blocks_of(page: Path) -> list[Block]:
    """Return the fenced blocks of a page, in order.

    Args:
        page: The page.

    Returns:
        Its blocks.
    """
    return [
        Block(page, token.map[0] + 2, token.info.split(maxsplit=1)[0] if token.info else "", token.content)
        for token in _parser().parse(page.read_text(encoding="utf-8"))
        if token.type == "fence" and token.map
    ]


def links_of(page: Path) -> Iterator[Link]:
    """Yield the links and pictures of a page.

    Args:
        page: The page.

    Yields:
        Its links.
    """
    for token in _parser().parse(page.read_text(encoding="utf-8")):
        for child in token.children or ():
            target = child.attrs.get("href") or child.attrs.get("src")
            if target:
                yield Link(page, token.map[0] + 1 if token.map else 0, str(target))


@cache
def anchors_of(page: Path) -> frozenset[str]:
    """Return the anchors that a page's headings have.

    Args:
        page: The page.

    Returns:
        The anchors that the site and a code forge agree on; headings on which they differ have none.
    """
    tokens = _parser().parse(page.read_text(encoding="utf-8"))
    titles = [inline.content for one, inline in pairwise(tokens) if one.type == "heading_open"]
    bare = [re.sub(r"[^\w\s-]", "", title.replace("`", "")).strip().lower() for title in titles]
    return frozenset(re.sub(r"\s", "-", title) for title in bare if not re.search(r"[-\s]{2}", title))


@cache
def _parser() -> MarkdownIt:
    return MarkdownIt("commonmark").enable("table")

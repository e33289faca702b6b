"""Fetching and reading feeds and pages. Nothing here knows about agents or kitaru."""

from __future__ import annotations

import re
import urllib.request
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

__all__ = ["Item", "fetch", "page_text", "parse_feed", "sentences"]

_SILENT = frozenset({"script", "style", "nav", "head"})
_BLOCKS = frozenset({"p", "h1", "h2", "h3", "li", "div", "article"})


@dataclass
class Item:
    """One entry of a feed.

    Attributes:
        title: Its headline.
        link: Where the article is.
        description: What the feed says of it.
    """

    title: str = ""
    link: str = ""
    description: str = ""


def fetch(site: str, path: str, limit: int = 500_000) -> str:
    """Read one page.

    Args:
        site: Address of the site.
        path: Path on it, or an address of its own.
        limit: How many bytes at most.

    Returns:
        The page as text.

    Raises:
        ValueError: The address is none of the web.
        OSError: The page cannot be had.
    """
    address = urljoin(site, path)
    if urlsplit(address).scheme not in {"http", "https"}:
        msg = f"{address!r} is no address of the web."
        raise ValueError(msg)
    with urllib.request.urlopen(address, timeout=10) as response:  # noqa: S310 - the scheme was checked above
        return str(response.read(limit).decode("utf-8", "replace"))


@dataclass
class _FeedParser(HTMLParser):
    items: list[Item] = field(default_factory=list)
    _field: str | None = None

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: object) -> None:
        del attrs
        if tag == "item":
            self.items.append(Item())
        self._field = tag if tag in Item.__dataclass_fields__ else None

    def handle_endtag(self, tag: str) -> None:
        del tag
        self._field = None

    def handle_data(self, data: str) -> None:
        if self.items and self._field is not None:
            setattr(self.items[-1], self._field, getattr(self.items[-1], self._field) + data)

    def unknown_decl(self, data: str) -> None:
        self.handle_data(data.removeprefix("CDATA["))


def parse_feed(text: str) -> list[Item]:
    """Return the entries of an RSS feed.

    Args:
        text: The feed.

    Returns:
        Its entries, in order. Entities are never fetched or expanded from outside.
    """
    parser = _FeedParser()
    parser.feed(text)
    return [Item(item.title.strip(), item.link.strip(), item.description.strip()) for item in parser.items]


@dataclass
class _PageParser(HTMLParser):
    parts: list[str] = field(default_factory=list)
    _silent: int = 0

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: object) -> None:
        del attrs
        self._silent += tag in _SILENT

    def handle_endtag(self, tag: str) -> None:
        self._silent -= tag in _SILENT
        if tag in _BLOCKS:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.parts.append(data)


def page_text(html: str) -> str:
    """Return what a reader sees of a page, one paragraph a line.

    Args:
        html: The page.

    Returns:
        Its text.
    """
    parser = _PageParser()
    parser.feed(html)
    lines = (" ".join(line.split()) for line in "".join(parser.parts).splitlines())
    return "\n".join(line for line in lines if line)


def sentences(text: str) -> list[str]:
    """Return the sentences of a text; a line break ends one as well."""
    return [part.strip() for part in re.split(r"(?<=[.!?])\s+|\n", text) if part.strip()]

"""A folder of documents as an agent sees it: list, search, read, extract. Nothing here knows about agents or kitaru."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path

__all__ = ["Hit", "Library"]

_SUFFIXES = frozenset({".md", ".rst", ".txt", ".py", ".toml"})
_SKIPPED = frozenset({".git", ".venv", ".ci", "node_modules", "__pycache__", "build", "dist", "tests", "examples"})
_HEADING = re.compile(r"^(#{1,6} .+|(?:class|def|async def) \w+.*|[A-Z][^\n]{2,70}\n[=-]{3,})$", re.MULTILINE)


@dataclass(frozen=True)
class Hit:
    """One line that contains a searched word.

    Attributes:
        path: File, relative to the library's folder.
        line: Number of the line, from one.
        text: The line.
    """

    path: str
    line: int
    text: str


@dataclass(frozen=True)
class Library:
    """The documents below one folder.

    Attributes:
        root: The folder.
    """

    root: Path

    @cached_property
    def files(self) -> list[Path]:
        """All documents, in a stable order."""
        found = (path for path in self.root.rglob("*") if path.suffix in _SUFFIXES and path.is_file())
        kept = [path for path in found if _SKIPPED.isdisjoint(path.relative_to(self.root).parts)]
        return sorted(kept, key=lambda path: path.relative_to(self.root).as_posix())

    def list_files(self, contains: str = "", limit: int = 200) -> list[str]:
        """Return documents whose path contains a text.

        Args:
            contains: The text; every document when it is empty.
            limit: How many at most.

        Returns:
            Relative paths.
        """
        names = [path.relative_to(self.root).as_posix() for path in self.files]
        return [name for name in names if contains.lower() in name.lower()][:limit]

    def search(self, word: str, limit: int = 12) -> list[Hit]:
        """Return lines that contain a word, from the documents that contain it most often.

        Args:
            word: The word, in any case.
            limit: How many lines at most; no more than four from one document.

        Returns:
            The lines.
        """
        pattern = re.compile(rf"\b{re.escape(word)}", re.IGNORECASE)
        counted = [(len(pattern.findall(text)), name, text) for name, text in self._texts if pattern.search(text)]
        hits: list[Hit] = []
        for _, name, text in sorted(counted, key=lambda entry: (-entry[0], entry[1])):
            lines = [Hit(name, number, line.strip()[:200]) for number, line in _matching(text, pattern)]
            hits += lines[:4]
            if len(hits) >= limit:
                break
        return hits[:limit]

    def read(self, path: str, limit: int = 6000) -> str:
        """Return the beginning of a document.

        Args:
            path: Relative path.
            limit: How many characters at most.

        Returns:
            The text.

        Raises:
            FileNotFoundError: There is no such document in the library.
        """
        return self._inside(path).read_text(encoding="utf-8", errors="replace")[:limit]

    def extract(self, path: str, word: str, limit: int = 700) -> str:
        """Return the part of a document, from one heading to the next, that speaks most of a word.

        Args:
            path: Relative path.
            word: The word.
            limit: How many characters at most.

        Returns:
            That part, cut at a line.

        Raises:
            FileNotFoundError: There is no such document in the library.
        """
        text = self._inside(path).read_text(encoding="utf-8", errors="replace")
        cuts = [0, *(match.start() for match in _HEADING.finditer(text)), len(text)]
        parts = [text[start:end].strip() for start, end in pairwise(cuts)]
        best = max(parts, key=lambda part: (part.lower().count(word.lower()), -len(part)))
        return best if len(best) <= limit else best[:limit].rsplit("\n", 1)[0] + "\n..."

    @cached_property
    def _texts(self) -> list[tuple[str, str]]:
        names = (path.relative_to(self.root).as_posix() for path in self.files)
        return [
            (name, path.read_text(encoding="utf-8", errors="replace"))
            for name, path in zip(names, self.files, strict=True)
        ]

    def _inside(self, path: str) -> Path:
        wanted = (self.root / path).resolve()
        if not wanted.is_relative_to(self.root.resolve()) or not wanted.is_file():
            msg = f"{path!r} is no document of this library; list_files() shows what there is."
            raise FileNotFoundError(msg)
        return wanted


def _matching(text: str, pattern: re.Pattern[str]) -> list[tuple[int, str]]:
    return [(number, line) for number, line in enumerate(text.splitlines(), start=1) if pattern.search(line)]

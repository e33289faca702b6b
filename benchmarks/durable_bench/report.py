"""Turning measurements into tables: for the terminal, and for `docs/performance.md`."""

from __future__ import annotations

import os
import platform
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from durable_bench.scenarios import Section

__all__ = ["machine", "markdown", "write"]


def machine(base: Path) -> list[str]:
    """Describe what was measured on.

    Args:
        base: Folder on the disk that is measured.

    Returns:
        Lines of text; nothing that names the machine itself.
    """
    model = next(
        (line.split(":", 1)[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), "unknown"
    )
    mounts = [line.split() for line in _lines("/proc/mounts")]
    inside = [found for found in mounts if base.resolve().is_relative_to(found[1])]
    kind = max(inside, key=lambda found: len(found[1]))[2] if inside else "unknown"
    return [
        f"{datetime.now(tz=UTC):%Y-%m-%d}, {os.cpu_count()} cores ({model})",
        f"{platform.system()} {platform.release()}, file system {kind}",
        f"CPython {platform.python_version()}, SQLite {sqlite3.sqlite_version}",
        f"load average at the end of the run: {os.getloadavg()[1]:.1f} (others were at work above {os.cpu_count()})",
    ]


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []


def markdown(sections: Iterable[Section], about: list[str]) -> str:
    """Write all sections as Markdown.

    Args:
        sections: What was measured.
        about: Lines that describe the machine.

    Returns:
        The text, without a first-level heading.
    """
    lines = ["Machine and date:", "", *(f"- {line}" for line in about), ""]
    sections = list(sections)
    lines += ["### Targets", "", "| figure | measured | target | holds |", "|---|---:|---:|---|"]
    for section in sections:
        for verdict in section.verdicts:
            bound = ">=" if verdict.at_least else "<="
            unit = "x" if verdict.unit == "x" else f" {verdict.unit}" if verdict.unit else ""
            measured = f"{verdict.figure:,.2f}{unit}"
            holds = "yes" if verdict.holds else "**no**"
            lines.append(f"| {verdict.name} | {measured} | {bound} {verdict.target:,g}{unit} | {holds} |")
    for section in sections:
        lines += ["", *_section(section)]
    return "\n".join(lines) + "\n"


def _section(section: Section) -> Iterator[str]:
    yield f"### {section.title}"
    yield ""
    yield section.note
    yield ""
    if section.rows:
        yield "| engine | ratio | median | mean | CPU | syncs |"
        yield "|---|---:|---:|---:|---:|---:|"
    for row in section.rows:
        syncs = "not counted" if row.syncs is None else f"{row.syncs:.2f}"
        times = " | ".join(f"{value * 1e6:,.0f} us" for value in (row.piece, row.mean, row.cpu))
        yield f"| {row.peer} | {row.ratio:.2f}x | {times} | {syncs} |"
    if section.rows and section.remarks:
        yield ""
    for remark in section.remarks:
        yield f"- {remark}"


def write(path: Path, part: str, text: str) -> None:
    """Replace one generated part of a page.

    Args:
        path: The page; everything outside the part's two markers stays as it is.
        part: Name of the part: `measured` or `campaign`.
        text: What to put between the markers.
    """
    begin, end = f"<!-- {part}: begin -->", f"<!-- {part}: end -->"
    before, rest = path.read_text().split(begin, 1)
    path.write_text(f"{before}{begin}\n\n{text}\n{end}{rest.split(end, 1)[1]}")

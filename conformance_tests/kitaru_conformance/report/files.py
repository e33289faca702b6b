"""Reports as files."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec

from kitaru_conformance.report.markdown import render
from kitaru_conformance.results import Report, SubjectReport

__all__ = ["load", "merge", "write"]


def write(report: Report, file: Path) -> None:
    """Write a report, as JSON or as Markdown by the file's suffix.

    Args:
        report: The report.
        file: The file; one that is there is replaced, and its folder is made.
    """
    if file.suffix == ".md":
        text = render(report)
    else:
        text = msgspec.json.format(msgspec.json.encode(report), indent=2).decode() + "\n"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


def load(file: Path) -> Report:
    """Read a report that was written as JSON.

    Args:
        file: The file.

    Raises:
        ValueError: It is no report, or one of a format that this release does not know.
    """
    try:
        report = msgspec.json.decode(file.read_bytes(), type=Report)
    except msgspec.DecodeError as error:
        msg = f"{file.name} is no conformance report ({error}). Write one with pytest --kitaru-report={file.stem}.json."
        raise ValueError(msg) from error
    if report.format != 1:
        msg = f"{file.name} has the format {report.format}; this release reads format 1. Update kitaru-core."
        raise ValueError(msg)
    return report


def merge(reports: Iterable[Report]) -> Report:
    """Put several reports together.

    Args:
        reports: The reports.

    Returns:
        All their subjects; uncovered is what is uncovered in each of them.

    Raises:
        ValueError: Two of them judge the same subject under the same contract, and differently.
    """
    subjects: dict[tuple[str, str], SubjectReport] = {}
    uncovered: list[set[str]] = []
    for report in reports:
        uncovered.append(set(report.uncovered))
        for one in report.subjects:
            if subjects.setdefault((one.contract, one.name), one) != one:
                msg = f"Two reports judge {one.name!r} under {one.contract} differently; leave the older one out."
                raise ValueError(msg)
    everywhere = set.intersection(*uncovered) if uncovered else set()
    return Report(subjects=[one for _, one in sorted(subjects.items())], uncovered=sorted(everywhere))

"""A report as lines for a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from kitaru_conformance.results import RESULTS, Report, SubjectReport, counts

__all__ = ["lines"]

_TOLD = ("failed", "gap", "not-run")


def lines(report: Report) -> Iterator[str]:
    """Yield the lines: one for each subject, and under it what did not pass."""
    for subject in report.subjects:
        yield f"{subject.contract} {subject.name}: level {subject.level or 'none'}; {_counted(subject)}"
        for one in subject.results:
            if one.result in _TOLD and not (one.result == "not-run" and one.reason is None):
                yield f"  {one.result} {one.id} {one.statement}" + (f" [{one.reason}]" if one.reason else "")
    if report.uncovered:
        yield f"uncovered: {', '.join(report.uncovered)}"


def _counted(subject: SubjectReport) -> str:
    found = counts(subject)
    return ", ".join(f"{found[result]} {result}" for result in RESULTS if found[result])

"""A report as Markdown."""

from __future__ import annotations

from collections.abc import Iterator

from kitaru_conformance.results import RESULTS, CaseResult, Report, SubjectReport, counts

__all__ = ["cell", "render"]


def render(report: Report) -> str:
    """Return a report as a page of Markdown: a table of subjects, then each of them with all its cases."""
    return "\n".join(_lines(report)) + "\n"


def cell(text: str) -> str:
    """Return a text so that it stays in one cell of a table."""
    return text.replace("|", "\\|").replace("\n", " ") or "-"


def _lines(report: Report) -> Iterator[str]:
    yield "# Conformance report"
    yield ""
    yield "What each subject was found to do, requirement by requirement."
    yield ""
    yield "| contract | subject | level | passed | failed | gap | not applicable | not run |"
    yield "|---|---|---|--:|--:|--:|--:|--:|"
    for subject in report.subjects:
        figures = " | ".join(str(number) for number in counts(subject).values())
        yield f"| {subject.contract} | {cell(subject.name)} | {subject.level or 'none'} | {figures} |"
    if report.uncovered:
        yield ""
        yield f"Uncovered: {', '.join(report.uncovered)}."
    for subject in report.subjects:
        yield from _subject(subject)


def _subject(subject: SubjectReport) -> Iterator[str]:
    yield ""
    yield f"## {subject.contract}: {subject.name}"
    yield ""
    yield f"Level: {subject.level or 'none'}. Versions: {_pairs(subject.versions)}."
    if subject.capabilities:
        yield f"Capabilities: {', '.join(subject.capabilities)}."
    for name, value in sorted(subject.facts.items()):
        yield f"{name}: {value if isinstance(value, str) else ', '.join(value)}."
    for result in (one for one in RESULTS if subject.count(one)):
        yield ""
        yield f"### {result.replace('-', ' ').capitalize()}"
        yield ""
        yield from (_case(one) for one in subject.results if one.result == result)


def _pairs(versions: dict[str, str]) -> str:
    return ", ".join(f"{name} {number}" for name, number in versions.items())


def _case(one: CaseResult) -> str:
    note = f" *{one.reason}*" if one.reason else ""
    advice = f" If this fails: {one.if_fails}" if one.if_fails else ""
    return f"- **{one.id}** {one.statement}{note}{advice}"

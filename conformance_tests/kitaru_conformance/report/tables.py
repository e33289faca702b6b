"""Tables for a README, made from reports so that nobody has to keep them by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from kitaru_conformance.report.markdown import cell
from kitaru_conformance.results import Report, SubjectReport

__all__ = ["render_table"]

Column = tuple[str, Callable[[SubjectReport], str]]


def render_table(report: Report, *, contract: str = "AdapterContract") -> str:
    """Return one contract's subjects as a table of Markdown.

    Args:
        report: The report.
        contract: Name of the contract class. Adapters have columns of their own: framework and range from the facts
            `framework` and `range`, strategies from the fact `strategies`, where the default comes first.

    Returns:
        The table, with its rows sorted by name; empty if there is no such subject.
    """
    subjects = [one for one in report.subjects if one.contract == contract]
    columns = _ADAPTER if contract == "AdapterContract" else _OTHER
    if not subjects:
        return ""
    rows = [[cell(show(one)) for _, show in columns] for one in subjects]
    head = [[title for title, _ in columns], ["---"] * len(columns)]
    return "".join(f"| {' | '.join(row)} |\n" for row in (*head, *rows))


def _fact(subject: SubjectReport, name: str) -> str:
    found = subject.facts.get(name, "")
    return found if isinstance(found, str) else ", ".join(f"`{one}`" for one in found)


def _framework(subject: SubjectReport) -> str:
    return " ".join(part for part in (_fact(subject, "framework"), _fact(subject, "range")) if part)


def _cases(subject: SubjectReport) -> str:
    gaps, applicable = subject.count("gap"), len(subject.results) - subject.count("not-applicable")
    told = f"{subject.count('passed')} of {applicable}"
    return f"{told}, {gaps} gap{'' if gaps == 1 else 's'}" if gaps else told


_ADAPTER: Final[tuple[Column, ...]] = (
    ("Adapter", lambda one: one.name),
    ("Framework", _framework),
    ("Strategies", lambda one: _fact(one, "strategies")),
    ("Capabilities", lambda one: ", ".join(one.capabilities)),
    ("Level", lambda one: one.level or "none"),
    ("Cases passed", _cases),
)
_OTHER: Final[tuple[Column, ...]] = (("Subject", _ADAPTER[0][1]), *_ADAPTER[3:])

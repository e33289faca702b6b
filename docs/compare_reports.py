"""Hold the conformance report in docs/conformance against one that was just written.

Usage: python docs/compare_reports.py NEW. Versions may differ, what came of each case may not.
"""

from __future__ import annotations

import sys
from pathlib import Path

from kitaru_conformance.report import load
from kitaru_conformance.results import Report

PUBLISHED = Path(__file__).resolve().parent / "conformance" / "report.json"


def outcomes(report: Report) -> dict[str, str]:
    """Return what came of each case, by subject and requirement.

    Args:
        report: A report.
    """
    return {
        f"{subject.contract} {subject.name} {case.id}": case.result
        for subject in report.subjects
        for case in subject.results
    }


def main(written: Path) -> int:
    """Say what differs.

    Args:
        written: The new report.

    Returns:
        1 if something differs, otherwise 0.
    """
    before, now = outcomes(load(PUBLISHED)), outcomes(load(written))
    differing = sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))
    for name in differing:
        sys.stdout.write(f"{name}: published {before.get(name, 'not at all')}, now {now.get(name, 'not at all')}\n")
    if differing:
        sys.stdout.write("The published conformance report is not that of this code; run: make conformance\n")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))

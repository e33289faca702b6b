"""The command `python -m kitaru_conformance.report`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from kitaru_conformance.report import load, merge, render, render_table

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> int:
    """Print the reports in some files, put together, as a table or as a page.

    Args:
        arguments: What follows the command's name; those of the process if `None`.

    Returns:
        The exit code.
    """
    parser = argparse.ArgumentParser(
        prog="python -m kitaru_conformance.report", description="Show conformance reports."
    )
    parser.add_argument("form", choices=["table", "page"], help="table: one line for each subject; page: all cases")
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="reports written as JSON")
    parser.add_argument("--contract", default="AdapterContract", help="whose subjects the table shows")
    given = parser.parse_args(arguments)
    try:
        report = merge(load(file) for file in given.files)
    except (OSError, ValueError) as error:
        parser.exit(2, f"{parser.prog}: {error}\n")
    text = render_table(report, contract=given.contract) if given.form == "table" else render(report)
    sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())

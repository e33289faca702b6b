"""Measure what durability costs the runs of each framework: `python benchmarks/adapters.py --help`."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from durable_bench.adapters import SCENARIOS, Bench
from durable_bench.environments import ROOT
from durable_bench.report import machine, write

if TYPE_CHECKING:
    from collections.abc import Iterator

    from durable_bench.adapters import Table

PAGE = ROOT / "docs" / "performance.md"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenarios", nargs="+", choices=[*SCENARIOS], default=[*SCENARIOS], help="what to measure")
    parser.add_argument("--rounds", type=int, default=7, help="rounds that count, after one that warms up")
    parser.add_argument("--base", type=Path, default=ROOT, help="folder on the disk to measure")
    parser.add_argument("--write", action="store_true", help=f"put the tables into {PAGE.relative_to(ROOT)}")
    return parser.parse_args()


def _markdown(tables: list[Table], about: list[str]) -> Iterator[str]:
    yield from (f"- {line}" for line in about)
    yield from ("", "| figure | measured | target | holds |", "|---|---:|---:|---|")
    for verdict in (verdict for table in tables for verdict in table.verdicts):
        unit = "x" if verdict.unit == "x" else f" {verdict.unit}"
        holds = "yes" if verdict.holds else "**no**"
        yield f"| {verdict.name} | {verdict.figure:,.2f}{unit} | <= {verdict.target:g}{unit} | {holds} |"
    for table in tables:
        yield from ("", f"### {table.title}", "", table.note, "")
        for cells in (table.header, ("---", *["---:"] * (len(table.header) - 1)), *table.rows):
            yield f"| {' | '.join(cells)} |"


def main() -> int:
    """Measure, print, and write if asked.

    Returns:
        0 if every figure holds its target, 1 if one does not, 2 if the machine is too busy to publish times of it.
    """
    chosen = _arguments()
    busy = os.getloadavg()[0]
    if chosen.write and chosen.scenarios != ["storage"] and busy > (os.cpu_count() or 1):
        sys.stderr.write(
            f"Others are at work here (load {busy:.1f}), so {PAGE.name} stays as it is. Try again later, "
            "or write the scenario `storage` alone, which measures no time that matters.\n"
        )
        return 2
    tables: list[Table] = []
    with tempfile.TemporaryDirectory(prefix=".bench-", dir=chosen.base) as base:
        bench = Bench(Path(base), chosen.rounds)
        for name in chosen.scenarios:
            sys.stderr.write(f"{name} ...\n")
            tables.append(SCENARIOS[name](bench))
        about = [*machine(Path(base)), f"{chosen.rounds} rounds, taken in turns"]
    text = "\n".join(_markdown(tables, about)) + "\n"
    sys.stdout.write(text)
    if chosen.write:
        write(PAGE, "adapters", text)
    return 0 if all(verdict.holds for table in tables for verdict in table.verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())

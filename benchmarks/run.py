"""Compare durable engines side by side: `python benchmarks/run.py --help`."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from durable_bench.environments import PEERS, ROOT, build_sync_counter
from durable_bench.process import PeerFailedError
from durable_bench.profiling import profile_steps
from durable_bench.report import machine, markdown, write
from durable_bench.scenarios import SCENARIOS, Section, Session

PAGE = ROOT / "docs" / "performance.md"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    names = [name for name in PEERS if name != "raw"]
    default = [name for name in names if PEERS[name].default]
    parser.add_argument("--peers", nargs="+", choices=names, default=default, help="engines to compare")
    parser.add_argument("--scenarios", nargs="+", choices=[*SCENARIOS], default=[*SCENARIOS], help="what to measure")
    parser.add_argument("--rounds", type=int, default=7, help="rounds that count, after one that warms up")
    parser.add_argument("--scale", type=float, default=1.0, help="fraction of the full sizes of the long scenarios")
    parser.add_argument("--base", type=Path, default=ROOT, help="folder on the disk to measure")
    parser.add_argument("--write", action="store_true", help=f"put the tables into {PAGE.relative_to(ROOT)}")
    parser.add_argument("--profile", action="store_true", help="print where a checkpoint of kitaru spends its time")
    return parser.parse_args()


def main() -> int:
    """Measure, print, and write if asked.

    Returns:
        0 if every figure holds its target, 1 if one does not, 2 if the machine is too busy to publish figures of it.
    """
    chosen = _arguments()
    busy = os.getloadavg()[0]
    if chosen.write and busy > (os.cpu_count() or 1):
        sys.stderr.write(
            f"Others are at work here (load {busy:.1f}), so {PAGE.name} stays as it is. Try again later.\n"
        )
        return 2
    with tempfile.TemporaryDirectory(prefix=".bench-", dir=chosen.base) as base:
        if chosen.profile:
            profile_steps(Path(base))
            return 0
        session = Session(Path(base), build_sync_counter(), tuple(chosen.peers), chosen.rounds, chosen.scale)
        sections: list[Section] = []
        for name in chosen.scenarios:
            sys.stderr.write(f"{name} ...\n")
            try:
                sections += SCENARIOS[name](session)
            except PeerFailedError as error:
                sections.append(Section(name, "This could not be measured.", remarks=[str(error)]))
        about = [*machine(Path(base)), f"{chosen.rounds} rounds, long scenarios at {chosen.scale:g} of their size"]
        text = markdown(sections, about)
    sys.stdout.write(text)
    if chosen.write:
        write(PAGE, "measured", text)
    measured = all(section.verdicts for section in sections)
    return 0 if measured and all(verdict.holds for section in sections for verdict in section.verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())

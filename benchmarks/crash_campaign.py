"""Kill kitaru in many random ways and account for every boundary: `python benchmarks/crash_campaign.py --help`."""

from __future__ import annotations

import argparse
import gc
import importlib
import json
import multiprocessing
import os
import pkgutil
import signal
import sys
import tempfile
import time
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import kitaru
from crashes.disk import CutDisk
from crashes.judge import Account
from crashes.leash import die_with_parent
from crashes.programs import scheduled, scheduled_async
from crashes.progress import Shown, Stopping
from crashes.schedule import run_schedule
from durable_bench.environments import ROOT
from durable_bench.report import machine, write
from kitaru.hooks.manager import get_manager

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PAGE = ROOT / "docs" / "performance.md"
FAULTS = ("lost", "doubled", "overlapped", "wrong", "stuck")
STOPPED = 130
WARM = ("artifacts", "authoring", "engine", "hooks", "journal", "operating", "records")


def _arguments(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--schedules", type=int, default=1000, help="schedules in which processes are killed")
    parser.add_argument("--cuts", type=int, default=0, help="schedules in which the disk loses power (needs root)")
    parser.add_argument("--seed", default="kitaru", help="what the schedules are drawn from")
    parser.add_argument("--only", type=int, help="run this one schedule, to look at a fault")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--base", type=Path, help="folder for the stores; memory where there is some")
    parser.add_argument("--keep", type=Path, help="copy ledger and store of a schedule with a fault there")
    parser.add_argument("--write", action="store_true", help=f"put the account into {PAGE.name}")
    parser.add_argument("--report", type=Path, help="write the account there as JSON, also when stopped early")
    return parser.parse_args(words)


def _warm_up() -> None:
    """Import everything that a life would import, and the plugins, so that a fork is ready at once; open nothing."""
    importlib.import_module("pydantic.type_adapter")
    for room in WARM:
        package = importlib.import_module(f"kitaru.{room}")
        for module in pkgutil.walk_packages(package.__path__, f"kitaru.{room}."):
            importlib.import_module(module.name)
    for flow in (scheduled, scheduled_async):
        flow.code()  # reads and hashes the flow's source text, once
    get_manager()
    gc.collect()
    gc.freeze()


def _begin_worker(parent: int) -> None:
    """Make a process of the pool end with its parent, and leave to the parent what Ctrl-C means."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    die_with_parent(parent)


def _one(number: int, seed: str, base: Path, keep: Path | None, disk: CutDisk | None = None) -> Account:
    """Run one schedule, and say in each fault which one it was."""
    found = run_schedule(f"{seed}:{number}", base, disk, keep)
    found.faults = [f"schedule {number}: {fault}" for fault in found.faults]
    return found


def _killed(numbers: range, chosen: argparse.Namespace, base: Path, stopping: Stopping) -> Iterator[Account]:
    """Run schedules in which processes are killed, several at a time; what is half done when asked to stop is left."""
    context = multiprocessing.get_context("fork")
    with context.Pool(min(chosen.workers, len(numbers)), _begin_worker, (os.getpid(),)) as pool:
        found = pool.imap_unordered(partial(_one, seed=chosen.seed, base=base, keep=chosen.keep), numbers)
        while not stopping.asked:
            try:
                yield found.next(timeout=0.2)
            except multiprocessing.TimeoutError:
                continue
            except StopIteration:
                return


def _cut(count: int, chosen: argparse.Namespace, base: Path, stopping: Stopping) -> Iterator[Account]:
    """Run schedules in which the disk loses power, one after another, on one disk."""
    if not CutDisk.usable(base):
        sys.stderr.write("Power cuts were left out: they need root, mkfs.ext4 and loop devices.\n")
        return
    disk = CutDisk(base)
    try:
        for number in range(count):
            if stopping.asked:
                return
            yield _one(number, f"{chosen.seed}:power", base, chosen.keep, disk)
    finally:
        disk.close()


def campaign(chosen: argparse.Namespace, base: Path, stopping: Stopping) -> Account:
    """Run all schedules, or those for which there was time until somebody asked to stop.

    Args:
        chosen: The command line.
        base: Folder for their files.
        stopping: Knows whether to stop.

    Returns:
        The account of all of them.
    """
    numbers = range(chosen.schedules) if chosen.only is None else range(chosen.only, chosen.only + 1)
    parts = (
        ("schedules with kills", len(numbers), partial(_killed, numbers)),
        ("schedules with power cuts", chosen.cuts, partial(_cut, chosen.cuts)),
    )
    account = Account()
    for what, count, run in parts:
        if count and not stopping.asked:
            with Shown(what, count) as shown, closing(run(chosen, base, stopping)) as accounts:
                for found in accounts:
                    account.merge(found)
                    shown.add(found)
    return account


def _table(counts: dict[str, int], about: list[str]) -> str:
    lines = [*(f"- {line}" for line in about), ""]
    lines += ["| | count |", "|---|---:|", *(f"| {name} | {count:,} |" for name, count in counts.items())]
    return "\n".join(lines) + "\n"


def _reported(account: Account, chosen: argparse.Namespace, root: Path, seconds: float, *, stopped: bool) -> None:
    """Print the account, and write it where it was asked for."""
    names = sorted(set(account.counts) - set(FAULTS))
    counts = {name: account.counts[name] for name in [*names, *FAULTS]}
    about = [*machine(root), f"{seconds:,.0f} s, kitaru {kitaru.__version__}"]
    if stopped:
        about.append("stopped before its end; this is what had been judged until then")
    table = _table(counts, about)
    sys.stdout.write(table)
    sys.stdout.writelines(f"{fault}\n" for fault in account.faults[:20])
    if chosen.write and not stopped:
        write(PAGE, "campaign", table)
    if chosen.report is not None:
        report = {
            "kitaru": kitaru.__version__,
            "seed": chosen.seed,
            "machine": machine(root),
            "seconds": seconds,
            "stopped": stopped,
            "counts": counts,
            "faults": account.faults,
        }
        chosen.report.write_text(json.dumps(report, indent=1) + "\n")


def main(words: Sequence[str] | None = None) -> int:
    """Run a campaign and print its account.

    Args:
        words: Command line; the process's own by default.

    Returns:
        0 if no promise was broken, 1 if one was, 130 if it was stopped before its end and none was broken until then.
    """
    chosen = _arguments(words)
    memory = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it
    root = chosen.base or (memory if memory.is_dir() else Path(tempfile.gettempdir()))
    _warm_up()
    begun = time.monotonic()
    # A life that was cut short by a stop may still be writing when its folder is removed.
    scratch = tempfile.TemporaryDirectory(prefix="kitaru-crashes-", dir=root, ignore_cleanup_errors=True)
    with Stopping() as stopping, scratch as folder:
        account = campaign(chosen, Path(folder), stopping)
    _reported(account, chosen, root, round(time.monotonic() - begun, 1), stopped=stopping.asked)
    if account.faults:
        return 1
    return STOPPED if stopping.asked else 0


if __name__ == "__main__":
    sys.exit(main())

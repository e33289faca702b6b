"""Kill kitaru in many random ways and account for every boundary: `python benchmarks/crash_campaign.py --help`."""

from __future__ import annotations

import argparse
import gc
import importlib
import json
import multiprocessing
import os
import pkgutil
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import kitaru
from crashes.disk import CutDisk
from crashes.judge import Account
from crashes.leash import die_with_parent
from crashes.programs import scheduled, scheduled_async
from crashes.schedule import run_schedule
from durable_bench.environments import ROOT
from durable_bench.report import machine, write

if TYPE_CHECKING:
    from collections.abc import Sequence

PAGE = ROOT / "docs" / "performance.md"
FAULTS = ("lost", "doubled", "overlapped", "wrong", "stuck")
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
    parser.add_argument("--json", type=Path, help="write the account there as well")
    return parser.parse_args(words)


def _warm_up() -> None:
    """Import everything that a life would import, so that a fork is ready at once; nothing is opened."""
    importlib.import_module("pydantic.type_adapter")
    for room in WARM:
        package = importlib.import_module(f"kitaru.{room}")
        for module in pkgutil.walk_packages(package.__path__, f"kitaru.{room}."):
            importlib.import_module(module.name)
    for flow in (scheduled, scheduled_async):
        flow.code()  # reads and hashes the flow's source text, once
    gc.collect()
    gc.freeze()


def _share(numbers: range, seed: str, base: Path, keep: Path | None, *, power: bool) -> Account:
    """Run some of the schedules in this process."""
    disk = CutDisk(base) if power else None
    account = Account()
    try:
        for number in numbers:
            found = run_schedule(f"{seed}:{number}", base, disk, keep)
            found.faults = [f"schedule {number}: {fault}" for fault in found.faults]
            account.merge(found)
    finally:
        if disk is not None:
            disk.close()
    return account


def campaign(
    schedules: range, seed: str, base: Path, workers: int, *, keep: Path | None = None, power: bool = False
) -> Account:
    """Run schedules on several processes.

    Args:
        schedules: Numbers of the schedules.
        seed: What they are drawn from.
        base: Folder for their files.
        workers: How many processes.
        keep: Where to copy ledger and store of a schedule with a fault.
        power: Whether the disk loses power, instead of processes being killed.

    Returns:
        The account of all of them.
    """
    shares = [schedules[first::workers] for first in range(min(workers, len(schedules)))]
    account = Account()
    context = multiprocessing.get_context("fork")
    with context.Pool(len(shares) or 1, initializer=die_with_parent, initargs=(os.getpid(),)) as pool:
        for part in pool.imap_unordered(partial(_share, seed=seed, base=base, keep=keep, power=power), shares):
            account.merge(part)
    return account


def _table(counts: dict[str, int], seconds: float, about: list[str]) -> str:
    lines = [*(f"- {line}" for line in about), f"- {seconds:,.0f} s, kitaru {kitaru.__version__}", ""]
    lines += ["| | count |", "|---|---:|", *(f"| {name} | {count:,} |" for name, count in counts.items())]
    return "\n".join(lines) + "\n"


def main(words: Sequence[str] | None = None) -> int:
    """Run a campaign and print its account.

    Args:
        words: Command line; the process's own by default.

    Returns:
        0 if no promise was broken, else 1.
    """
    chosen = _arguments(words)
    memory = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it
    root = chosen.base or (memory if memory.is_dir() else Path(tempfile.gettempdir()))
    _warm_up()
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="kitaru-crashes-", dir=root) as folder:
        base = Path(folder)
        numbers = range(chosen.schedules) if chosen.only is None else range(chosen.only, chosen.only + 1)
        account = campaign(numbers, chosen.seed, base, chosen.workers, keep=chosen.keep)
        if chosen.cuts and CutDisk.usable(base):
            account.merge(campaign(range(chosen.cuts), f"{chosen.seed}:power", base, 1, keep=chosen.keep, power=True))
        elif chosen.cuts:
            sys.stderr.write("Power cuts were left out: they need root, mkfs.ext4 and loop devices.\n")
    names = sorted(set(account.counts) - set(FAULTS))
    counts = {name: account.counts[name] for name in [*names, *FAULTS]}
    seconds = round(time.monotonic() - begun, 1)
    table = _table(counts, seconds, machine(root))
    sys.stdout.write(table)
    sys.stdout.writelines(f"{fault}\n" for fault in account.faults[:20])
    if chosen.write:
        write(PAGE, "campaign", table)
    if chosen.json is not None:
        chosen.json.write_text(json.dumps({"seconds": seconds, "counts": counts, "faults": account.faults}, indent=1))
    return 1 if account.faults else 0


if __name__ == "__main__":
    sys.exit(main())

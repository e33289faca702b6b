"""What is measured, and what each figure must be."""

from __future__ import annotations

import os
import resource
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from durable_bench.environments import PEERS
from durable_bench.process import PeerFailedError, PeerProcess
from durable_bench.rounds import Measured, Verdict, in_turns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from durable_bench.process import Costs

__all__ = ["SCENARIOS", "Section", "Session"]

MEBIBYTE = 1 << 20


@dataclass
class Section:
    """One table of the report.

    Attributes:
        title: What was measured.
        note: How, in a sentence.
        rows: The peers.
        verdicts: The figures that have a target.
        remarks: What could not be measured, and why.
    """

    title: str
    note: str
    rows: list[Measured] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Session:
    """One run of the benchmarks.

    Attributes:
        base: Folder on the disk that is measured.
        counter: The library that counts syncs, if it could be built.
        peers: Names of the peers that take part, the floor aside.
        rounds: How many rounds count.
        scale: Fraction of the full sizes for the long scenarios; 1 is what the targets are meant for.
    """

    base: Path
    counter: Path | None
    peers: tuple[str, ...]
    rounds: int
    scale: float

    def start(self, name: str, **environment: str) -> PeerProcess:
        """Start a peer in a fresh folder.

        Args:
            name: Which peer.
            **environment: Variables to set for it.

        Returns:
            The running peer.
        """
        return PeerProcess(PEERS[name], self.base, self.counter, environment)

    def sized(self, count: int) -> int:
        """Return `count` scaled down for a quick run."""
        return max(10, int(count * self.scale))


def _compare(
    session: Session,
    section: Section,
    ask: Callable[[PeerProcess], Costs],
    floor: Callable[[PeerProcess], Costs],
    only: tuple[str, ...] | None = None,
) -> Section:
    """Fill a section with the floor and every peer that starts."""
    with ExitStack() as stack:
        running = [stack.enter_context(closing(session.start("raw")))]
        for name in only or session.peers:
            try:
                peer = stack.enter_context(closing(session.start(name)))
                if ask(peer):
                    running.append(peer)
            except (PeerFailedError, subprocess.CalledProcessError) as error:
                section.remarks.append(f"{name} did not run: {str(error).splitlines()[-1]}")
        section.rows = in_turns(running, ask, floor, session.rounds)
    return section


def _kitaru(section: Section) -> Measured | None:
    return next((row for row in section.rows if row.peer.startswith("kitaru")), None)


def sequential(session: Session) -> Iterator[Section]:
    """Sequential checkpoints of 100 B, of 10 KB and of 1 MB."""
    sizes: tuple[tuple[str, int, str, float], ...] = (
        ("100 B", 100, "steps", 1.2),
        ("10 KB", 10_000, "steps", 1.25),
        ("1 MB", MEBIBYTE, "files", 1.3),
    )
    for label, size, work, limit in sizes:
        share = 1 if size < MEBIBYTE else 15
        floor = "a file written and synced" if work == "files" else "one INSERT and commit, synchronous=FULL"
        section = Section(f"Sequential checkpoints, {label}", f"Ratio to {floor}, timed just before and after.")

        def ask(peer: PeerProcess, size: int = size, share: int = share) -> Costs:
            return peer.ask("steps", count=max(5, peer.card.steps // share), size=size)

        def lowest(raw: PeerProcess, size: int = size, share: int = share, work: str = work) -> Costs:
            return raw.ask(work, count=max(5, raw.card.steps // share), size=size)

        _compare(session, section, ask, lowest)
        row = _kitaru(section)
        if row is not None:
            section.verdicts.append(Verdict(f"checkpoint of {label}, ratio to the floor", row.ratio, limit, "x"))
            if row.syncs is not None and size <= 100:
                section.verdicts.append(Verdict("syncs per checkpoint, at most", row.syncs, 1.02))
                section.verdicts.append(Verdict("syncs per checkpoint, at least", row.syncs, 1.0, at_least=True))
        yield section


def process_durability(session: Session) -> Iterator[Section]:
    """Processor time of a checkpoint that need not survive the machine."""
    section = Section("Durability `process`, 100 B", "Survives the death of the process, not of the machine.")
    with closing(session.start("raw")) as raw, closing(session.start("kitaru", KITARU_DURABILITY="process")) as peer:
        section.rows = in_turns(
            [raw, peer],
            lambda other: other.ask("steps", count=1000, size=100),
            lambda other: other.ask("relaxed_steps", count=1000, size=100),
            session.rounds,
        )
    row = _kitaru(section)
    if row is not None:
        section.verdicts.append(Verdict("CPU per checkpoint at `process`", row.cpu * 1e6, 100, "us"))
    yield section


def flows(session: Session) -> Iterator[Section]:
    """A flow of one checkpoint, from start to result."""
    section = Section("One-step flow, start to result", "Ratio to three plain commits: start, step, end.")
    _compare(
        session,
        section,
        lambda peer: peer.ask("flows", count=peer.card.flows),
        lambda raw: raw.ask("flows", count=100),
    )
    row = _kitaru(section)
    if row is not None:
        section.verdicts.append(Verdict("one-step flow", row.piece * 1e3, 1.5, "ms"))
    yield section


def concurrent(session: Session) -> Iterator[Section]:
    """64 checkpoints at a time, in threads and on one event loop."""
    section = Section("64 concurrent checkpoints, 100 B", "Group commit: many checkpoints share one sync.")
    count = session.sized(6400)
    with closing(session.start("kitaru", KITARU_MAX_CONCURRENCY="64")) as peer:
        works: dict[str, Callable[[], Costs]] = {
            "sequential": lambda: peer.ask("steps", count=300, size=100),
            "threads": lambda: peer.ask("fan_out", count=count),
            "asyncio": lambda: peer.ask("lanes", count=count, lanes=64),
        }
        rates: dict[str, list[float]] = {name: [] for name in works}
        syncs: dict[str, list[float]] = {name: [] for name in works}
        for turn in range(session.rounds + 1):
            for name, work in works.items():
                costs = work()
                if turn:
                    rates[name].append((costs["count"] or 0) / (costs["seconds"] or 1))
                    syncs[name].append(costs["syncs"] if costs["syncs"] is not None else float("nan"))
    one = statistics.median(rates["sequential"])
    for name in ("threads", "asyncio"):
        rate = statistics.median(rates[name])
        section.verdicts.append(Verdict(f"{name}: throughput to sequential", rate / one, 3, "x", at_least=True))
        if session.counter is not None:
            section.verdicts.append(Verdict(f"{name}: syncs per checkpoint", statistics.median(syncs[name]), 0.1))
        section.remarks.append(f"{name}: {rate:,.0f} checkpoints per second; sequential: {one:,.0f}.")
    yield section


def fan_out(session: Session) -> Iterator[Section]:
    """`.map` over 10,000 items."""
    section = Section("Fan-out of 10,000 items", "`checkpoint.map` on one machine; the second run shows what stays.")
    large, small = session.sized(10_000), session.sized(1_000)
    with closing(session.start("kitaru")) as peer:
        peer.ask("fan_out", count=small)
        few = peer.ask("fan_out", count=small)
        peer.ask("fan_out", count=large)
        many = peer.ask("fan_out", count=large)
    each_few, each_many = (few["seconds"] or 0) / small, (many["seconds"] or 0) / large
    section.verdicts += [
        Verdict("cost per item, 10,000 to 1,000", each_many / each_few, 1.3, "x"),
        Verdict("memory kept by a second run", max(0.0, (many["memory"] or 0) / MEBIBYTE), 8, "MB"),
    ]
    section.remarks.append(f"{(many['seconds'] or 0):.2f} s for {large:,} items.")
    yield section


def memory(session: Session) -> Iterator[Section]:
    """Growth of memory over many sequential checkpoints."""
    section = Section("Memory per checkpoint", "Resident memory over 10,000 checkpoints of 100 B, after 2,000.")
    count = session.sized(10_000)
    with closing(session.start("kitaru", KITARU_DURABILITY="process")) as peer:
        peer.ask("steps", count=session.sized(2_000), size=100)
        costs = peer.ask("steps", count=count, size=100)
    grown = max(0.0, (costs["memory"] or 0) / MEBIBYTE / count * 1000)
    section.verdicts.append(Verdict("growth per 1,000 checkpoints", grown, 0.4, "MB"))
    yield section


def hooks(session: Session) -> Iterator[Section]:
    """What a plugin that does nothing costs at each boundary, and what the hooks cost without one."""
    section = Section("Hooks", "A plugin with an admission, a scope and a record hook that do nothing, against none.")
    extra, unheard = [], []
    with closing(session.start("kitaru", KITARU_DURABILITY="process")) as peer:
        for turn in range(session.rounds + 1):
            plain, watched = (peer.ask(work, count=1000, size=100) for work in ("steps", "watched_steps"))
            if turn:
                extra.append(((watched["cpu"] or 0) - (plain["cpu"] or 0)) * 1e6)
                unheard.append((peer.ask("unheard_hooks", count=20_000)["cpu"] or 0) * 1e6)
    section.verdicts.append(Verdict("all hooks with no plugin, CPU per boundary", statistics.median(unheard), 8, "us"))
    section.verdicts.append(Verdict("three hooks, CPU per boundary", statistics.median(extra), 20, "us"))
    yield section


def histories(session: Session) -> Iterator[Section]:
    """Two growing conversations handed to model calls."""
    section = Section("Histories", "Each message stored once, however often the conversation is handed over.")
    for label, start, calls, limit in (("A", 836_000, 100, 1.6e6), ("B", 80_000, 1000, 7e6)):
        with closing(session.start("kitaru", KITARU_DURABILITY="process")) as peer:
            costs = peer.ask("conversation", start=start, added=5_000, calls=calls)
            size = _stored(peer.folder / "store")
        longer = (start + calls * 5_000) / start
        growth = (costs["late"] or 0) / (costs["early"] or 1)
        section.verdicts.append(Verdict(f"{label}: bytes stored", size / 1e6, limit / 1e6, "MB"))
        section.verdicts.append(Verdict(f"{label}: late call to early call, against length", growth / longer, 1, "x"))
        section.remarks.append(f"{label}: {calls} calls, {(costs['piece'] or 0) * 1e3:.2f} ms each (median).")
    yield section


def _stored(folder: Path) -> int:
    """Return the bytes under a store once its log has been moved into the database."""
    with closing(sqlite3.connect(folder / "kitaru.db")) as database:
        while database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
            time.sleep(0.05)  # the engine is at it itself
        return sum(file.stat().st_size for file in folder.rglob("*") if not file.name.endswith("-shm"))


def listing(session: Session) -> Iterator[Section]:
    """The latest 50 of 100,000 executions."""
    section = Section("List the latest 50 of 100,000 executions", "Through `KitaruClient().executions.list(limit=50)`.")
    total = session.sized(100_000)
    with closing(session.start("kitaru", KITARU_DURABILITY="process")) as peer, closing(session.start("raw")) as raw:
        costs, lowest = (other.ask("listing", total=total, repeat=20) for other in (peer, raw))
    section.verdicts.append(Verdict("list 50", (costs["piece"] or 0) * 1e3, 20, "ms"))
    section.remarks.append(f"{total:,} executions; the plain SELECT takes {(lowest['piece'] or 0) * 1e3:.2f} ms.")
    yield section


def start_up(session: Session) -> Iterator[Section]:
    """Import and command line, against an empty interpreter."""
    section = Section(
        "Start-up", "Medians over turns with an empty interpreter; processor time, so that neighbours do not count."
    )
    kitaru = Path(sys.executable).with_name("kitaru")
    commands = {
        "empty": [sys.executable, "-c", "pass"],
        "import kitaru": [sys.executable, "-c", "import kitaru"],
        "what a flow imports": [sys.executable, "-c", "from kitaru import checkpoint, flow, wait"],
        "kitaru --help": [str(kitaru), "--help"],
    }
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(max(5, session.rounds)):
        for name, command in commands.items():
            begun = resource.getrusage(resource.RUSAGE_CHILDREN)
            ended = subprocess.run(command, capture_output=True, check=False)
            spent = resource.getrusage(resource.RUSAGE_CHILDREN)
            if ended.returncode == 0:
                times[name].append((spent.ru_utime + spent.ru_stime - begun.ru_utime - begun.ru_stime) * 1e3)
    empty = statistics.median(times["empty"])
    for name, limit in (("import kitaru", 150), ("what a flow imports", 150), ("kitaru --help", 300)):
        if times[name]:
            above = statistics.median(times[name]) - (empty if limit < 300 else 0)
            section.verdicts.append(Verdict(f"{name}{' above empty' if limit < 300 else ''}", above, limit, "ms"))
        else:
            section.remarks.append(f"{name} failed, so it was not timed.")
    section.remarks.append(f"An empty interpreter takes {empty:.0f} ms.")
    yield section


def resume(session: Session) -> Iterator[Section]:
    """A fresh process continues an execution that has many completed checkpoints."""
    section = Section("Resume", "From the start of the process, imports included, to the first new boundary.")
    probe = Path(__file__).with_name("resume_probe.py")
    for count, limit in ((10_000, 1.0), (100_000, 8.0)):
        folder = Path(tempfile.mkdtemp(prefix="resume-", dir=session.base))
        env = {**os.environ, "KITARU_STORE": str(folder / "kitaru.db"), "KITARU_CONFIG_PATH": str(folder)}
        env["KITARU_DURABILITY"] = "process"
        try:
            command = [sys.executable, str(probe), "prepare", str(session.sized(count))]
            prepared = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
            exec_id = prepared.stdout.split()[-1]
            begun = time.monotonic()
            command = [sys.executable, str(probe), "continue", exec_id]
            reached = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
            seconds = float(reached.stdout.split()[-1]) - begun
            section.verdicts.append(Verdict(f"{count:,} completed checkpoints", seconds, limit, "s"))
        except subprocess.CalledProcessError as error:
            section.remarks.append(f"{count:,}: {(error.stderr or 'failed').splitlines()[-1]}")
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    yield section


SCENARIOS: dict[str, Callable[[Session], Iterator[Section]]] = {
    "sequential": sequential,
    "process": process_durability,
    "flows": flows,
    "concurrent": concurrent,
    "fan-out": fan_out,
    "memory": memory,
    "hooks": hooks,
    "histories": histories,
    "resume": resume,
    "listing": listing,
    "start-up": start_up,
}

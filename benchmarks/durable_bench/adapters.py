"""What durability costs the runs of a framework: time against the disk's own, and bytes against the conversation."""

from __future__ import annotations

import sqlite3
import statistics
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import TYPE_CHECKING

from durable_bench.environments import PEERS, PeerCard
from durable_bench.process import PeerProcess
from durable_bench.rounds import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from durable_bench.process import Costs

__all__ = ["SCENARIOS", "Bench", "Table"]

CALLS = 51
COMMITS = 100
START, ADDED, TURNS = 836_000, 5_000, 100


@dataclass
class Table:
    """One table of the report.

    Attributes:
        title: What was measured.
        note: How, in a sentence or two.
        header: Names of the columns.
        rows: The cells.
        verdicts: The figures that have a target.
    """

    title: str
    note: str
    header: tuple[str, ...]
    rows: list[tuple[str, ...]] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)


@dataclass(frozen=True)
class Bench:
    """One run of the benchmarks.

    Attributes:
        base: Folder on the disk that is measured.
        rounds: How many rounds count, after one that warms up.
    """

    base: Path
    rounds: int

    def start(self, card: PeerCard, mode: str = "") -> PeerProcess:
        """Start a peer in a fresh folder, in one of its modes."""
        return PeerProcess(card, self.base, None, {"BENCH_MODE": mode})


def _card(module: str, *requirements: str) -> PeerCard:
    return PeerCard("pydantic-ai-dbos" if requirements else module, f"{module}_peer", requirements)


def _in_turns(bench: Bench, ways: dict[str, tuple[PeerCard, str]], work: Callable[[PeerProcess], Costs]) -> _Rounds:
    """Have every way do the work once a round, with the disk timed around each."""
    found = _Rounds()
    with ExitStack() as stack:
        raw = stack.enter_context(closing(bench.start(PEERS["raw"])))
        peers = {name: stack.enter_context(closing(bench.start(*way))) for name, way in ways.items()}
        found.versions = {name: peer.version for name, peer in peers.items()}
        for turn in range(bench.rounds + 1):
            before = _commits(raw)
            for name, peer in peers.items():
                costs = work(peer)
                after = _commits(raw)
                if turn:
                    found.add(name, costs, (before + after) / 2)
                before = after
    return found


def _commits(raw: PeerProcess) -> float:
    return raw.ask("steps", count=COMMITS, size=100)["seconds"] or 0.0


class _Rounds:
    """Samples of several ways, round by round."""

    def __init__(self) -> None:
        self.versions: dict[str, str] = {}
        self._seconds: dict[str, list[float]] = {}
        self._cpu: dict[str, list[float]] = {}
        self._floor: dict[str, list[float]] = {}

    def add(self, name: str, costs: Costs, floor: float) -> None:
        self._seconds.setdefault(name, []).append(costs["seconds"] or 0.0)
        self._cpu.setdefault(name, []).append(costs["cpu"] or 0.0)
        self._floor.setdefault(name, []).append(floor)

    def seconds(self, name: str) -> float:
        return statistics.median(self._seconds[name])

    def cpu(self, name: str) -> float:
        return statistics.median(self._cpu[name])

    def above(self, name: str, plain: str) -> float:
        """Return what a way takes above another one, in plain commits of the same round."""
        together = zip(self._seconds[name], self._seconds[plain], self._floor[name], strict=True)
        return statistics.median((taken - least) / floor for taken, least, floor in together)

    def ratio(self, name: str, other: str) -> float:
        """Return what a way takes for each second of another one."""
        both = zip(self._seconds[name], self._seconds[other], strict=True)
        return statistics.median(taken / least for taken, least in both)


def _overhead(bench: Bench, title: str, ways: dict[str, tuple[PeerCard, str]]) -> Table:
    rounds = _in_turns(bench, ways, lambda peer: peer.ask("loop", calls=CALLS))
    table = Table(
        title,
        f"{CALLS} model calls with a tool call after each but the last; the models are scripted and answer at once. "
        f"*Above plain* is what a run takes longer than a plain one, in units of {COMMITS} bare commits timed beside. "
        "`bare` is the plain agent with one such commit, made in a thread so that its loop need not wait, after each "
        "of these calls: nothing that commits as often can cost less.",
        ("run", "above plain", "median", "CPU"),
    )
    for name, version_ in rounds.versions.items():
        above = "" if name == "plain" else f"{rounds.above(name, 'plain'):.2f}x"
        table.rows.append((version_, above, _ms(rounds.seconds(name)), _ms(rounds.cpu(name))))
    table.verdicts.append(Verdict(f"{title}: above plain", rounds.above("kitaru", "plain"), 1.5, "x"))
    return table


def _ms(seconds: float) -> str:
    return f"{seconds * 1e3:,.1f} ms"


def pydantic_ai(bench: Bench) -> Table:
    """A run of PydanticAI: plain, with kitaru, with its own DBOS integration."""
    ours = _card("pydantic_ai")
    theirs = _card("pydantic_ai", f"pydantic-ai-slim[dbos]=={version('pydantic-ai-slim')}")
    ways = {**{mode: (ours, mode) for mode in ("plain", "bare", "kitaru")}, "dbos": (theirs, "dbos")}
    return _overhead(bench, "PydanticAI", ways)


def openai_agents(bench: Bench) -> Table:
    """A run of the OpenAI Agents SDK: plain, and with kitaru."""
    card = _card("openai_agents")
    return _overhead(bench, "OpenAI Agents SDK", {mode: (card, mode) for mode in ("plain", "bare", "kitaru")})


def langgraph(bench: Bench) -> Table:
    """Super-steps of a LangGraph agent: its SQLite saver against ours."""
    card = _card("langgraph_agent")
    modes = ("saver", "calls", "graph_call", "kitaru_saver", "calls_in_memory", "graph_call_in_memory")
    rounds = _in_turns(bench, {mode: (card, mode) for mode in modes}, lambda peer: peer.ask("loop", calls=CALLS))
    table = Table(
        "LangGraph, time per super-step",
        f"An agent of {CALLS} model calls with a tool call after each but the last; everything synced to the disk "
        '(`synchronous=FULL`, `durability="sync"`). `saver` is its own SQLite saver, `kitaru_saver` is ours; `calls` '
        "and `graph_call` are strategies of the runner, which need no saver. With `_in_memory` the graph also keeps "
        "all its states in an `InMemorySaver`, as it does where earlier states of a thread are asked for.",
        ("run", "to its SQLite saver", "per super-step", "CPU per run"),
    )
    for mode in modes:
        step = _ms(rounds.seconds(mode) / (2 * CALLS - 1))
        cpu = _ms(rounds.cpu(mode) * (2 * CALLS - 1))
        table.rows.append((rounds.versions[mode], f"{rounds.ratio(mode, 'saver'):.2f}x", step, cpu))
    for mode in ("calls", "graph_call", "kitaru_saver"):
        table.verdicts.append(Verdict(f"LangGraph, super-step of `{mode}`", rounds.ratio(mode, "saver"), 1, "x"))
    return table


def storage(bench: Bench) -> Table:
    """Bytes of one run over a long conversation."""
    table = Table(
        "Bytes of one run over a long conversation",
        f"{START // 1000} KB of conversation to begin with, {TURNS} model calls, {ADDED // 1000} KB added by each: "
        f"{(START + TURNS * ADDED) / 1e6:.2f} MB of text at the end, and a tool's result is one value more.",
        ("run", "stored"),
    )
    ways: Sequence[tuple[str, str, float | None]] = (
        ("pydantic_ai", "kitaru", 1.6),
        ("openai_agents", "kitaru", 1.6),
        ("langgraph_agent", "calls", 1.6),
        ("langgraph_agent", "graph_call", 1.6),
        ("langgraph_agent", "kitaru_saver", None),
        ("langgraph_agent", "saver", None),
    )
    for module, mode, limit in ways:
        with closing(bench.start(_card(module), mode)) as peer:
            peer.ask("conversation", start=START, added=ADDED, calls=TURNS)
            size = _stored(peer.folder / "store") / 1e6
            table.rows.append((peer.version, f"{size:.2f} MB"))
            if limit is not None:
                table.verdicts.append(Verdict(f"stored: {peer.version}", size, limit, "MB"))
    return table


def _stored(folder: Path) -> int:
    """Return the bytes of the databases in a folder once their logs have been moved into them."""
    for file in folder.rglob("*.db"):
        with closing(sqlite3.connect(file)) as database:
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return sum(file.stat().st_size for file in folder.rglob("*.db"))


SCENARIOS: dict[str, Callable[[Bench], Table]] = {
    "pydantic-ai": pydantic_ai,
    "openai-agents": openai_agents,
    "langgraph": langgraph,
    "storage": storage,
}

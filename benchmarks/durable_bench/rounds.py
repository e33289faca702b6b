"""Measuring peers in turns: each round, every peer runs once, with the floor timed just before and just after it."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from durable_bench.process import Costs, PeerProcess

__all__ = ["Measured", "Verdict", "in_turns"]


@dataclass(frozen=True)
class Measured:
    """What one peer took for one piece of a scenario: medians over all rounds.

    Attributes:
        peer: Which engine and version.
        piece: Median seconds of one piece.
        mean: Mean seconds of one piece; above the median by what housekeeping costs now and then.
        cpu: Processor seconds of one piece.
        syncs: fsync and fdatasync calls of one piece, `None` where they were not counted.
        ratio: `piece` relative to the floor in the same round.
        rounds: The ratio of each round.
    """

    peer: str
    piece: float
    mean: float
    cpu: float
    syncs: float | None
    ratio: float
    rounds: tuple[float, ...] = ()


@dataclass(frozen=True)
class Verdict:
    """One measured figure against its target.

    Attributes:
        name: What was measured.
        figure: The measured value.
        target: The most it may be; the least, where `at_least`.
        unit: Unit of both.
        at_least: Whether more is better.
    """

    name: str
    figure: float
    target: float
    unit: str = ""
    at_least: bool = False

    @property
    def holds(self) -> bool:
        """Whether the figure meets its target."""
        return self.figure >= self.target if self.at_least else self.figure <= self.target


@dataclass
class _Samples:
    piece: list[float] = field(default_factory=list)
    mean: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    syncs: list[float] = field(default_factory=list)
    ratio: list[float] = field(default_factory=list)

    def add(self, costs: Costs, floor: float) -> None:
        piece = costs["piece"] or 0.0
        self.piece.append(piece)
        self.mean.append((costs["seconds"] or 0.0) / (costs["count"] or 1.0))
        self.cpu.append(costs["cpu"] or 0.0)
        syncs = costs.get("syncs")
        if syncs is not None:
            self.syncs.append(syncs)
        self.ratio.append(piece / floor)

    def measured(self, peer: str) -> Measured:
        return Measured(
            peer=peer,
            piece=statistics.median(self.piece),
            mean=statistics.median(self.mean),
            cpu=statistics.median(self.cpu),
            syncs=statistics.median(self.syncs) if self.syncs else None,
            ratio=statistics.median(self.ratio),
            rounds=tuple(self.ratio),
        )


def in_turns(
    peers: list[PeerProcess],
    ask: Callable[[PeerProcess], Costs],
    floor: Callable[[PeerProcess], Costs],
    rounds: int,
) -> list[Measured]:
    """Measure several peers in turns.

    The first round warms everything up and is thrown away.

    Args:
        peers: The floor first, then the peers.
        ask: Has a peer do the work; empty costs mean that it cannot.
        floor: Has the first peer do the least that any engine must do.
        rounds: How many rounds count.

    Returns:
        One entry for the floor and for each peer that can do the work.
    """
    lowest, others = peers[0], peers[1:]
    samples: dict[str, _Samples] = {}
    for turn in range(rounds + 1):
        before = floor(lowest)
        for peer in others:
            costs = ask(peer)
            after = floor(lowest)
            if costs and turn:
                pair = ((before["piece"] or 0.0) + (after["piece"] or 0.0)) / 2
                samples.setdefault(lowest.version, _Samples()).add(after, pair)
                samples.setdefault(peer.version, _Samples()).add(costs, pair)
            before = after
    return [found.measured(peer) for peer, found in samples.items()]

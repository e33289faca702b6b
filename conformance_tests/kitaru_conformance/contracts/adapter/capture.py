"""What is kept for people."""

from __future__ import annotations

from typing import Literal

from kitaru_conformance.contracts.adapter.scripts import CHAIN
from kitaru_conformance.harness import AdapterHarness, Settings
from kitaru_conformance.lab import Lab
from kitaru_conformance.requirements import requirement
from kitaru_conformance.script import Script, Tool, ToolCall, Turn

__all__ = ["Capture"]

_NEEDS = {"capture"}
_POLICIES: tuple[Literal["default", "all", "none"], ...] = ("default", "all", "none")


class Capture:
    """Cases about capture policies."""

    harness: type[AdapterHarness]

    @requirement("A-130", needs=_NEEDS)
    def test_a_policy_changes_no_answer_and_no_boundary(self, lab: Lab, strategy: str) -> None:
        """Runs have the same answer and the same boundaries under every capture policy.

        If this fails: something that the run needs is kept only where the policy allows it.
        """
        runs = [lab.run(CHAIN, settings=Settings(strategy=strategy, capture=policy)) for policy in _POLICIES]
        assert len({(run.answer.text, tuple(run.names)) for run in runs}) == 1

    @requirement("A-131", needs=_NEEDS)
    def test_a_rerun_needs_nothing_that_was_captured(self, lab: Lab, strategy: str) -> None:
        """With nothing captured a finished run is still not repeated.

        If this fails: repair A-130 first; values that a rerun needs do not go through the policy.
        """
        settings = Settings(strategy=strategy, capture="none")
        run = lab.run(CHAIN, settings=settings, environment={"KITARU_CRASH_AT": "flow.body_done"}).go_on()
        done = (run.ledger.count("model"), run.ledger.count("tool"))
        assert (run.answer.text, done) == ("A one and B two", (3, 2))

    @requirement("A-132", needs={"capture", "granular"})
    def test_a_replay_needs_nothing_that_was_captured(self, lab: Lab) -> None:
        """With nothing captured a replay still reuses what came before.

        If this fails: repair A-131 first.
        """
        source = lab.run(CHAIN, settings=Settings(strategy=self.harness.granular or "", capture="none"))
        again = source.replay(source.ids[4], ledger=lab.ledger())
        assert (again.answer.text, again.ledger.count("model"), again.ledger.count("tool")) == ("A one and B two", 1, 0)

    @requirement("A-133", needs=_NEEDS)
    def test_nothing_captured_shows_no_arguments(self, lab: Lab, strategy: str) -> None:
        """With nothing captured neither inputs nor metadata nor saved artifacts show the arguments of a tool.

        If this fails: hand arguments to the seam as `identity`, not as `inputs`, where the policy forbids them.
        """
        run = lab.run(_marked(), settings=Settings(strategy=strategy, capture="none"))
        assert run.error is None
        assert "m4rk3d" not in run.captured

    @requirement("A-134", needs={"capture", "granular"})
    def test_everything_captured_shows_arguments(self, lab: Lab) -> None:
        """With everything captured the arguments of a tool are shown somewhere.

        If this fails: the policy is not handed on to where boundaries are described.
        """
        run = lab.run(_marked(), settings=Settings(strategy=self.harness.granular or "", capture="all"))
        assert "m4rk3d" in run.captured


def _marked() -> Script:
    turns = (Turn(calls=(ToolCall("a", "m4rk3d", "c1"),)), Turn(text="done"))
    return Script(turns=turns, tools=(Tool(name="a", result="A"),))

"""Tokens, counted once."""

from __future__ import annotations

from msgspec import convert

from kitaru_conformance.contracts.adapter.scripts import CHAIN
from kitaru_conformance.harness import AdapterHarness, Answer, Settings
from kitaru_conformance.lab import Lab
from kitaru_conformance.requirements import requirement
from kitaru_conformance.run import Run

__all__ = ["Usage"]

_NEEDS = {"usage"}
_TOTAL = (30, 15)


def _counted(run: Run, prefix: str = "") -> tuple[int, int]:
    summary = run.execution.llm_usage_summary or {}
    return summary.get(f"{prefix}input_tokens", 0), summary.get(f"{prefix}output_tokens", 0)


class Usage:
    """Cases about usage records."""

    harness: type[AdapterHarness]

    @requirement("A-150", needs=_NEEDS)
    def test_tokens_are_counted_once(self, lab: Lab, strategy: str) -> None:
        """The tokens of an execution are those that the model reported, each counted once.

        If this fails: record usage at one place only, where the model's answer is at hand.
        """
        assert _counted(lab.run(CHAIN, settings=Settings(strategy=strategy))) == _TOTAL

    @requirement("A-151", needs=_NEEDS)
    def test_a_rerun_counts_nothing_again(self, lab: Lab, strategy: str) -> None:
        """A rerun of a finished run adds no tokens.

        If this fails: repair A-150 first; then give usage records an id, or record them inside the boundary.
        """
        crash = {"KITARU_CRASH_AT": "flow.body_done"}
        run = lab.run(CHAIN, settings=Settings(strategy=strategy), environment=crash).go_on()
        assert _counted(run) == _TOTAL

    @requirement("A-152", needs=_NEEDS)
    def test_the_result_of_a_rerun_has_the_usage_of_the_first(self, lab: Lab, strategy: str) -> None:
        """The framework's own result reports the same usage without kitaru, with it, and after a rerun.

        If this fails: what a reused call spent has to be added to the framework's own count as well.
        """
        plain = lab.plain(CHAIN)
        crash = {"KITARU_CRASH_AT": "flow.body_done"}
        settings = Settings(strategy=strategy)
        first = lab.run(CHAIN, settings=settings).answer
        again = lab.run(CHAIN, settings=settings, environment=crash).go_on().answer
        assert plain.answer is not None
        assert [convert(plain.answer, Answer).usage, first.usage, again.usage] == [_TOTAL] * 3

    @requirement("A-153", needs={"usage", "granular"})
    def test_reused_calls_are_told_from_incurred_ones(self, lab: Lab) -> None:
        """A replay tells the tokens of reused calls from those of the calls that it made.

        If this fails: repair A-151 first; then record the usage of a call inside its boundary.
        """
        source = lab.run(CHAIN)
        again = source.replay(source.ids[4], ledger=lab.ledger())
        assert (_counted(again, "reused_"), _counted(again, "incurred_")) == ((20, 10), (10, 5))

    @requirement("A-154", needs={"usage", "granular"})
    def test_a_failed_call_does_not_count_what_came_before_again(self, lab: Lab) -> None:
        """An execution that failed and was retried has the tokens of its model calls, each counted once.

        If this fails: repair A-151 first.
        """
        run = lab.run(CHAIN, environment={"KITARU_CRASH_AT": "boundary.before_body:4"}).go_on()
        assert _counted(run) == _TOTAL

    @requirement("A-155", needs=_NEEDS)
    def test_usage_says_which_adapter_counted_it(self, lab: Lab, strategy: str) -> None:
        """Usage records name the adapter.

        If this fails: give the card's name in the usage record.
        """
        run = lab.run(CHAIN, settings=Settings(strategy=strategy))
        assert (run.execution.llm_usage_summary or {}).get("adapters") == [self.harness.adapter]

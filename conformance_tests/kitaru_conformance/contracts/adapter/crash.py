"""SIGKILL at every boundary of a real process, and the execution continued by another one."""

from __future__ import annotations

from collections import Counter

import pytest

from kitaru_conformance.contracts.adapter.scripts import CHAIN
from kitaru_conformance.harness import AdapterHarness, Settings
from kitaru_conformance.lab import KILLED, Lab
from kitaru_conformance.requirements import requirement
from kitaru_conformance.run import Run

__all__ = ["Crash"]

_TEXT = "A one and B two"
_PLACES = ("model:0:begin", "tool:a:begin", "model:1:begin", "tool:b:end", "model:2:end")


def _done(run: Run) -> list[int]:
    """Return how often each of the five calls of a chain ran."""
    seen = Counter(event.label for event in run.ledger.events() if event.phase == "begin")
    return [seen[label] for label in ("model:0", "tool:a", "model:1", "tool:b", "model:2")]


class Crash:
    """Cases that kill."""

    harness: type[AdapterHarness]

    @pytest.fixture
    def boundaries(self, lab: Lab) -> int:
        """How many boundaries a chain has."""
        return len(lab.run(CHAIN).boundaries)

    @requirement("A-40", needs={"granular"})
    def test_a_kill_before_any_call_repeats_nothing(self, lab: Lab, boundaries: int) -> None:
        """Killed before the body of any boundary and continued, a run ends as if nothing had happened.

        If this fails: repair A-30 first.
        """
        for number in range(1, boundaries + 1):
            run = lab.run(CHAIN, environment={"KITARU_CRASH_AT": f"boundary.before_body:{number}"})
            assert (number, run.result.code) == (number, KILLED)
            assert (number, run.go_on().answer.text, _done(run)) == (number, _TEXT, [1] * 5)

    @requirement("A-41", needs={"granular"})
    def test_a_kill_between_a_call_and_its_record_repeats_only_that_call(self, lab: Lab, boundaries: int) -> None:
        """Killed behind the body of any boundary, before its record, a run repeats that call and no other.

        If this fails: repair A-40 first.
        """
        for number in range(1, boundaries + 1):
            run = lab.run(CHAIN, environment={"KITARU_CRASH_AT": f"boundary.after_body:{number}"})
            assert (number, run.result.code) == (number, KILLED)
            assert (number, run.go_on().answer.text) == (number, _TEXT)
            assert (number, max(_done(run)) <= 2, sum(_done(run)) <= 6) == (number, True, True)

    @requirement("A-42", needs={"granular"})
    def test_a_kill_behind_any_record_repeats_nothing(self, lab: Lab, boundaries: int) -> None:
        """Killed behind the record of any boundary and continued, a run repeats no call.

        If this fails: repair A-40 first.
        """
        for number in range(1, boundaries + 1):
            run = lab.run(CHAIN, environment={"KITARU_CRASH_AT": f"boundary.after_commit:{number}"})
            assert (number, run.result.code) == (number, KILLED)
            assert (number, run.go_on().answer.text, _done(run)) == (number, _TEXT, [1] * 5)

    @requirement("A-43", needs={"granular"})
    def test_a_run_that_is_killed_at_every_step_still_ends(self, lab: Lab, boundaries: int) -> None:
        """Killed behind each new record, process after process, a run still ends, and no call runs twice.

        If this fails: repair A-42 first.
        """
        crash = {"KITARU_CRASH_AT": "boundary.after_commit"}
        run = lab.run(CHAIN, environment=crash)
        for _ in range(boundaries):
            if run.result.code == KILLED:
                run.go_on(crash)
        assert (run.answer.text, _done(run)) == (_TEXT, [1] * 5)

    @requirement("A-44", needs={"granular"})
    def test_a_kill_inside_a_tool_repeats_only_that_tool(self, lab: Lab) -> None:
        """Killed in the middle of a tool and continued, a run repeats that tool and no other call.

        If this fails: repair A-40 first.
        """
        run = lab.run(CHAIN, environment={"KITARU_CONFORMANCE_DIE_AT": "tool:b:begin"})
        assert run.result.code == KILLED
        assert (run.go_on().answer.text, _done(run)) == (_TEXT, [1, 1, 1, 2, 1])

    @requirement("A-45", needs={"granular"})
    def test_a_kill_inside_a_model_call_repeats_only_that_call(self, lab: Lab) -> None:
        """Killed while the model thinks and continued, a run repeats that request and no other call.

        If this fails: repair A-40 first.
        """
        run = lab.run(CHAIN, environment={"KITARU_CONFORMANCE_DIE_AT": "model:1:begin"})
        assert run.result.code == KILLED
        assert (run.go_on().answer.text, _done(run)) == (_TEXT, [1, 1, 2, 1, 1])

    @requirement("A-46", needs={"whole"})
    def test_a_kill_inside_a_whole_run_makes_it_again(self, lab: Lab) -> None:
        """Killed at any call inside a whole run and continued, the run gives its answer.

        If this fails: something outside of the journal remembers the broken run.
        """
        settings = Settings(strategy=self.harness.whole or "")
        for place in _PLACES[1::3] if self.harness.dear else _PLACES:
            run = lab.run(CHAIN, settings=settings, environment={"KITARU_CONFORMANCE_DIE_AT": place})
            assert (place, run.result.code) == (place, KILLED)
            assert (place, run.go_on().answer.text) == (place, _TEXT)

    @requirement("A-47", needs={"whole"})
    def test_a_kill_behind_a_whole_run_repeats_nothing(self, lab: Lab) -> None:
        """Killed behind the record of a whole run and continued, nothing is called again.

        If this fails: repair A-30 first.
        """
        crash = {"KITARU_CRASH_AT": "boundary.after_commit"}
        run = lab.run(CHAIN, settings=Settings(strategy=self.harness.whole or ""), environment=crash)
        assert run.result.code == KILLED
        assert (run.go_on().answer.text, _done(run)) == (_TEXT, [1] * 5)

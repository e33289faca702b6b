"""Strategies, and the public methods that run an agent."""

from __future__ import annotations

from kitaru.hooks import get_manager
from kitaru_conformance.contracts.adapter.scripts import CHAIN
from kitaru_conformance.harness import AdapterHarness, Settings
from kitaru_conformance.lab import Lab
from kitaru_conformance.requirements import requirement

__all__ = ["Strategies"]

_UNKNOWN = Settings(strategy="no_such_strategy")


class Strategies:
    """Cases about what can be chosen and called."""

    harness: type[AdapterHarness]

    @requirement("A-06")
    def test_an_unknown_strategy_is_refused_with_the_list(self, lab: Lab) -> None:
        """An unknown strategy is refused, and the refusal names it and those there are.

        If this fails: check the name where the adapter is set up, before anything runs.
        """
        run = lab.run(CHAIN, settings=_UNKNOWN)
        assert run.error is not None
        card = get_manager().adapters()[self.harness.adapter]
        assert all(name in run.error[1] for name in (_UNKNOWN.strategy, *card.strategies))

    @requirement("A-07")
    def test_an_unknown_strategy_runs_nothing(self, lab: Lab) -> None:
        """An unknown strategy is refused before the model or a tool is called.

        If this fails: repair A-06 first.
        """
        assert lab.run(CHAIN, settings=_UNKNOWN).ledger.events() == []

    @requirement("A-08", needs={"granular"})
    def test_each_call_is_a_boundary_of_its_own(self, lab: Lab) -> None:
        """In the granular strategy each model call and each tool call is one boundary, in the order in which they ran.

        If this fails: look at the seam of the kind of call that is missing or held twice.
        """
        run = lab.run(CHAIN, settings=Settings(strategy=self.harness.granular or ""))
        assert run.answer.text == "A one and B two"
        assert len(run.calls) == len([event for event in run.ledger.events() if event.phase == "begin"])

    @requirement("A-09", needs={"whole"})
    def test_a_whole_run_is_one_boundary(self, lab: Lab) -> None:
        """In the whole-run strategy a run is one boundary, whatever it calls.

        If this fails: look whether calls inside the boundary open boundaries too.
        """
        run = lab.run(CHAIN, settings=Settings(strategy=self.harness.whole or ""))
        assert (run.answer.text, len(run.calls)) == ("A one and B two", 1)

    @requirement("A-10", needs={"surface"})
    def test_every_method_that_runs_something_is_accounted_for(self, lab: Lab) -> None:
        """Every public method that runs an agent is declared durable, opted out or refused.

        If this fails: a method of the framework leads past the adapter; wrap or refuse it, then declare it.
        """
        assert set(lab.harness.running_methods()) == set(lab.harness.entry_points())

    @requirement("A-11", needs={"surface"})
    def test_methods_declared_durable_are_recorded(self, lab: Lab) -> None:
        """A method declared durable leaves boundaries behind, and its run can be finished by another process.

        If this fails: repair A-10 first; then look at which calls of the method reach the seam.
        """
        for name, entry in lab.harness.entry_points().items():
            if entry.treatment == "durable":
                run = lab.run(CHAIN, form=name, environment={"KITARU_CRASH_AT": "flow.body_done"}).go_on()
                done = (len(run.calls) > 0, run.ledger.count("tool:a"), run.ledger.count("tool:b"))
                assert (name, run.error, *done) == (name, None, True, 1, 1)

    @requirement("A-12", needs={"surface"})
    def test_methods_declared_refused_raise(self, lab: Lab) -> None:
        """A method declared refused raises at flow scope before anything runs.

        If this fails: the method runs without being recorded; refuse it with what to use instead.
        """
        for name, entry in lab.harness.entry_points().items():
            if entry.treatment == "refused":
                run = lab.run(CHAIN, form=name)
                assert (name, run.error is None, run.ledger.events()) == (name, False, [])

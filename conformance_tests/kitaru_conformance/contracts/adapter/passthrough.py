"""Where a run stands: in a flow, outside of all flows, inside a checkpoint."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from kitaru_conformance.contracts.adapter.scripts import CHAIN
from kitaru_conformance.harness import AdapterHarness, Answer, Place, Settings
from kitaru_conformance.lab import Lab
from kitaru_conformance.requirements import requirement

__all__ = ["Passthrough"]


def _at(declared: Place | Mapping[str, Place], strategy: str) -> Place:
    return declared[strategy] if isinstance(declared, Mapping) else declared


class Passthrough:
    """Cases about the places in which an agent may be run."""

    harness: type[AdapterHarness]

    @requirement("A-13")
    def test_a_flow_gets_what_the_framework_alone_gives(self, lab: Lab, form: str) -> None:
        """In a flow every form of a run gives the text that the framework gives without kitaru.

        If this fails: run the harness's `plain` and compare what the model was shown, in the ledger.
        """
        plain = lab.plain(CHAIN)
        assert plain.answer is not None, plain.error
        run = lab.run(CHAIN, form=form)
        assert (run.error, run.answer.text) == (None, plain.answer["text"])

    @requirement("A-14")
    def test_the_model_is_shown_what_it_is_shown_without_kitaru(self, lab: Lab, strategy: str) -> None:
        """The model and the tools are called as often, and with the same, as without kitaru.

        If this fails: repair A-13 first.
        """
        ledger, alone = lab.run(CHAIN, settings=Settings(strategy=strategy)).ledger, lab.ledger()
        lab.here(CHAIN, alone, form="plain")
        seen = [[(e.label, e.phase, e.value) for e in one.events()] for one in (alone, ledger)]
        assert seen[0] == seen[1]

    @requirement("A-15")
    def test_outside_of_flows_a_run_is_recorded_plain_or_refused_as_declared(self, lab: Lab, strategy: str) -> None:
        """Outside of any flow a run opens a flow of its own, runs plainly, or is refused, as the adapter declares.

        If this fails: ask `kitaru.seam.in_flow()` first; `automatic_flow` opens a flow.
        """
        place = _at(self.harness.outside_flow, strategy)
        ledger = lab.ledger()
        result = lab.here(CHAIN, ledger, settings=Settings(strategy=strategy))
        made = lab.client.executions.list()
        assert ledger.count("tool") == (0 if place == "refused" else 2)
        assert (result.error is not None) == (place == "refused")
        assert sum(len(one.checkpoints) > 0 for one in made) == (1 if place == "recorded" else 0)

    @requirement("A-16")
    def test_outside_of_flows_a_run_gives_the_same_answer(self, lab: Lab, strategy: str) -> None:
        """Outside of any flow a run that is not refused gives the answer that a flow gives.

        If this fails: repair A-15 first.
        """
        result = lab.here(CHAIN, lab.ledger(), settings=Settings(strategy=strategy))
        if _at(self.harness.outside_flow, strategy) == "refused":
            assert result.error is not None
        else:
            assert result.answer is not None
            assert msgspec.convert(result.answer, Answer).text == "A one and B two"

    @requirement("A-17")
    def test_inside_a_checkpoint_there_are_no_boundaries_of_its_own(self, lab: Lab, strategy: str) -> None:
        """Inside a checkpoint a run opens no boundaries, because that checkpoint is the boundary.

        If this fails: ask `kitaru.seam.in_checkpoint()` before opening one.
        """
        run = lab.run(CHAIN, settings=Settings(strategy=strategy), scope="checkpoint")
        refused = _at(self.harness.inside_checkpoint, strategy) == "refused"
        assert [call.adapter for call in run.boundaries] == [None]
        assert run.status == ("failed" if refused else "completed")
        assert run.ledger.count("tool") == (0 if refused else 2)

    @requirement("A-18")
    def test_inside_a_checkpoint_the_answer_is_the_same(self, lab: Lab, strategy: str) -> None:
        """Inside a checkpoint a run that is not refused gives its answer, and the checkpoint keeps it.

        If this fails: repair A-17 first.
        """
        if _at(self.harness.inside_checkpoint, strategy) == "refused":
            run = lab.run(CHAIN, settings=Settings(strategy=strategy), scope="checkpoint")
            assert run.error is not None
            return
        crash = {"KITARU_CRASH_AT": "flow.body_done"}
        run = lab.run(CHAIN, settings=Settings(strategy=strategy), scope="checkpoint", environment=crash).go_on()
        assert (run.answer.text, run.ledger.count("tool")) == ("A one and B two", 2)

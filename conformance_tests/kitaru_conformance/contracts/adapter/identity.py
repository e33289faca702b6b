"""By which names and records a call is found again."""

from __future__ import annotations

from typing import Any

from kitaru_conformance.contracts.adapter.scripts import CHAIN
from kitaru_conformance.harness import AdapterHarness, Settings
from kitaru_conformance.histories import matches
from kitaru_conformance.lab import Lab
from kitaru_conformance.requirements import requirement
from kitaru_conformance.run import Run
from kitaru_conformance.script import Script, Tool, ToolCall, Turn

__all__ = ["Identity"]


class Identity:
    """Cases about the names of boundaries and the order of records."""

    harness: type[AdapterHarness]

    def _calls_of(self, run: Run) -> list[dict[str, Any]]:
        return [record for record in run.records if record.get("type") not in self.harness.bookkeeping]

    @requirement("A-20")
    def test_two_executions_have_the_same_names(self, lab: Lab, strategy: str) -> None:
        """Two executions of one script have boundaries of the same names, in the same order.

        If this fails: a name is made of something that is new in every run, such as an id or a time.
        """
        first, second = (lab.run(CHAIN, settings=Settings(strategy=strategy)).names for _ in range(2))
        assert first == second
        assert first

    @requirement("A-21")
    def test_every_form_leaves_the_same_boundaries(self, lab: Lab, form: str) -> None:
        """The synchronous, asynchronous and streamed forms leave boundaries of the same kinds, in the same order.

        If this fails: the forms take different ways to the seam; compare `kitaru executions get` of both.
        """
        shapes = [
            [(call.checkpoint_type, call.status) for call in lab.run(CHAIN, form=one).calls] for one in ("sync", form)
        ]
        assert shapes[0] == shapes[1]

    @requirement("A-22")
    def test_boundaries_carry_the_name_of_the_adapter(self, lab: Lab, strategy: str) -> None:
        """Every boundary says which adapter opened it.

        If this fails: give the card's name as `Unit.adapter`.
        """
        calls = lab.run(CHAIN, settings=Settings(strategy=strategy)).boundaries
        assert {call.adapter for call in calls} == {self.harness.adapter}

    @requirement("A-23")
    def test_two_runs_in_one_flow_are_told_apart(self, lab: Lab, strategy: str) -> None:
        """Two runs of one agent in one flow share no boundary.

        If this fails: put the number of the run into the key, as `kitaru.seam.occurrence` counts it.
        """
        run = lab.run(CHAIN, settings=Settings(strategy=strategy), times=2)
        assert [answer.text for answer in run.answers] == ["A one and B two"] * 2
        assert (run.ledger.count("model"), run.ledger.count("tool")) == (6, 4)
        assert len(set(run.names)) == len(run.names)

    @requirement("A-24")
    def test_two_runs_in_one_flow_are_told_apart_by_a_rerun(self, lab: Lab, strategy: str) -> None:
        """A rerun gives each of two runs of one agent its own results back.

        If this fails: repair A-23 first.
        """
        crash = {"KITARU_CRASH_AT": "flow.body_done"}
        run = lab.run(CHAIN, settings=Settings(strategy=strategy), times=2, environment=crash).go_on()
        assert [answer.text for answer in run.answers] == ["A one and B two"] * 2
        assert (run.ledger.count("model"), run.ledger.count("tool")) == (6, 4)

    @requirement("A-25", needs={"granular"})
    def test_equal_calls_keep_their_own_results(self, lab: Lab) -> None:
        """Two calls of one tool with equal arguments are two boundaries.

        If this fails: the key is made of the arguments; it must be made of the place, such as the id of the call.
        """
        calls = (ToolCall("a", "same", "c1"), ToolCall("a", "same", "c2"))
        turns = (*(Turn(calls=(call,)) for call in calls), Turn(text="{c1} {c2}"))
        run = lab.run(Script(turns=turns, tools=(Tool(name="a", result="A {value}"),)))
        assert (run.ledger.count("tool:a"), len(run.calls)) == (2, 5)

    @requirement("A-26", needs={"granular"})
    def test_the_history_of_a_chain_is_as_expected(self, lab: Lab) -> None:
        """The journal of a run with two tools holds what `histories/chain.toml` lists, in that order.

        If this fails: repair A-08 first; then compare the records of `kitaru executions export` with the file.
        """
        assert matches("chain", self._calls_of(lab.run(CHAIN))) == []

    @requirement("A-27", needs={"granular"})
    def test_the_history_of_a_continued_chain_is_as_expected(self, lab: Lab) -> None:
        """The journal of a run that was killed behind its first tool holds what `histories/continued.toml` lists.

        If this fails: repair A-26 and A-33 first.
        """
        run = lab.run(CHAIN, environment={"KITARU_CRASH_AT": "boundary.after_commit:2"}).go_on()
        assert matches("continued", self._calls_of(run)) == []

    @requirement("A-28")
    def test_the_journal_holds_no_live_objects(self, lab: Lab, strategy: str) -> None:
        """Whatever is kept of a run can be read without the framework, and holds no address of an object.

        If this fails: an object of the framework was stored as its `repr`; write it down as data.
        """
        run = lab.run(CHAIN, settings=Settings(strategy=strategy))
        kept = repr([artifact.readable() for artifact in run.execution.artifacts])
        shown = repr([(call.inputs, call.metadata) for call in run.boundaries])
        assert " object at 0x" not in kept + shown

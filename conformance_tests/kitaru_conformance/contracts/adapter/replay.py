"""New executions derived from old ones."""

from __future__ import annotations

from kitaru_conformance.contracts.adapter.scripts import CHAIN
from kitaru_conformance.harness import AdapterHarness, Settings
from kitaru_conformance.lab import Lab
from kitaru_conformance.requirements import requirement
from kitaru_conformance.script import Script, Turn

__all__ = ["Replay"]


class Replay:
    """Cases about replays and overrides."""

    harness: type[AdapterHarness]

    @requirement("A-50", needs={"granular"})
    def test_a_replay_from_any_call_runs_that_call_and_those_behind_it(self, lab: Lab) -> None:
        """A replay reuses the calls before the chosen one and runs that one and all behind it.

        If this fails: repair A-30 first; then look whether keys hold anything of the execution, such as its id.
        """
        source = lab.run(CHAIN)
        order = [event.label for event in source.ledger.events() if event.phase == "begin"]
        for number, call_id in enumerate(source.ids):
            again = source.replay(call_id, ledger=lab.ledger())
            ran = [event.label for event in again.ledger.events() if event.phase == "begin"]
            assert (number, again.answer.text, ran) == (number, source.answer.text, order[number:])

    @requirement("A-51", needs={"granular"})
    def test_a_replay_says_what_it_reused(self, lab: Lab) -> None:
        """A replay's boundaries have the names of the source, and say which of them were reused.

        If this fails: repair A-50 first.
        """
        source = lab.run(CHAIN)
        again = source.replay(source.ids[3], ledger=lab.ledger())
        assert again.names == source.names
        assert [call.cache_status for call in again.calls] == ["reused"] * 3 + ["executed"] * 2

    @requirement("A-52")
    def test_a_replay_leaves_its_source_as_it_was(self, lab: Lab, strategy: str) -> None:
        """A replay changes no record of the execution it derives from.

        If this fails: the adapter writes to the source through an id that it kept; use the ids of this execution.
        """
        source = lab.run(CHAIN, settings=Settings(strategy=strategy))
        before = source.records
        source.replay(source.ids[0], ledger=lab.ledger())
        assert source.records == before

    @requirement("A-53", needs={"whole"})
    def test_a_replay_of_a_whole_run_makes_it_anew(self, lab: Lab) -> None:
        """A replay from a whole run makes every call of it again and gives the same answer.

        If this fails: repair A-46 first.
        """
        source = lab.run(CHAIN, settings=Settings(strategy=self.harness.whole or ""))
        again = source.replay(source.ids[0], ledger=lab.ledger())
        done = (again.ledger.count("model"), again.ledger.count("tool"))
        assert (again.answer.text, done) == (source.answer.text, (3, 2))

    @requirement("A-54", needs={"granular"})
    def test_the_result_of_a_tool_can_be_replaced(self, lab: Lab) -> None:
        """A replay takes a plain value for what a tool returned, and shows it to the model without running the tool.

        If this fails: put the plain value into the envelope that the adapter itself stores.
        """
        source = lab.run(CHAIN)
        replaced = {f"checkpoint.{source.ids[3]}": "something else"}
        again = source.replay(source.ids[4], ledger=lab.ledger(), overrides=replaced)
        assert (again.answer.text, again.ledger.count("tool")) == ("A one and something else", 0)

    @requirement("A-55", needs={"granular", "override_model"})
    def test_what_a_model_said_can_be_replaced(self, lab: Lab) -> None:
        """A replay takes a value that a person wrote for what a model said, and the run goes on from there.

        If this fails: repair A-54 first.
        """
        source = lab.run(CHAIN)
        said = {f"checkpoint.{source.ids[4]}": Turn(text="said by a person")}
        again = source.replay(source.ids[4], ledger=lab.ledger(), models=said)
        assert (again.answer.text, again.ledger.count("model:2")) == ("said by a person", 0)

    @requirement("A-56", needs={"granular"})
    def test_a_replay_of_a_replay_gives_the_same(self, lab: Lab) -> None:
        """A replay can be replayed, and reuses what the first source recorded.

        If this fails: repair A-50 first.
        """
        source = lab.run(CHAIN)
        again = source.replay(source.ids[2])
        again = again.replay(again.ids[4], ledger=lab.ledger())
        done = [event.label for event in again.ledger.events() if event.phase == "begin"]
        assert (again.answer.text, done) == (source.answer.text, ["model:2"])

    @requirement("A-57", needs={"granular"})
    def test_a_replay_notes_that_it_reuses_answers_to_something_else(self, lab: Lab) -> None:
        """A replay that reuses what a model said to another prompt notes the drift in its journal.

        If this fails: hand what the model was asked to the seam, as `inputs` or `identity`.
        """
        source = lab.run(CHAIN)
        changed = Script(prompt="something else", turns=CHAIN.turns, tools=CHAIN.tools)
        again = source.replay(source.ids[4], ledger=lab.ledger(), script=changed.encode())
        kinds = [[record["kind"] for record in run.records] for run in (source, again)]
        assert ["drift.noted" in found for found in kinds] == [False, True]

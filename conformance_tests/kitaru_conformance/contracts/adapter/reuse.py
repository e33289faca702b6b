"""What is finished is not done again."""

from __future__ import annotations

from kitaru_conformance.contracts.adapter.scripts import BROKEN_TOOL, CHAIN, broken, chain
from kitaru_conformance.harness import AdapterHarness, Settings
from kitaru_conformance.lab import KILLED, Lab
from kitaru_conformance.requirements import requirement

__all__ = ["Reuse"]

_BEHIND_THE_RUN = {"KITARU_CRASH_AT": "flow.body_done"}


class Reuse:
    """Cases about reruns of the flow's body."""

    harness: type[AdapterHarness]

    @requirement("A-30")
    def test_a_finished_run_is_not_repeated(self, lab: Lab, strategy: str) -> None:
        """When a flow goes on behind a finished run, neither the model nor a tool is called again.

        If this fails: repair A-20 first; then look whether the second run of the body computes the same keys.
        """
        run = lab.run(CHAIN, settings=Settings(strategy=strategy), environment=_BEHIND_THE_RUN)
        before = run.ledger.events()
        assert run.result.code == KILLED
        assert run.go_on().error is None
        assert run.ledger.events() == before

    @requirement("A-31")
    def test_a_finished_run_is_not_repeated_in_any_form(self, lab: Lab, form: str) -> None:
        """A run that finished in any form is not repeated in that form.

        If this fails: repair A-30 first.
        """
        run = lab.run(CHAIN, form=form, environment=_BEHIND_THE_RUN)
        before = run.ledger.events()
        assert run.go_on().error is None
        assert run.ledger.events() == before

    @requirement("A-32")
    def test_a_rerun_gives_the_same_answer(self, lab: Lab, form: str) -> None:
        """A rerun hands out what the first run handed out: text, usage and streamed text.

        If this fails: the value of a boundary does not hold all that the framework needs of it; look at its codec.
        """
        first = lab.run(CHAIN, form=form).answer
        again = lab.run(CHAIN, form=form, environment=_BEHIND_THE_RUN).go_on().answer
        assert (again.text, again.usage, "".join(again.chunks)) == (first.text, first.usage, "".join(first.chunks))

    @requirement("A-33", needs={"granular"})
    def test_a_failed_tool_alone_runs_again(self, lab: Lab) -> None:
        """When a tool failed and the execution is retried, only that tool and what comes behind it runs.

        If this fails: repair A-30 first.
        """
        run = lab.run(BROKEN_TOOL)
        assert run.error is not None
        run.go_on()
        done = [run.ledger.count(label) for label in ("model:0", "tool:a", "model:1", "tool:b", "model:2")]
        assert (run.answer.text, done) == ("A one and B two", [1, 1, 1, 2, 1])

    @requirement("A-34", needs={"granular"})
    def test_a_failed_model_call_alone_runs_again(self, lab: Lab) -> None:
        """When a model call failed and the execution is retried, no tool before it runs again.

        If this fails: repair A-33 first.
        """
        run = lab.run(chain(turns=(0, 1, 0)))
        assert run.error is not None
        run.go_on()
        done = [run.ledger.count(label) for label in ("model:0", "tool:a", "model:1", "tool:b")]
        assert (run.answer.text, done) == ("A one and B two", [1, 1, 2, 1])

    @requirement("A-35", needs={"granular"})
    def test_attempts_of_a_call_stay_with_the_call(self, lab: Lab) -> None:
        """A call that failed and then succeeded is one boundary with two attempts, under its old name.

        If this fails: a failed attempt moves the number of the call; count completed calls only.
        """
        run = lab.run(broken(self.harness))
        failed = run.names
        run.go_on()
        assert run.names[: len(failed)] == failed
        assert [attempt.status for attempt in run.calls[len(failed) - 1].attempts] == ["failed", "completed"]

    @requirement("A-36", needs={"whole"})
    def test_a_failed_whole_run_can_be_run_again(self, lab: Lab) -> None:
        """When a whole run failed and the execution is retried, the run is made again and gives its answer.

        If this fails: the failure of the run is kept as its outcome.
        """
        run = lab.run(broken(self.harness), settings=Settings(strategy=self.harness.whole or ""))
        assert run.error is not None
        assert run.go_on().answer.text == "A one and B two"

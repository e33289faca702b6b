"""Errors of the framework, the model and the tools."""

from __future__ import annotations

from kitaru.hooks import get_manager
from kitaru_conformance.contracts.adapter.scripts import BROKEN_MODEL, BROKEN_TOOL, broken
from kitaru_conformance.harness import AdapterHarness, Settings
from kitaru_conformance.lab import Lab
from kitaru_conformance.requirements import requirement

__all__ = ["Errors"]


class Errors:
    """Cases about what a caller sees when something fails."""

    harness: type[AdapterHarness]

    @requirement("A-120")
    def test_an_error_of_a_tool_is_what_it_is_without_kitaru(self, lab: Lab, strategy: str) -> None:
        """The exception of a tool leaves the run, or is told to the model, as it is without kitaru.

        If this fails: raise the original exception; facts of your own belong into a note.
        """
        plain = lab.plain(BROKEN_TOOL)
        run = lab.run(BROKEN_TOOL, settings=Settings(strategy=strategy))
        assert (plain.error is None) == (self.harness.tool_failures == "told")
        assert run.error == plain.error
        if plain.answer is not None:
            assert run.answer.text == plain.answer["text"]

    @requirement("A-121")
    def test_an_error_of_the_model_is_what_it_is_without_kitaru(self, lab: Lab, strategy: str) -> None:
        """The exception of a model call leaves the run as it is without kitaru, or as one that the adapter exports.

        If this fails: repair A-120 first; an adapter that raises errors of its own puts them among its public names.
        """
        plain = lab.plain(BROKEN_MODEL)
        run = lab.run(BROKEN_MODEL, settings=Settings(strategy=strategy))
        assert plain.error is not None
        assert run.error is not None
        if self.harness.model_failures == "framework":
            assert run.error == plain.error
        else:
            public = get_manager().adapters()[self.harness.adapter].load()
            assert run.error[0].rpartition(":")[2] in vars(public)["__all__"]

    @requirement("A-122")
    def test_every_form_raises_the_same_error(self, lab: Lab, form: str) -> None:
        """The exception that ends a run is the same in every form; one of the adapter's own is of the same type.

        If this fails: repair A-120 and A-121 first.
        """
        script = broken(self.harness)
        found, expected = lab.run(script, form=form).error, lab.run(script).error
        assert found is not None
        assert expected is not None
        # What an adapter says itself of a failed model call may name the session of that very run.
        compared = 1 if script is BROKEN_MODEL and self.harness.model_failures == "adapter" else len(expected)
        assert found[:compared] == expected[:compared]

    @requirement("A-123", needs={"granular"})
    def test_the_failure_stands_at_the_call_that_failed(self, lab: Lab) -> None:
        """Exactly the call that failed is recorded as failed, with its error.

        If this fails: the exception is raised outside of the boundary, or swallowed inside and raised again later.
        """
        script = broken(self.harness)
        complete, told = (3, "tool b") if script is BROKEN_TOOL else (2, "model 1")
        calls = lab.run(script).calls
        assert [call.status for call in calls] == ["completed"] * complete + ["failed"]
        assert calls[-1].failure is not None
        assert f"scripted failure of {told}" in calls[-1].failure.message

    @requirement("A-124")
    def test_nothing_runs_behind_a_failure(self, lab: Lab, strategy: str) -> None:
        """Behind the call whose failure ends a run the model is not asked again.

        If this fails: repair A-120 and A-121 first.
        """
        run = lab.run(broken(self.harness), settings=Settings(strategy=strategy))
        assert (run.status, run.ledger.count("model:2")) == ("failed", 0)

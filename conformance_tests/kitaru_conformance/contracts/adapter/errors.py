"""Errors of the framework, the model and the tools."""

from __future__ import annotations

from kitaru_conformance.contracts.adapter.scripts import BROKEN_TOOL, chain
from kitaru_conformance.harness import AdapterHarness, Settings
from kitaru_conformance.lab import Lab
from kitaru_conformance.requirements import requirement

__all__ = ["Errors"]

_BROKEN_MODEL = chain(turns=(0, 1, 0))


class Errors:
    """Cases about what a caller sees when something fails."""

    harness: type[AdapterHarness]

    @requirement("A-120")
    def test_an_error_of_a_tool_is_what_it_is_without_kitaru(self, lab: Lab, strategy: str) -> None:
        """The exception of a tool leaves the run with the type and the message it has without kitaru.

        If this fails: raise the original exception; facts of your own belong into a note.
        """
        plain = lab.plain(BROKEN_TOOL)
        run = lab.run(BROKEN_TOOL, settings=Settings(strategy=strategy))
        assert plain.error is not None
        assert run.error == plain.error

    @requirement("A-121")
    def test_an_error_of_the_model_is_what_it_is_without_kitaru(self, lab: Lab, strategy: str) -> None:
        """The exception of a model call leaves the run with the type and the message it has without kitaru.

        If this fails: repair A-120 first.
        """
        plain = lab.plain(_BROKEN_MODEL)
        run = lab.run(_BROKEN_MODEL, settings=Settings(strategy=strategy))
        assert plain.error is not None
        assert run.error == plain.error

    @requirement("A-122")
    def test_every_form_raises_the_same_error(self, lab: Lab, form: str) -> None:
        """The exception of a tool is the same in every form.

        If this fails: repair A-120 first.
        """
        assert lab.run(BROKEN_TOOL, form=form).error == lab.run(BROKEN_TOOL).error

    @requirement("A-123", needs={"granular"})
    def test_the_failure_stands_at_the_call_that_failed(self, lab: Lab) -> None:
        """Exactly the call that failed is recorded as failed, with its error.

        If this fails: the exception is raised outside of the boundary, or swallowed inside and raised again later.
        """
        calls = lab.run(BROKEN_TOOL).calls
        assert [call.status for call in calls] == ["completed"] * 3 + ["failed"]
        assert calls[-1].failure is not None
        assert "scripted failure of tool b" in calls[-1].failure.message

    @requirement("A-124")
    def test_nothing_runs_behind_a_failure(self, lab: Lab, strategy: str) -> None:
        """Behind a tool that failed the model is not asked again.

        If this fails: repair A-120 first.
        """
        run = lab.run(BROKEN_TOOL, settings=Settings(strategy=strategy))
        assert (run.status, run.ledger.count("model:2")) == ("failed", 0)

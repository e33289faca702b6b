"""Who tries again, and how often."""

from __future__ import annotations

from kitaru_conformance.contracts.adapter.scripts import chain
from kitaru_conformance.harness import AdapterHarness, Settings
from kitaru_conformance.lab import Lab
from kitaru_conformance.requirements import requirement
from kitaru_conformance.script import Script, Tool, ToolCall, Turn

__all__ = ["Retries"]

_ALWAYS = 1000
_NEEDS = {"retries", "granular"}


class Retries:
    """Cases about kitaru's retries and those of the framework."""

    harness: type[AdapterHarness]

    @property
    def _twice(self) -> Settings:
        return Settings(strategy=self.harness.granular or "", retries=2)

    @requirement("A-110", needs=_NEEDS)
    def test_a_failing_tool_is_tried_again_inside_its_boundary(self, lab: Lab) -> None:
        """A tool that fails twice and may be retried twice succeeds, as one boundary with three attempts.

        If this fails: hand the setting on as `Unit.retries`, and let the tool's exception reach the seam.
        """
        run = lab.run(chain(b=Tool(name="b", result="B {value}", failures=2)), settings=self._twice)
        assert (run.error, run.ledger.count("tool:b"), len(run.calls)) == (None, 3, 5)
        assert [len(call.attempts) for call in run.calls] == [1, 1, 1, 3, 1]

    @requirement("A-111", needs=_NEEDS)
    def test_retries_of_a_tool_are_not_multiplied(self, lab: Lab) -> None:
        """A tool that always fails and may be retried twice runs three times, not more.

        If this fails: the framework retries too; switch its retries off, or take what it raises out of kitaru's.
        """
        run = lab.run(chain(a=Tool(name="a", failures=_ALWAYS)), settings=self._twice)
        assert (run.status, run.ledger.count("tool:a")) == ("failed", 3)

    @requirement("A-112", needs=_NEEDS)
    def test_retries_of_a_model_call_are_not_multiplied(self, lab: Lab) -> None:
        """A model call that always fails and may be retried twice is made three times, not more.

        If this fails: the framework or its client retries too; see A-111.
        """
        run = lab.run(chain(turns=(_ALWAYS, 0, 0)), settings=self._twice)
        assert (run.status, run.ledger.count("model:0")) == ("failed", 3)

    @requirement("A-113")
    def test_nothing_is_retried_unasked(self, lab: Lab, strategy: str) -> None:
        """A tool that fails runs once if nobody asked for retries.

        If this fails: the adapter or the framework retries by default.
        """
        run = lab.run(chain(a=Tool(name="a", failures=_ALWAYS)), settings=Settings(strategy=strategy))
        ended = "failed" if self.harness.tool_failures == "raised" else "completed"
        assert (run.status, run.ledger.count("tool:a")) == (ended, 1)

    @requirement("A-114", needs={"handled"})
    def test_a_handled_failure_reaches_the_model(self, lab: Lab, strategy: str) -> None:
        """A failure that the framework tells the model does not end the run.

        If this fails: the adapter takes the framework's signal for an error; let it pass as the framework expects.
        """
        run = lab.run(_handled(), settings=Settings(strategy=strategy))
        assert (run.error, run.answer.text, run.ledger.count("tool:a")) == (None, "A two", 2)

    @requirement("A-115", needs={"handled", "granular"})
    def test_a_handled_failure_is_not_repeated(self, lab: Lab) -> None:
        """A rerun repeats neither a call whose failure was told to the model nor the call behind it.

        If this fails: repair A-114 first; then write the framework's signal down as the outcome of the boundary.
        """
        run = lab.run(_handled(), environment={"KITARU_CRASH_AT": "flow.body_done"}).go_on()
        assert (run.answer.text, run.ledger.count("tool:a"), run.ledger.count("model")) == ("A two", 2, 3)


def _handled() -> Script:
    turns = (
        Turn(calls=(ToolCall("a", "one", "c1"),)),
        Turn(calls=(ToolCall("a", "two", "c2"),)),
        Turn(text="{c2}"),
    )
    return Script(turns=turns, tools=(Tool(name="a", result="A {value}", failures=1, handled=True),))

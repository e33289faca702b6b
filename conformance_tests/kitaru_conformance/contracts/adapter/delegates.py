"""Agents that are called as tools."""

from __future__ import annotations

from kitaru_conformance.harness import AdapterHarness, Settings
from kitaru_conformance.lab import KILLED, Lab
from kitaru_conformance.requirements import requirement
from kitaru_conformance.script import Script, Tool, ToolCall, Turn

__all__ = ["Delegates"]

_HELPER = Script(
    name="helper",
    turns=(Turn(calls=(ToolCall("look", "there", "i1"),)), Turn(text="found {i1}")),
    tools=(Tool(name="look", result="it {value}"),),
)
_SCRIPT = Script(
    turns=(Turn(calls=(ToolCall("helper", "find it", "c1"),)), Turn(text="{c1}")),
    tools=(Tool(name="helper", agent=_HELPER),),
)


class Delegates:
    """Cases about runs inside runs."""

    harness: type[AdapterHarness]

    @requirement("A-190", needs={"delegates"})
    def test_the_answer_of_a_delegate_reaches_the_agent(self, lab: Lab, strategy: str) -> None:
        """What a delegated agent answers is the result of the tool that it stands behind.

        If this fails: run the harness's `plain` first; then look what the boundary around the delegate keeps.
        """
        run = lab.run(_SCRIPT, settings=Settings(strategy=strategy))
        assert (run.error, run.answer.text) == (None, "found it there")

    @requirement("A-191", needs={"delegates"})
    def test_a_finished_delegate_is_not_repeated(self, lab: Lab, strategy: str) -> None:
        """A rerun repeats no call of a delegated agent that had finished.

        If this fails: repair A-30 and A-190 first.
        """
        crash = {"KITARU_CRASH_AT": "flow.body_done"}
        run = lab.run(_SCRIPT, settings=Settings(strategy=strategy), environment=crash).go_on()
        assert (run.answer.text, run.ledger.count("model"), run.ledger.count("tool:look")) == ("found it there", 4, 1)

    @requirement("A-192", needs={"delegates", "granular"})
    def test_a_kill_inside_a_delegate_is_survived(self, lab: Lab) -> None:
        """Killed inside a delegated agent and continued, a run gives its answer without asking the outer model again.

        If this fails: repair A-191 first.
        """
        run = lab.run(_SCRIPT, environment={"KITARU_CONFORMANCE_DIE_AT": "tool:look:end"})
        assert run.result.code == KILLED
        run.go_on()
        assert (run.answer.text, run.ledger.count("model:0", agent="agent")) == ("found it there", 1)

    @requirement("A-193", needs={"delegates", "usage"})
    def test_tokens_of_a_delegate_are_counted_once(self, lab: Lab, strategy: str) -> None:
        """The tokens of a delegated agent are counted once, beside those of the agent that called it.

        If this fails: repair A-150 first; a boundary around the delegate must not count what its calls count.
        """
        summary = lab.run(_SCRIPT, settings=Settings(strategy=strategy)).execution.llm_usage_summary or {}
        assert (summary.get("input_tokens"), summary.get("output_tokens")) == (40, 20)

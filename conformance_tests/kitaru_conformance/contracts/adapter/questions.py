"""Tools that ask a person."""

from __future__ import annotations

from kitaru_conformance.contracts.adapter.scripts import pair
from kitaru_conformance.harness import AdapterHarness
from kitaru_conformance.lab import Lab
from kitaru_conformance.requirements import requirement
from kitaru_conformance.script import Script, Tool, ToolCall, Turn

__all__ = ["Questions"]

_ASK = Tool(name="ask", result="{value} is {answer}", asks="Which colour?")
_SCRIPT = Script(turns=(Turn(calls=(ToolCall("ask", "it", "c1"),)), Turn(text="{c1}")), tools=(_ASK,))


class Questions:
    """Cases about the framework's own way of asking in the middle of a tool."""

    harness: type[AdapterHarness]

    @requirement("A-100", needs={"asks"})
    def test_a_question_reaches_the_person(self, lab: Lab) -> None:
        """A question asked in the body of a tool becomes a wait that shows it.

        If this fails: turn the framework's interrupt into a question of `kitaru.seam.ask` at flow scope.
        """
        (wait,) = lab.run(_SCRIPT).waits
        assert "Which colour?" in f"{wait.question} {wait.metadata}"

    @requirement("A-101", needs={"asks"})
    def test_an_answer_reaches_the_tool(self, lab: Lab) -> None:
        """The answer comes out of the question in another process, and the tool goes on behind it once.

        If this fails: repair A-100 first.
        """
        run = lab.run(_SCRIPT)
        run.tell(run.waits[0].name, "green")
        run.go_on()
        assert (run.answer.text, run.ledger.count("tool:ask")) == ("it is green", 1)

    @requirement("A-102", needs={"asks", "granular", "parallel"})
    def test_a_question_lets_siblings_finish(self, lab: Lab) -> None:
        """A tool beside one that asks runs once.

        If this fails: repair A-101 first; then let siblings finish before the execution is suspended.
        """
        run = lab.run(pair(_ASK, Tool(name="b", result="B {value}")))
        run.tell(run.waits[0].name, "green")
        run.go_on()
        assert (run.answer.text, run.ledger.count("tool:b")) == ("one is green and B two", 1)

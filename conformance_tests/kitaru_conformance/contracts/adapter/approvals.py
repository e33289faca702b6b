"""Calls that a person has to approve."""

from __future__ import annotations

import pytest

from kitaru.errors import KitaruError
from kitaru_conformance.contracts.adapter.scripts import chain, pair
from kitaru_conformance.harness import AdapterHarness
from kitaru_conformance.lab import KILLED, Lab
from kitaru_conformance.requirements import requirement
from kitaru_conformance.run import Run
from kitaru_conformance.script import Script, Tool, ToolCall, Turn

__all__ = ["Approvals"]

_NEEDS = {"approvals"}
_PAY = Tool(name="pay", result="paid {value}", approval=True)


def paying(value: str = "one") -> Script:
    """Return a run with one tool that needs approval."""
    return Script(turns=(Turn(calls=(ToolCall("pay", value, "c1"),)), Turn(text="done")), tools=(_PAY,))


_BOTH = pair(_PAY, Tool(name="send", result="sent {value}", approval=True))


class Approvals:
    """Cases about waits that guard a tool."""

    harness: type[AdapterHarness]

    def _decide(self, run: Run, *, approved: bool) -> Run:
        for wait in run.waits:
            run.tell(wait.name, self.harness().approval(approved=approved))
        return run.go_on()

    @requirement("A-80", needs=_NEEDS)
    def test_a_guarded_tool_waits_before_it_runs(self, lab: Lab) -> None:
        """A run with a tool that needs approval waits, its process ends, and the tool has not run.

        If this fails: open the wait at flow scope, with `kitaru.seam.ask`.
        """
        run = lab.run(paying())
        assert (run.status, len(run.waits), run.ledger.count("tool")) == ("waiting", 1, 0)

    @requirement("A-81", needs=_NEEDS)
    def test_an_approved_tool_runs_once_in_another_process(self, lab: Lab) -> None:
        """Approved, the tool runs once, in the process that continues the execution.

        If this fails: repair A-80 first.
        """
        run = self._decide(lab.run(paying()), approved=True)
        assert (run.error, run.answer.text, run.ledger.count("tool:pay")) == (None, "done", 1)

    @requirement("A-82", needs={"approvals", "granular"})
    def test_what_came_before_a_wait_is_not_repeated(self, lab: Lab) -> None:
        """The model that asked for a guarded tool is not asked again when the execution goes on.

        If this fails: repair A-30 and A-81 first.
        """
        run = self._decide(lab.run(paying()), approved=True)
        assert (run.ledger.count("model:0"), run.ledger.count("model:1")) == (1, 1)

    @requirement("A-83", needs=_NEEDS)
    def test_a_denied_tool_never_runs(self, lab: Lab) -> None:
        """Denied, the tool does not run, and the run goes on to its end.

        If this fails: a denial is an answer, not an error; tell the model so.
        """
        run = self._decide(lab.run(paying()), approved=False)
        assert (run.error, run.answer.text, run.ledger.count("tool")) == (None, "done", 0)

    @requirement("A-84", needs=_NEEDS)
    def test_an_answer_that_does_not_fit_is_refused(self, lab: Lab) -> None:
        """An answer that is neither yes nor no is refused; the wait stays open and the tool does not run.

        If this fails: give the wait a schema that holds only valid decisions.
        """
        run = lab.run(paying())
        with pytest.raises(KitaruError):
            run.tell(run.waits[0].name, self.harness().bad_approval())
        assert (run.status, len(run.waits), run.ledger.count("tool")) == ("waiting", 1, 0)

    @requirement("A-85", needs=_NEEDS)
    def test_the_wait_says_what_it_is_about(self, lab: Lab) -> None:
        """The wait names the tool that it guards.

        If this fails: put the tool's name into the wait's name, question or metadata.
        """
        (wait,) = lab.run(paying()).waits
        assert "pay" in f"{wait.name} {wait.question} {wait.metadata}"

    @requirement("A-86", needs=_NEEDS)
    def test_waits_of_one_turn_are_open_together(self, lab: Lab) -> None:
        """When one turn calls two guarded tools, both waits are open at once.

        If this fails: collect the questions of a turn and hand them to one call of `kitaru.seam.ask`.
        """
        run = lab.run(_BOTH)
        assert (run.status, len(run.waits)) == ("waiting", 2)

    @requirement("A-87", needs=_NEEDS)
    def test_waits_of_one_turn_can_be_answered_in_any_order(self, lab: Lab) -> None:
        """Two waits of one turn answered last first give each tool its own decision.

        If this fails: repair A-86 first; then look whether answers are matched by the order in which they come.
        """
        run = lab.run(_BOTH)
        assert len(run.waits) == len(_BOTH.tools)
        for wait in sorted(run.waits, key=lambda wait: "pay" in f"{wait.name} {wait.question} {wait.metadata}"):
            approved = "pay" in f"{wait.name} {wait.question} {wait.metadata}"
            run.tell(wait.name, self.harness().approval(approved=approved))
        run.go_on()
        assert (run.status, run.ledger.count("tool:pay"), run.ledger.count("tool:send")) == ("completed", 1, 0)

    @requirement("A-88", needs={"approvals", "granular", "parallel"})
    def test_siblings_of_a_waiting_tool_are_recorded(self, lab: Lab) -> None:
        """A tool beside a guarded one runs once, however often the execution waits and goes on.

        If this fails: let siblings finish and record them before the execution is suspended.
        """
        run = self._decide(lab.run(pair(_PAY, Tool(name="b", result="B {value}"))), approved=True)
        assert (run.answer.text, run.ledger.count("tool:b")) == ("paid one and B two", 1)

    @requirement("A-89", needs=_NEEDS)
    def test_a_kill_behind_an_answer_does_not_lose_it(self, lab: Lab) -> None:
        """An answer given to an execution whose next process is killed at once is still there for the one after it.

        If this fails: the answer was kept in the process; only the wait's record counts.
        """
        run = lab.run(paying())
        run.tell(run.waits[0].name, self.harness().approval(approved=True))
        run.go_on({"KITARU_CRASH_AT": "boundary.before_body"})
        assert run.result.code == KILLED
        run.go_on()
        assert (run.answer.text, run.ledger.count("tool:pay", phase="end")) == ("done", 1)

    @requirement("A-90", needs=_NEEDS)
    def test_no_call_is_open_while_an_execution_waits(self, lab: Lab) -> None:
        """While an execution waits, no boundary is open or failed because of it.

        If this fails: the suspension passed through a boundary; wait at flow scope.
        """
        run = lab.run(chain(b=_PAY_B))
        assert run.status == "waiting"
        assert [call.status for call in run.boundaries if call.status != "completed"] == []
        assert "checkpoint.failed" not in {record["kind"] for record in run.records}

    @requirement("A-91", needs={"approvals", "granular"})
    def test_an_answer_is_void_for_other_arguments(self, lab: Lab) -> None:
        """A replay that takes over answers asks again where the tool is to be called with other arguments.

        If this fails: bind the question to the arguments with `Question.bound_to`.
        """
        source = self._decide(lab.run(paying("one")), approved=True)
        again = source.replay(source.ids[0], ledger=lab.ledger(), reuse_waits=True, script=paying("a million").encode())
        assert (again.status, again.ledger.count("tool")) == ("waiting", 0)

    @requirement("A-92", needs=_NEEDS)
    def test_a_waiting_execution_can_be_cancelled(self, lab: Lab) -> None:
        """A waiting execution that is cancelled ends, and its tool does not run.

        If this fails: repair A-80 first.
        """
        run = lab.run(paying())
        lab.client.executions.cancel(run.exec_id)
        assert (run.status, run.ledger.count("tool")) == ("cancelled", 0)

    @requirement("A-93", needs={"approvals", "async"})
    def test_waits_work_in_the_asynchronous_form(self, lab: Lab) -> None:
        """A run on the caller's event loop waits and goes on like any other.

        If this fails: repair A-81 first; then use `kitaru.seam.ask_async` on the loop.
        """
        run = lab.run(paying(), form="async")
        assert (run.status, len(run.waits)) == ("waiting", 1)
        assert (self._decide(run, approved=True).answer.text, run.ledger.count("tool:pay")) == ("done", 1)

    @requirement("A-94", needs={"approvals", "stream"})
    def test_waits_work_in_a_stream(self, lab: Lab) -> None:
        """A streamed run waits and goes on like any other.

        If this fails: repair A-81 first; a suspension has to leave the stream, not end it.
        """
        run = lab.run(paying(), form="stream")
        assert (run.status, len(run.waits)) == ("waiting", 1)
        assert (self._decide(run, approved=True).answer.text, run.ledger.count("tool:pay")) == ("done", 1)


_PAY_B = Tool(name="b", result="paid {value}", approval=True)

"""Tools that run side by side."""

from __future__ import annotations

from itertools import permutations

from kitaru_conformance.contracts.adapter.scripts import pair
from kitaru_conformance.harness import AdapterHarness
from kitaru_conformance.lab import KILLED, Lab, Run
from kitaru_conformance.requirements import requirement
from kitaru_conformance.script import Script, Tool, ToolCall, Turn

__all__ = ["Parallel"]

_NEEDS = {"granular", "parallel"}


def _three(order: tuple[str, ...]) -> Script:
    """Return a run with three tools in one turn that finish in a given order."""
    after = dict(zip(order[1:], order, strict=False))
    calls = tuple(ToolCall(name, name, f"c{name}") for name in "abc")
    tools = tuple(Tool(name=name, result="R{value}", after=after.get(name)) for name in "abc")
    return Script(turns=(Turn(calls=calls), Turn(text="{ca} {cb} {cc}")), tools=tools)


class Parallel:
    """Cases about the order in which calls of one turn finish."""

    harness: type[AdapterHarness]

    def _again(self, source: Run, chosen: str, replaced: str | None = None) -> tuple[str, list[str]]:
        """Return what a replay from a call comes to, and what it runs; the call's result may be replaced."""
        before = len(source.ledger.events())
        overrides = {} if replaced is None else {f"checkpoint.{chosen}": replaced}
        again = source.replay(chosen, overrides=overrides)
        return again.answer.text, [one.label for one in again.ledger.events()[before:] if one.phase == "begin"]

    def _has_ended(self, lab: Lab, *, calls: int) -> bool:
        ended = [call for call in lab.newest.checkpoints if call.status == "completed"]
        return sum(call.checkpoint_type not in self.harness.bookkeeping for call in ended) >= calls

    @requirement("A-60", needs={"parallel"})
    def test_results_find_their_calls_in_every_order(self, lab: Lab) -> None:
        """Whatever the order in which tools of one turn finish, each result reaches its own call.

        If this fails: results are matched by the order in which they come; match them by the id of the call.
        """
        for order in permutations("abc"):
            assert (order, lab.run(_three(order)).answer.text) == (order, "Ra Rb Rc")

    @requirement("A-61", needs=_NEEDS)
    def test_the_order_of_finishing_leaves_no_trace_in_the_names(self, lab: Lab) -> None:
        """Whatever the order in which tools of one turn finish, the boundaries have the same names and places.

        If this fails: repair A-20 first; then look whether names are given when a body ends.
        """
        names = {order: lab.run(_three(order)).names for order in permutations("abc")}
        assert len({tuple(found) for found in names.values()}) == 1, names

    @requirement("A-62", needs=_NEEDS)
    def test_equal_calls_side_by_side_keep_their_own_results(self, lab: Lab) -> None:
        """Calls of one tool with equal arguments in one turn are boundaries of their own, also in a rerun.

        If this fails: repair A-25 first.
        """
        calls = tuple(ToolCall("a", value, f"c{n}") for n, value in enumerate(("x", "y", "y")))
        tools = (Tool(name="a", result="R{value}"),)
        script = Script(turns=(Turn(calls=calls), Turn(text="{c0} {c1} {c2}")), tools=tools)
        run = lab.run(script, environment={"KITARU_CRASH_AT": "flow.body_done"}).go_on()
        assert (run.answer.text, run.ledger.count("tool:a"), len(run.calls)) == ("Rx Ry Ry", 3, 5)

    @requirement("A-63", needs=_NEEDS)
    def test_a_kill_beside_a_finished_sibling_repeats_only_what_was_not_finished(self, lab: Lab) -> None:
        """Killed while one tool of a turn still runs and the other is recorded, a run repeats only the first.

        If this fails: repair A-40 first; then look whether the boundary of a tool waits for its siblings.
        """
        script = pair(Tool(name="a", result="A {value}"), Tool(name="b", result="B {value}", holds=True))
        ledger = lab.ledger()
        with lab.beside(lambda: lab.run(script, ledger=ledger, environment=_KILL_IN_B)) as running:
            ledger.wait_for("tool:b")
            lab.until(lambda: self._has_ended(lab, calls=2))
            ledger.release("b")
            run = running.result()
        assert run.result.code == KILLED
        run.go_on()
        assert (run.answer.text, run.ledger.count("tool:a"), run.ledger.count("tool:b")) == ("A one and B two", 1, 2)

    @requirement("A-64", needs=_NEEDS)
    def test_a_failed_sibling_does_not_undo_the_others(self, lab: Lab) -> None:
        """When one tool of a turn fails behind another that finished, a retry runs only the failed one.

        If this fails: repair A-33 first; then look whether siblings of a failed tool are thrown away.
        """
        failing = Tool(name="b", result="B {value}", failures=1, after="a")
        run = lab.run(pair(Tool(name="a", result="A {value}"), failing))
        lab.until(lambda: run.execution.status == "failed")
        run.go_on()
        done = (run.ledger.count("tool:a"), run.ledger.count("tool:b", phase="end"))
        assert (run.answer.text, done) == ("A one and B two", (1, 1))

    @requirement("A-204", needs={"granular"})
    def test_the_result_of_one_of_several_tools_can_be_replaced(self, lab: Lab) -> None:
        """What replaces the result of one of several tools of a turn is shown to the model beside the others' results.

        If this fails: repair A-54 first; then look whether the calls of a turn are stored, or replaced, as one.
        """
        source = lab.run(_three(("a", "b", "c")))
        text, ran = self._again(source, source.ids[2], "something else")
        assert (text, {"tool:a", "tool:b"} & {*ran}) == ("Ra something else Rc", set())

    @requirement("A-205", needs=_NEEDS)
    def test_a_replay_that_starts_beside_siblings_gives_them_back(self, lab: Lab) -> None:
        """A replay from one of several tools of a turn runs that one and what follows the turn, but not its siblings.

        If this fails: repair A-50 first; then give the units of the calls of one turn the same `group`.
        """
        source = lab.run(_three(("a", "b", "c")))
        for name, chosen in zip("abc", source.ids[1:4], strict=True):
            assert self._again(source, chosen) == ("Ra Rb Rc", [f"tool:{name}", "model:1"])
        assert self._again(source, source.ids[1], "another") == ("another Rb Rc", ["model:1"])


_KILL_IN_B = {"KITARU_CONFORMANCE_DIE_AT": "tool:b:end"}

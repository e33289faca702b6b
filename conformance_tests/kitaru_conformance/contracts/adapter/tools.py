"""Tools from elsewhere, tools that are left out, and tools that must not act twice."""

from __future__ import annotations

from kitaru_conformance.contracts.adapter.scripts import chain
from kitaru_conformance.harness import AdapterHarness, Settings
from kitaru_conformance.lab import KILLED, Lab
from kitaru_conformance.requirements import requirement
from kitaru_conformance.script import Tool

__all__ = ["Tools"]

_BEHIND_THE_RUN = {"KITARU_CRASH_AT": "flow.body_done"}
_MCP = chain(b=Tool(name="b", result="B {value}", mcp=True))


class Tools:
    """Cases about what can be said of a tool."""

    harness: type[AdapterHarness]

    @requirement("A-200", needs={"mcp"})
    def test_a_tool_of_an_mcp_server_is_called(self, lab: Lab, strategy: str) -> None:
        """A tool of an MCP server is called once, and the model is shown its result.

        If this fails: run the harness's `plain` first; then look who opens and closes the connection.
        """
        run = lab.run(_MCP, settings=Settings(strategy=strategy))
        assert (run.error, run.answer.text, run.ledger.count("tool:b")) == (None, "A one and B two", 1)

    @requirement("A-201", needs={"mcp"})
    def test_a_rerun_calls_no_mcp_server(self, lab: Lab, strategy: str) -> None:
        """A rerun of a finished run calls no tool of an MCP server.

        If this fails: repair A-200 first.
        """
        run = lab.run(_MCP, settings=Settings(strategy=strategy), environment=_BEHIND_THE_RUN).go_on()
        assert (run.answer.text, run.ledger.count("tool:b")) == ("A one and B two", 1)

    @requirement("A-202", needs={"opt_out", "granular"})
    def test_a_tool_left_out_is_no_boundary_and_runs_each_time(self, lab: Lab) -> None:
        """A tool that is left out of recording is no boundary and runs each time its run is made again; it alone.

        If this fails: the setting is not looked up by the tool's name.
        """
        script = chain(b=Tool(name="b", result="B {value}", durable=False))
        run = lab.run(script, environment={"KITARU_CRASH_AT": "boundary.before_body:4"}).go_on()
        done = [run.ledger.count(label) for label in ("model", "tool:a", "tool:b")]
        assert (run.answer.text, len(run.calls), done) == ("A one and B two", 4, [3, 1, 2])

    @requirement("A-203", needs={"effects", "granular"})
    def test_an_irreversible_tool_of_unknown_outcome_is_not_run_again(self, lab: Lab) -> None:
        """A tool declared irreversible that was killed behind its body is not run again; the execution waits.

        If this fails: hand the declaration on as `Unit.effect`.
        """
        script = chain(b=Tool(name="b", result="B {value}", effect="irreversible"))
        run = lab.run(script, environment={"KITARU_CRASH_AT": "boundary.after_body:4"})
        assert run.result.code == KILLED
        run.go_on()
        assert (run.status, run.ledger.count("tool:b")) == ("waiting", 1)

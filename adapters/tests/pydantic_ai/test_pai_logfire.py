from __future__ import annotations

import logfire
import pytest
from logfire.testing import SimpleSpanProcessor, TestExporter
from pydantic_ai import Agent
from pydantic_ai.capabilities import Instrumentation

from kitaru.adapters.pydantic_ai import KitaruAgent


@pytest.fixture
def exporter():
    exporter = TestExporter()
    logfire.configure(
        send_to_logfire=False, console=False, additional_span_processors=[SimpleSpanProcessor(exporter)], metrics=False
    )
    logfire.instrument_pydantic_ai()
    yield exporter
    Agent.instrument_all(instrument=False)


def look() -> str:
    return "seen"


@pytest.fixture
def agent(lab, call):
    model = lab.script(call("look"), "done", name="bot").model
    return KitaruAgent(Agent(model, name="bot", tools=[look], capabilities=[Instrumentation()]))


def names(exporter):
    spans = [span["name"] for span in exporter.exported_spans_as_dict()]
    exporter.clear()
    return spans


def test_logfire_shows_the_trace_of_a_first_run_and_nothing_of_a_reused_one(lab, agent, exporter):
    traces = []

    def body():
        exporter.clear()
        output = agent.run_sync("go").output
        traces.append(names(exporter))
        return output

    assert lab.twice(body) == ["done", "done"]
    assert sum(name.startswith("chat") for name in traces[0]) == 2
    assert any("look" in name or "tool" in name for name in traces[0])
    assert traces[1] == []


def test_a_run_that_goes_on_shows_only_what_it_really_does(lab, call, exporter):
    broken = [True]

    def flaky() -> str:
        if broken:
            broken.clear()
            raise OSError
        return "seen"

    model = lab.script(call("flaky"), "done", name="bot").model
    agent = KitaruAgent(Agent(model, name="bot", tools=[flaky]))
    handle = lab.run(lambda: agent.run_sync("go").output)
    names(exporter)
    lab.retry(handle)
    assert handle.get() == "done"
    assert sum(name.startswith("chat") for name in names(exporter)) == 1


def test_spans_and_executions_find_each_other(lab, agent, exporter):
    handle = lab.run(lambda: agent.run_sync("go").output)
    handle.wait(20)
    spans = exporter.exported_spans_as_dict()
    assert handle.exec_id in {span["attributes"].get("kitaru.execution_id") for span in spans}

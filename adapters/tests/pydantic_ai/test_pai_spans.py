from __future__ import annotations

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from pydantic_ai import Agent, Tool
from pydantic_ai.capabilities import Instrumentation
from pydantic_ai.models.instrumented import InstrumentationSettings

from kitaru.adapters.pydantic_ai import KitaruAgent


def look() -> str:
    return "seen"


@pytest.fixture
def exporter():
    return InMemorySpanExporter()


@pytest.fixture
def agent(lab, call, exporter):
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    settings = InstrumentationSettings(tracer_provider=provider)
    model = lab.script(call("look"), "done", name="bot").model
    return KitaruAgent(Agent(model, name="bot", tools=[Tool(look)], capabilities=[Instrumentation(settings)]))


def test_spans_of_reused_work_are_not_exported_a_second_time(lab, agent, exporter):
    spans = []

    def body():
        agent.run_sync("go")
        spans.append([span.name for span in exporter.get_finished_spans()])
        exporter.clear()

    lab.twice(body)
    assert sum(name.startswith("chat") for name in spans[0]) == 2
    assert sum("tool" in name for name in spans[0]) >= 1
    assert spans[1] == []


def test_the_run_span_carries_the_execution(lab, agent, exporter):
    handle = lab.run(lambda: agent.run_sync("go").output)
    handle.wait(20)
    known = [span.attributes.get("kitaru.execution_id") for span in exporter.get_finished_spans()]
    assert handle.exec_id in known

"""What durability costs: commits, time and bytes, held against figures."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
import time
from collections import Counter

from agents import Agent, Runner, function_tool
from agents.testing import ScriptedModel, assistant_message, function_call

from kitaru.adapters.openai_agents import KitaruRunner, OpenAIRunRequest

CALLS = 49
LONG = OpenAIRunRequest.start("go", max_turns=CALLS + 1)


@function_tool
async def step(number: int) -> str:
    return f"step {number}"


def long_agent():
    steps = [[function_call("step", {"number": n}, call_id=f"c{n}")] for n in range(CALLS)]
    return Agent(name="walker", model=ScriptedModel([*steps, [assistant_message("there")]]), tools=[step])


def processor_time(run):
    started = time.process_time()
    run()
    return time.process_time() - started


def test_one_unit_costs_at_most_two_milliseconds_of_processor_time(story, monkeypatch):
    monkeypatch.setenv("KITARU_STORE", "memory:")
    agents = [long_agent() for _ in range(3)]
    plain = min(
        processor_time(lambda: asyncio.run(Runner.run(long_agent(), "go", max_turns=CALLS + 1))) for _ in range(3)
    )
    durable = min(processor_time(story(lambda agent=agent: KitaruRunner(agent).run(LONG)).once) for agent in agents)
    assert (durable - plain) / (2 * CALLS + 1) < 0.002


def test_every_boundary_is_one_record_and_the_run_adds_one(story):
    told = story(lambda: KitaruRunner(long_agent()).run(LONG))
    told.once()
    facts = Counter(type(record.fact).__name__ for record in told.records)
    assert facts["CheckpointCompleted"] == 2 * CALLS + 1
    assert facts["MetadataLogged"] == 1


def test_a_conversation_is_stored_once_however_many_calls_are_made(story, tmp_path):
    opening = "x" * 80_000
    agent = long_agent()
    agent.instructions = "Be kind. " * 1500
    told = story(lambda: KitaruRunner(agent).run(OpenAIRunRequest.start(opening, max_turns=CALLS + 1)))
    told.once()
    sent = sum(len(json.dumps(call.input)) for call in agent.model.calls)
    with contextlib.closing(sqlite3.connect(tmp_path / "kitaru" / "kitaru.db")) as database:
        (pages,), (size,) = (
            database.execute("pragma page_count").fetchone(),
            database.execute("pragma page_size").fetchone(),
        )
    assert sent > 4_000_000
    assert pages * size < 600_000

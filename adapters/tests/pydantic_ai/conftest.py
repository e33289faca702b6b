"""A scripted model, flows made of a function, and counters in every side effect."""

from __future__ import annotations

import asyncio
import json
from collections import Counter

import pytest
from pydantic_ai import Agent
from pydantic_ai.messages import ModelResponse, TextPart, ToolCallPart
from pydantic_ai.models.function import DeltaToolCall, FunctionModel

import kitaru
from kitaru.adapters.pydantic_ai import KitaruAgent
from kitaru_adapters.pydantic_ai.framework import HAS_EXTERNAL_EVENTS

# Releases of the framework before 2.68 cannot wait for outside events, nor keep spans of reused work back.
collect_ignore = [] if HAS_EXTERNAL_EVENTS else ["test_pai_external.py", "test_pai_logfire.py", "test_pai_spans.py"]


class StoppedError(Exception):
    """Stands for whatever stops an execution between two calls."""


def call(tool, /, tool_call_id=None, **arguments):
    return ToolCallPart(tool, json.dumps(arguments), tool_call_id=tool_call_id or f"{tool}_id")


class Script:
    """A model that answers by how many answers the conversation has already, so that reruns get the same ones."""

    def __init__(self, *turns, counts, name="script"):
        self.turns = turns
        self.counts = counts
        self.name = name
        self.seen = []
        self.model = FunctionModel(self.answer, stream_function=self.stream, model_name=name)

    def turn(self, messages):
        self.counts[self.name] += 1
        self.seen.append(messages)
        turn = self.turns[sum(isinstance(message, ModelResponse) for message in messages)]
        turn = turn(messages) if callable(turn) else turn
        return turn if isinstance(turn, (list, str)) else [turn]

    def answer(self, messages, _info):
        turn = self.turn(messages)
        return ModelResponse(parts=[TextPart(turn)] if isinstance(turn, str) else list(turn))

    async def stream(self, messages, _info):
        turn = self.turn(messages)
        if isinstance(turn, str):
            for word in turn.split(" "):
                yield word + " "
        else:
            for index, part in enumerate(turn):
                yield {index: DeltaToolCall(name=part.tool_name, json_args=part.args, tool_call_id=part.tool_call_id)}


class Lab:
    """One flow at a time, run in this process; `counts` says what really happened."""

    def __init__(self):
        self.counts = Counter()
        self.stopping = True
        self.client = kitaru.KitaruClient()

    def script(self, *turns, name="script"):
        return Script(*turns, counts=self.counts, name=name)

    def agent(self, *turns, tools=(), name="bot", toolsets=(), output_type=str, agent=None, **settings):
        inner = Agent(
            self.script(*turns, name=name).model,
            name=name,
            tools=tools,
            toolsets=toolsets,
            output_type=output_type,
            **(agent or {}),
        )
        return KitaruAgent(inner, **settings)

    def run(self, body):
        def lab_flow():
            return body()

        return self._settled(kitaru.flow(lab_flow).run())

    def retry(self, handle):
        self.client.executions.retry(handle.exec_id, block=True)
        return self._settled(handle)

    def resume(self, handle):
        self.client.executions.resume(handle.exec_id, block=True)
        return self._settled(handle)

    def answer(self, handle, value, wait=None):
        name = wait or self.waits(handle)[0].name
        self.client.executions.input(handle.exec_id, wait=name, value=value)

    def waits(self, handle):
        return self.client.executions.pending_waits(handle.exec_id)

    def stop_once(self):
        """Fail the execution here on its first run, as a checkpoint that breaks would."""

        @kitaru.checkpoint
        def gate():
            if self.stopping:
                self.stopping = False
                raise StoppedError

        gate()

    def twice(self, body):
        """Run a body to its end, stop, and run it again; return both results."""
        results = []

        def flow_body():
            results.append(body())
            self.stop_once()

        handle = self.run(flow_body)
        assert handle.status == "failed", handle.execution.failure
        self.retry(handle)
        assert handle.status == "completed", handle.execution.failure
        return results

    def calls(self, handle):
        return self.client.executions.get(handle.exec_id).checkpoints

    def names(self, handle):
        return [call.invocation_id for call in self.calls(handle)]

    def metadata(self, handle):
        return self.client.executions.get(handle.exec_id).metadata

    def _settled(self, handle):
        self.client.executions.wait(handle.exec_id, timeout=20)
        return handle


@pytest.fixture(autouse=True)
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("KITARU_CONFIG_PATH", str(tmp_path))
    monkeypatch.setenv("KITARU_STORE", str(tmp_path / "kitaru.db"))
    monkeypatch.setenv("KITARU_WAIT_TIMEOUT", "0")
    return tmp_path / "kitaru.db"


@pytest.fixture(autouse=True)
def main_loop():
    """Close the loop that synchronous entry points leave in the main thread."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield
    asyncio.set_event_loop(None)
    loop.close()


@pytest.fixture
def lab(store):
    return Lab()


@pytest.fixture(name="call")
def call_fixture():
    return call


@pytest.fixture
def stopped():
    return StoppedError

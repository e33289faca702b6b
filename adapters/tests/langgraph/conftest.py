"""Graphs with scripted models and counting tools, and flows that run, fail and are continued in one process."""

from __future__ import annotations

import collections
import json
import operator
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Annotated, Any, TypedDict

import pytest
from langchain.agents import create_agent
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.tools import BaseTool, StructuredTool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import START, StateGraph
from langgraph.types import interrupt

from kitaru import KitaruClient
from kitaru.adapters.langgraph import (
    LANGGRAPH_STREAM_TERMINAL_EVENT_KINDS,
    KitaruCheckpointSaver,
    KitaruGraphRunner,
    KitaruLangGraphMiddleware,
)

USAGE = {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15}


class BoomError(Exception):
    """Breaks a run at a chosen call."""


class Scripted(BaseChatModel):
    """Answers the n-th question of a conversation with the n-th turn of its script."""

    turns: list[Any]
    world: Any
    model_name: str = "scripted"

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def bind_tools(self, tools, **kwargs):
        return self.bind(**kwargs)

    def _generate(self, messages, stop=None, run_manager=None, **kwargs):
        turn = sum(isinstance(message, AIMessage) for message in messages)
        self.world.note(f"{self.model_name}:{turn}")
        answer = self.turns[turn]
        said = answer(messages) if callable(answer) else answer
        message = AIMessage(said) if isinstance(said, str) else said
        copy = message.model_copy(
            update={"usage_metadata": USAGE, "response_metadata": {"model_name": self.model_name}}
        )
        return ChatResult(generations=[ChatGeneration(message=copy)])


class Answers(TypedDict):
    """State of a graph that collects answers."""

    got: Annotated[list[Any], operator.add]


class Driver:
    """Runs flows and continues them."""

    def __init__(self) -> None:
        self.client = KitaruClient()

    def run(self, flow: Any, *args: Any) -> Any:
        return flow.run(*args).wait()

    def fail(self, flow: Any, *args: Any) -> str:
        handle = flow.run(*args)
        with pytest.raises(Exception, match=r".*"):
            handle.wait()
        return handle.exec_id

    def retry(self, exec_id: str) -> Any:
        self.client.executions.retry(exec_id, block=True)
        return self.result(exec_id)

    def result(self, exec_id: str) -> Any:
        return self.client.executions.result(exec_id)

    def waiting(self, exec_id: str) -> list[Any]:
        """Return the open waits once the runner has left."""
        self.client.executions.wait(exec_id, timeout=20)
        return self.client.executions.pending_waits(exec_id)

    def answer(self, exec_id: str, **answers: Any) -> Any:
        for name, value in answers.items():
            self.client.executions.input(exec_id, wait=name, value=value)
        self.client.executions.resume(exec_id, block=True)
        return self.client.executions.get(exec_id)

    def events(self, exec_id: str, *, ends: int = 1) -> list[tuple[str, dict[str, Any]]]:
        """Return the live events of an execution's stream, kind and payload, once so many ends are written."""
        until = time.monotonic() + 10
        while True:
            found = self.client.executions._journal.events(exec_id)
            shown = [(each.kind, json.loads(each.body)) for each in found if each.kind.startswith("langgraph.stream.")]
            if sum(kind in LANGGRAPH_STREAM_TERMINAL_EVENT_KINDS for kind, _ in shown) >= ends:
                return shown
            assert time.monotonic() < until, shown
            time.sleep(0.01)

    def checkpoints(self, exec_id: str) -> list[Any]:
        return self.client.executions.get(exec_id).checkpoints


class World(Driver):
    """What one test counts and breaks.

    Attributes:
        calls: Names of the model and tool calls that really happened, in order.
        crash: Names at whose next call a `BoomError` is raised instead.
    """

    def __init__(self, folder) -> None:
        super().__init__()
        self.folder = folder
        self.calls: list[str] = []
        self.crash: collections.Counter[str] = collections.Counter()
        self._lock = threading.Lock()
        self.closing = ExitStack()

    @property
    def hello(self) -> dict[str, Any]:
        """A new input each time: LangGraph writes an id into the message it is handed."""
        return {"messages": [HumanMessage("hello")]}

    def wish(self, *calls: tuple[str, int]) -> AIMessage:
        """Return a model's wish to call tools."""
        wishes = [{"name": name, "args": {"x": x}, "id": f"{name}-{x}-{n}"} for n, (name, x) in enumerate(calls)]
        return AIMessage("", tool_calls=wishes)

    def said(self, messages: list[BaseMessage]) -> list[str]:
        """Return what was said, by whom."""
        return [f"{message.type}: {message.content}" for message in messages]

    def note(self, name: str) -> None:
        with self._lock:
            if self.crash[name]:
                self.crash[name] -= 1
                raise BoomError(name)
            self.calls.append(name)

    def tool(self, name: str, body: Callable[..., Any] | None = None) -> BaseTool:
        def run(x: int = 0) -> Any:
            self.note(f"{name}:{x}")
            return body(x) if body else f"{name} of {x}"

        return StructuredTool.from_function(run, name=name, description=name)

    def model(self, *turns: Any, name: str = "scripted") -> Scripted:
        return Scripted(turns=list(turns), world=self, model_name=name)

    def agent(self, *turns: Any, tools=None, saver=None, name: str = "agent", middleware=(), **more):
        tools = tools if tools is not None else [self.tool("a"), self.tool("b")]
        stack = [*middleware, KitaruLangGraphMiddleware()]
        return create_agent(self.model(*turns), tools=tools, middleware=stack, checkpointer=saver, name=name, **more)

    def saver(self, kind: str):
        if kind == "none":
            return None
        if kind == "memory":
            return InMemorySaver()
        if kind == "sqlite":
            connection = sqlite3.connect(self.folder / "lg.db", check_same_thread=False)
            self.closing.callback(connection.close)
            return SqliteSaver(connection)
        return self.closing.enter_context(KitaruCheckpointSaver(self.folder / "threads.db"))

    def asking(self, saver, *nodes: str, entered: list[str] | None = None, **options: Any):
        """Return a graph whose nodes interrupt side by side; those called quiet do not."""

        def node(name):
            def run(state):
                if entered is not None:
                    entered.append(name)
                return {"got": [name if name.startswith("quiet") else interrupt(f"{name}?", **options)]}

            return run

        builder = StateGraph(Answers)
        for name in nodes:
            builder.add_node(name, node(name))
            builder.add_edge(START, name)
        return builder.compile(checkpointer=saver, name="asking")

    def graph_runner(self, graph, strategy: str = "calls", **more) -> KitaruGraphRunner:
        return KitaruGraphRunner(graph, checkpoint_strategy=strategy, **more)


@pytest.fixture(autouse=True)
def _own_store(tmp_path, monkeypatch):
    monkeypatch.setenv("KITARU_CONFIG_PATH", str(tmp_path / "config"))
    monkeypatch.setenv("KITARU_STORE", str(tmp_path / "kitaru.db"))
    monkeypatch.setenv("KITARU_WAIT_TIMEOUT", "0")
    monkeypatch.setenv("KITARU_DISABLE_INTERACTIVE_INPUT", "1")
    monkeypatch.setenv("LANGSMITH_TRACING", "false")


@pytest.fixture
def world(tmp_path):
    found = World(tmp_path)
    yield found
    found.closing.close()

"""LangGraph twice: a bare graph for the cost of a super-step, and an agent over a long conversation.

`BENCH_MODE` is `saver` for its own SQLite saver, `kitaru_saver` for ours, or `calls` and `graph_call` for strategies of
our runner, which need no saver; with `_in_memory` behind it, the graph also keeps its threads in an `InMemorySaver`.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import sqlite3
from typing import TYPE_CHECKING, Any

from langchain.agents import create_agent
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver

from durable_bench.filler import Filler
from durable_bench.meter import Meter

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from langgraph.checkpoint.base import BaseCheckpointSaver

Costs = dict[str, float | None]
_IN_MEMORY = "_in_memory"


class Scripted(BaseChatModel):
    """Asks for its tool so many times, then ends."""

    before: int
    calls: int

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def bind_tools(self, tools: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        """Take the tools as they are."""
        del tools
        return self.bind(**kwargs)

    def _generate(self, messages: list[BaseMessage], *_: Any, **__: Any) -> ChatResult:  # noqa: ANN401
        turn = sum(isinstance(message, AIMessage) for message in messages) - self.before
        wish = {"name": "look", "args": {"number": turn}, "id": f"call-{turn}"}
        answer = AIMessage("", tool_calls=[wish]) if turn < self.calls - 1 else AIMessage("done")
        return ChatResult(generations=[ChatGeneration(message=answer)])


class Peer:
    """One process, one store."""

    def __init__(self, folder: Path) -> None:
        self._filler = Filler()
        mode = os.environ["BENCH_MODE"]
        self._mode, self._in_memory = mode.removesuffix(_IN_MEMORY), mode.endswith(_IN_MEMORY)
        self._threads = 0
        self._saver = self._make_saver(folder)
        os.environ |= {"KITARU_STORE": str(folder / "kitaru.db"), "KITARU_CONFIG_PATH": str(folder)}
        self.version = f"langgraph {importlib.metadata.version('langgraph')}, {mode}"

    def _make_saver(self, folder: Path) -> BaseCheckpointSaver[Any] | None:
        if self._mode == "saver":
            self._db = sqlite3.connect(folder / "graph.db", check_same_thread=False)
            saver: Any = importlib.import_module("langgraph.checkpoint.sqlite").SqliteSaver(self._db)
            saver.setup()
            self._db.execute("PRAGMA synchronous=FULL")
            return saver  # type: ignore[no-any-return]  # the module is imported by name
        if self._mode == "kitaru_saver":
            adapter = importlib.import_module("kitaru.adapters.langgraph")
            return adapter.KitaruCheckpointSaver(folder / "threads.db")  # type: ignore[no-any-return]
        return InMemorySaver() if self._in_memory else None

    def _agent(self, calls: int, size: int, before: int) -> Any:  # noqa: ANN401
        @tool
        def look(number: int) -> str:
            """Look something up."""
            del number
            return self._filler.text(size)

        ours = self._mode in {"calls", "graph_call"}
        middleware = [importlib.import_module("kitaru.adapters.langgraph").KitaruLangGraphMiddleware()] if ours else []
        model = Scripted(before=before, calls=calls)
        return create_agent(model, tools=[look], middleware=middleware, checkpointer=self._saver, name="bench")

    def _invoker(self, agent: Any, limit: int) -> Callable[[dict[str, Any]], object]:  # noqa: ANN401
        self._threads += 1
        thread = str(self._threads)
        config = {"configurable": {"thread_id": thread}, "recursion_limit": limit}
        if self._mode in {"saver", "kitaru_saver"}:
            return lambda given: agent.invoke(given, config, durability="sync")
        flow = importlib.import_module("kitaru").flow
        adapter = importlib.import_module("kitaru.adapters.langgraph")
        runner = adapter.KitaruGraphRunner(agent, checkpoint_strategy=self._mode)

        def run(given: dict[str, Any]) -> object:
            @flow
            def story() -> None:
                runner.invoke(given, thread_id=thread, config={"recursion_limit": limit})

            return story.run().wait()

        return run

    def loop(self, calls: int) -> Costs:
        """Make one run of so many model calls, with a tool call after each but the last; a piece is a super-step."""
        return self._go(calls, 100, [HumanMessage("go")])

    def conversation(self, start: int, added: int, calls: int) -> Costs:
        """Make one run over a conversation of `start` letters that each call makes longer by `added`."""
        turns = self._filler.turns(start, added)
        said: list[BaseMessage] = [AIMessage(text) if n % 2 else HumanMessage(text) for n, text in enumerate(turns)]
        return self._go(calls, added, [*said, HumanMessage("go")])

    def _go(self, calls: int, size: int, said: list[BaseMessage]) -> Costs:
        before = sum(isinstance(message, AIMessage) for message in said)
        run = self._invoker(self._agent(calls, size, before), 4 * calls)
        with Meter() as meter:
            run({"messages": said})
        return meter.result(2 * calls - 1)

    def close(self) -> None:
        """Close the saver's file."""
        if self._mode == "saver":
            self._db.close()

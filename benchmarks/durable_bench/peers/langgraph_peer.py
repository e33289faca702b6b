"""LangGraph with its SQLite saver: a loop of one node, every super-step saved before the next (`durability="sync"`)."""

from __future__ import annotations

import importlib
import importlib.metadata
import sqlite3
from typing import TYPE_CHECKING, Any, TypedDict

from durable_bench.meter import Meter

if TYPE_CHECKING:
    from pathlib import Path

Costs = dict[str, float | None]


class State(TypedDict):
    """What the graph carries: the last output, not all of them, so that a step's cost does not grow."""

    done: int
    count: int
    size: int
    output: str


class Peer:
    """One compiled graph over one SQLite saver."""

    def __init__(self, folder: Path) -> None:
        graphs: Any = importlib.import_module("langgraph.graph")
        saver: Any = importlib.import_module("langgraph.checkpoint.sqlite").SqliteSaver
        self.version = f"langgraph {importlib.metadata.version('langgraph')}"
        self._db = sqlite3.connect(folder / "graph.db", check_same_thread=False)
        self._saver = saver(self._db)
        self._saver.setup()
        self._db.execute("PRAGMA synchronous=FULL")
        self._meter = Meter()
        self._threads = 0
        builder = graphs.StateGraph(State)
        builder.add_node("step", self._node)
        builder.add_edge(graphs.START, "step")
        builder.add_conditional_edges("step", _next, {"step": "step", "end": graphs.END})
        self._graph = builder.compile(checkpointer=self._saver)

    def _node(self, state: State) -> dict[str, object]:
        self._meter.lap()
        return {"done": state["done"] + 1, "output": chr(97 + state["done"] % 26) * state["size"]}

    def _run(self, count: int, size: int) -> None:
        self._threads += 1
        config = {"configurable": {"thread_id": str(self._threads)}, "recursion_limit": count + 10}
        state = {"done": 0, "count": count, "size": size, "output": ""}
        self._graph.invoke(state, config, durability="sync")

    def steps(self, count: int, size: int) -> Costs:
        """Run one graph of `count` super-steps."""
        self._meter = Meter()
        with self._meter:
            self._run(count, size)
        return self._meter.result(count)

    def flows(self, count: int) -> Costs:
        """Run `count` graphs of one super-step."""
        with Meter() as meter:
            for _ in range(count):
                self._meter = Meter()
                self._run(1, 1)
                meter.lap()
        return meter.result(count)

    def close(self) -> None:
        """Close the saver's database."""
        self._db.close()


def _next(state: State) -> str:
    return "step" if state["done"] < state["count"] else "end"

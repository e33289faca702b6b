"""An agent in a flow whose process is killed inside the tool `b`, the first time it gets there.

Usage: killed_agent.py start|retry|resume FOLDER SAVER STRATEGY [EXECUTION]
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import sys
from pathlib import Path

from langchain.agents import create_agent
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite import SqliteSaver

from kitaru import KitaruClient, flow
from kitaru.adapters.langgraph import (
    KitaruCheckpointSaver,
    KitaruGraphRunner,
    KitaruLangGraphMiddleware,
    LangGraphCallCheckpointPolicy,
)

FOLDER = Path(sys.argv[2])


def log(name: str) -> None:
    """Note a call that really happens, durably enough for a killed process."""
    with (FOLDER / "calls.log").open("a") as file:
        file.write(f"{name}\n")


@tool
def a() -> str:
    """Do the first thing."""
    log("a")
    return "a done"


@tool
def b() -> str:
    """Do the second thing, or die on the way."""
    mark = FOLDER / "died"
    if not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    log("b")
    return "b done"


class Model(BaseChatModel):
    """Calls `a`, then `b`, then says so."""

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def bind_tools(self, tools, **kwargs):
        return self

    def _generate(self, messages, stop=None, run_manager=None, **kwargs):
        turn = sum(isinstance(message, AIMessage) for message in messages)
        log(f"model {turn}")
        calls = [[{"name": name, "args": {}, "id": name}] for name in ("a", "b")]
        answer = AIMessage("", tool_calls=calls[turn]) if turn < 2 else AIMessage("all done")
        return ChatResult(generations=[ChatGeneration(message=answer)])


def saver(kind: str):
    """Open the saver of a kind."""
    if kind == "memory":
        return InMemorySaver()
    if kind == "sqlite":
        return SqliteSaver(sqlite3.connect(FOLDER / "lg.db", check_same_thread=False))
    return KitaruCheckpointSaver(FOLDER / "threads.db")


@flow
def story(kind: str, strategy: str) -> list[str]:
    """Run the agent."""
    agent = create_agent(
        Model(), tools=[a, b], middleware=[KitaruLangGraphMiddleware()], checkpointer=saver(kind), name="killed"
    )
    if strategy == "irreversible":
        policy = LangGraphCallCheckpointPolicy(tool_checkpoint_config_by_name={"b": {"effect": "irreversible"}})
        runner = KitaruGraphRunner(agent, checkpoint_strategy="calls", call_checkpoint_policy=policy)
    else:
        runner = KitaruGraphRunner(agent, checkpoint_strategy=strategy)
    result = runner.invoke({"messages": [HumanMessage("go")]}, thread_id="t")
    return [f"{message.type}: {message.content}" for message in result.output["messages"]]


if __name__ == "__main__":
    if sys.argv[1] == "start":
        story.run(sys.argv[3], sys.argv[4]).wait()
    else:
        executions = KitaruClient().executions
        continued = getattr(executions, sys.argv[1])(sys.argv[5], block=True)
        told = executions.result(sys.argv[5]) if continued.status == "completed" else continued.status
        print(json.dumps(told))  # noqa: T201 - the test reads it

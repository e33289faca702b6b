"""How much is stored: a conversation once, however many turns and calls it has."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from langchain_core.messages import HumanMessage

from kitaru import flow
from kitaru.adapters.langgraph import LangGraphCapturePolicy

TURNS, SIZE = 40, 4000


def _bytes(path):
    with closing(sqlite3.connect(path)) as db:
        (rows,) = db.execute("SELECT sum(length(body) + coalesce(length(payload), 0)) FROM records").fetchone()
        (blobs,) = db.execute("SELECT coalesce(sum(length(data)), 0) FROM blobs").fetchone()
    return rows + blobs


@pytest.mark.parametrize("strategy", ["graph_call", "calls"])
def test_many_turns_on_a_thread_store_the_conversation_once(world, tmp_path, strategy):
    agent = world.agent(*["answer " + "x" * SIZE] * TURNS, saver=world.saver("memory"))
    runner = world.graph_runner(agent, strategy)

    @flow
    def story():
        for turn in range(TURNS):
            runner.invoke({"messages": [HumanMessage(f"{turn}" + "y" * SIZE)]}, thread_id="t")

    world.run(story)
    conversation = 2 * TURNS * SIZE
    copies = 2 if strategy == "calls" else 1  # an answer is the result of its call, and part of the turn
    assert _bytes(tmp_path / "kitaru.db") < copies * conversation + TURNS * 16_000


def test_many_calls_of_one_run_store_each_message_once_with_full_capture(world, tmp_path):
    turns = [world.wish(("a", n)) for n in range(TURNS)]
    tools = [world.tool("a", lambda x: f"{x}" + "z" * SIZE)]
    runner = world.graph_runner(
        world.agent(*turns, "done", tools=tools), capture=LangGraphCapturePolicy(capture_mode="full")
    )

    @flow
    def story():
        runner.invoke(world.hello, thread_id="t", config={"recursion_limit": 500})

    world.run(story)
    assert _bytes(tmp_path / "kitaru.db") < 3 * TURNS * SIZE + 2 * TURNS * 8_000


def test_stored_turns_are_read_back_whole(world):
    runner = world.graph_runner(world.agent("one", "two", "three", saver=world.saver("sqlite")))
    tries, seen = [], []

    @flow
    def story():
        told = [runner.invoke({"messages": [HumanMessage(str(n))]}, thread_id="t").output["messages"] for n in range(3)]
        seen.append(told)
        tries.append(1)
        if len(tries) == 1:
            msg = "again"
            raise ValueError(msg)

    world.retry(world.fail(story))
    assert seen[0] == seen[1]
    assert [len(told) for told in seen[1]] == [2, 4, 6]

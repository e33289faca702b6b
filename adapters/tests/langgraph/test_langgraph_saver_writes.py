"""What tasks write, and the checkpoint behind it: one transaction for both, nothing lost where none follows."""

from __future__ import annotations

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from langchain_core.messages import AIMessage, HumanMessage
from langgraph.checkpoint.base import empty_checkpoint
from langgraph.graph import START, MessagesState, StateGraph

from kitaru.adapters.langgraph import KitaruCheckpointSaver
from kitaru_adapters.langgraph.saver_late import LateWrites, TaskWrites

THREAD = {"configurable": {"thread_id": "t", "checkpoint_ns": ""}}


@pytest.fixture
def saver(tmp_path):
    with KitaruCheckpointSaver(tmp_path / "threads.db") as opened:
        yield opened


def _chat(saver, said):
    builder = StateGraph(MessagesState)
    builder.add_node("say", said)
    builder.add_edge(START, "say")
    return builder.compile(checkpointer=saver)


def test_a_step_is_one_transaction(saver):
    statements: list[str] = []
    saver._store._db.set_trace_callback(statements.append)
    graph = _chat(saver, lambda state: {"messages": [AIMessage(str(len(state["messages"])))]})
    for _ in range(20):
        graph.invoke({"messages": [HumanMessage("on")]}, THREAD, durability="sync")
    steps = len(list(saver.list(THREAD)))
    assert statements.count("COMMIT") <= steps * 1.1


def test_writes_without_a_checkpoint_behind_them_are_durable_when_the_call_returns(saver, tmp_path):
    config = saver.put(THREAD, empty_checkpoint(), {"step": 0}, {})
    saver.put_writes(config, [("messages", [AIMessage("kept")])], "task")
    with KitaruCheckpointSaver(tmp_path / "threads.db") as other:
        (write,) = other.get_tuple(THREAD).pending_writes
    assert (write[:2], [each.content for each in write[2]]) == (("task", "messages"), ["kept"])


def test_what_writes_and_conversation_share_stands_in_the_file_once(saver, tmp_path):
    text = "".join(chr(97 + n * n % 26) + str(n) for n in range(5000))
    _chat(saver, lambda _: {"messages": [AIMessage(text, id="said")]}).invoke(
        {"messages": [HumanMessage("on")]}, THREAD
    )
    with closing(sqlite3.connect(tmp_path / "threads.db")) as db:
        (large,) = db.execute("SELECT count(*) FROM parts WHERE length(data) > 1000").fetchone()
    assert large == 1


@pytest.mark.parametrize("change", ["content", "inside"])
def test_a_message_that_a_node_changes_in_place_is_stored_as_it_is_now(saver, change):
    def say(state):
        first = state["messages"][0]
        if change == "content":
            first.content = "changed"
        else:
            first.additional_kwargs["seen"] = ["changed"]
        return {"messages": [AIMessage("yes")]}

    _chat(saver, say).invoke({"messages": [HumanMessage("on", additional_kwargs={"seen": []})]}, THREAD)
    first = saver.get_tuple(THREAD).checkpoint["channel_values"]["messages"][0]
    assert "changed" in (first.content, *first.additional_kwargs["seen"])


def _writes(*place: str) -> TaskWrites:
    return TaskWrites((*place, "", "c")[:3], ("task", ""), [])


def test_a_checkpoint_waits_for_writes_that_are_being_encoded():
    late, writes, begun = LateWrites(), _writes("t"), threading.Event()

    def hand_in() -> bool:
        with late.coming(writes.place):
            begun.set()
            late.offer(writes)
        return late.are_stored(writes)

    with ThreadPoolExecutor(1) as pool:
        stored = pool.submit(hand_in)
        begun.wait()
        with late.taken(writes.place) as found:
            assert found == [writes]
        assert stored.result()


def test_writes_are_the_callers_again_when_the_checkpoint_fails():
    late, writes = LateWrites(), _writes("t")
    late.offer(writes)
    with pytest.raises(OSError, match="full"), late.taken(writes.place):
        raise OSError("full")
    assert not late.are_stored(writes)


def test_writes_of_another_place_are_not_taken():
    late, writes = LateWrites(), _writes("t")
    late.offer(writes)
    with late.taken(("u", "", "c")) as found:
        assert found == []
    assert not late.are_stored(writes)
    with late.taken(writes.place) as found:
        assert found == []

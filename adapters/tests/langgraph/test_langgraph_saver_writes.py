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
from kitaru_adapters.langgraph.saver_store import ThreadStore

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


def test_a_step_is_one_transaction(saver, monkeypatch):
    # However busy the machine is: each waits for the other until it is there.
    monkeypatch.setattr("kitaru_adapters.langgraph.saver_late._ENCODING", 20)
    saver._late = _Offered(moment=20)
    statements: list[str] = []
    saver._store._db.set_trace_callback(statements.append)
    config = saver.put(THREAD, empty_checkpoint(), {"step": 0}, {})
    with ThreadPoolExecutor(1) as pool:
        written = pool.submit(saver.put_writes, config, [("messages", [AIMessage("said")])], "task")
        assert saver._late.offered.wait(20)
        saver.put(config, empty_checkpoint(), {"step": 1}, {})
        written.result()
    assert statements.count("COMMIT") == 2
    assert [channel for _, channel, _ in saver.get_tuple(config).pending_writes] == ["messages"]


class _Offered(LateWrites):
    """Tells when writes are offered."""

    def __init__(self, moment):
        super().__init__(moment)
        self.offered = threading.Event()

    def offer(self, writes):
        super().offer(writes)
        self.offered.set()


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


def test_a_checkpoint_waits_for_writes_that_are_being_encoded(monkeypatch):
    monkeypatch.setattr("kitaru_adapters.langgraph.saver_late._ENCODING", 20)
    late, writes, begun = LateWrites(moment=20), _writes("t"), threading.Event()

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


def test_a_transaction_that_cannot_be_committed_leaves_the_file_usable(tmp_path):
    with closing(ThreadStore(tmp_path / "threads.db")) as store:
        with store.transaction() as db:
            pass
        db.execute("PRAGMA foreign_keys = ON")
        db.execute("CREATE TABLE one (n INTEGER PRIMARY KEY)")
        db.execute("CREATE TABLE other (n INTEGER REFERENCES one (n) DEFERRABLE INITIALLY DEFERRED)")
        with pytest.raises(sqlite3.IntegrityError), store.transaction() as db:
            db.execute("INSERT INTO other VALUES (1)")  # which only the commit refuses
        with store.transaction() as db:
            db.execute("INSERT INTO one VALUES (2)")
        assert store.rows("SELECT (SELECT count(*) FROM one), (SELECT count(*) FROM other)") == [(1, 0)]

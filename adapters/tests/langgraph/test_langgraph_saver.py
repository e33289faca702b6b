"""The saver: the framework's own conformance package, forks, strict types, and storage that does not grow twice."""

from __future__ import annotations

import gc
import operator
import sqlite3
import stat
from contextlib import closing
from dataclasses import dataclass
from typing import Annotated, TypedDict

import pytest
from langchain_core.messages import AIMessage, HumanMessage
from langgraph.checkpoint.conformance import checkpointer_test, validate
from langgraph.graph import START, MessagesState, StateGraph

from kitaru.adapters.langgraph import KitaruCheckpointSaver
from kitaru.errors import KitaruEncodingError, KitaruJournalError, KitaruUsageError


async def test_official_conformance_package_passes_in_every_group(tmp_path):
    numbers = iter(range(100))

    @checkpointer_test(name="KitaruCheckpointSaver")
    async def ours():
        saver = KitaruCheckpointSaver(tmp_path / f"{next(numbers)}.db")
        yield saver
        saver.close()

    report = await validate(ours)
    assert {name: result.passed for name, result in report.results.items()} == dict.fromkeys(report.results, True)
    assert len(report.results) == 8


def test_secret_in_an_error_is_not_written(tmp_path):
    def fails(state):
        msg = "the server refused api_key=s3same-and-long"
        raise ValueError(msg)

    saver = KitaruCheckpointSaver(tmp_path / "threads.db")
    builder = StateGraph(MessagesState)
    builder.add_node("fails", fails)
    builder.add_edge(START, "fails")
    config = {"configurable": {"thread_id": "t"}}
    with pytest.raises(ValueError, match="s3same"):
        builder.compile(checkpointer=saver).invoke({"messages": [HumanMessage("hello")]}, config)
    (said,) = [value for _, channel, value in saver.get_tuple(config).pending_writes if channel == "__error__"]
    assert "the server refused" in said
    assert "s3same" not in said


def _chat(saver, answer="yes"):
    builder = StateGraph(MessagesState)
    builder.add_node("say", lambda state: {"messages": [AIMessage(f"{answer} {len(state['messages'])}")]})
    builder.add_edge(START, "say")
    return builder.compile(checkpointer=saver)


def _say(graph, text, thread="t", **named):
    config = {"configurable": {"thread_id": thread, **named}}
    return [message.content for message in graph.invoke({"messages": [HumanMessage(text)]}, config)["messages"]]


@pytest.fixture
def saver(tmp_path):
    with KitaruCheckpointSaver(tmp_path / "threads.db") as opened:
        yield opened


def test_thread_is_there_in_the_next_process(tmp_path):
    with KitaruCheckpointSaver(tmp_path / "threads.db") as first:
        _say(_chat(first), "one")
    with KitaruCheckpointSaver(tmp_path / "threads.db") as second:
        assert _say(_chat(second), "two") == ["one", "yes 1", "two", "yes 3"]


def test_two_forks_of_one_checkpoint_keep_their_own_values(saver):
    graph = _chat(saver)
    _say(graph, "one")
    config = {"configurable": {"thread_id": "t"}}
    base = graph.get_state(config).config["configurable"]["checkpoint_id"]
    left = _say(graph, "left", checkpoint_id=base)
    right = _say(graph, "right", checkpoint_id=base)
    heads = [each for each in graph.get_state_history(config) if not each.next]
    told = {tuple(message.content for message in each.values["messages"]) for each in heads}
    assert {tuple(left), tuple(right)} <= told


def test_copy_and_prune_leave_a_thread_that_goes_on(saver):
    graph = _chat(saver)
    _say(graph, "one")
    saver.copy_thread("t", "copy")
    saver.prune(["copy"])
    assert len(list(saver.list({"configurable": {"thread_id": "copy"}}))) == 1
    assert _say(graph, "two", thread="copy") == ["one", "yes 1", "two", "yes 3"]
    assert _say(graph, "three") == ["one", "yes 1", "three", "yes 3"]


def test_deleting_the_last_thread_leaves_no_bytes_behind(saver, tmp_path):
    _say(_chat(saver), "one")
    saver.delete_thread("t")
    tables = ["checkpoints", "versions", "writes", "chain", "parts"]
    counts = " UNION ALL ".join(f"SELECT count(*) FROM {table}" for table in tables)  # noqa: S608 - five fixed names
    with closing(sqlite3.connect(tmp_path / "threads.db")) as db:
        assert db.execute(counts).fetchall() == [(0,)] * 5


def test_conversation_is_stored_once_and_not_once_for_each_step(saver, tmp_path):
    graph = _chat(saver)
    for turn in range(60):
        _say(graph, f"{turn} " + "x" * 3000)
    with closing(sqlite3.connect(tmp_path / "threads.db")) as db:
        (messages,) = db.execute("SELECT count(*) FROM chain").fetchone()
        (size,) = db.execute("SELECT sum(length(data)) FROM parts").fetchone()
    assert messages <= 60 * 4 + 1  # each message as a part of the conversation, and of what its task wrote
    assert size < 60 * 3000


@dataclass
class Treasure:
    gold: int


class _Chest(TypedDict):
    found: Annotated[list[Treasure], operator.add]


def _digging(saver):
    builder = StateGraph(_Chest)
    builder.add_node("dig", lambda state: {"found": [Treasure(3)]})
    builder.add_edge(START, "dig")
    return builder.compile(checkpointer=saver)


def test_type_that_is_not_allowed_is_refused_when_it_is_written(saver):
    with pytest.raises(KitaruEncodingError, match="Treasure"):
        _digging(saver).invoke({"found": []}, {"configurable": {"thread_id": "t"}})


class Word(str):
    __slots__ = ()


def test_type_is_refused_although_its_plain_twin_was_read_back_before(saver):
    config = {"configurable": {"thread_id": "t", "checkpoint_id": "1"}}
    for number in range(2):
        saver.put_writes(config, [("found", "gold")], f"task-{number}")
    with pytest.raises(KitaruEncodingError, match="Word"):
        saver.put_writes(config, [("found", Word("gold"))], "task-2")


def test_allowed_type_comes_back_as_itself(tmp_path):
    with KitaruCheckpointSaver(tmp_path / "threads.db", types=[Treasure]) as saver:
        graph, config = _digging(saver), {"configurable": {"thread_id": "t"}}
        graph.invoke({"found": []}, config)
        assert graph.get_state(config).values == {"found": [Treasure(3)]}


def test_file_is_private_and_foreign_files_are_left_alone(saver, tmp_path):
    assert stat.S_IMODE((tmp_path / "threads.db").stat().st_mode) == 0o600
    other = tmp_path / "other.db"
    with closing(sqlite3.connect(other)) as db:
        db.execute("CREATE TABLE mine (x)")
        db.commit()
    before = other.read_bytes()
    with pytest.raises(KitaruJournalError, match="no file of kitaru"):
        KitaruCheckpointSaver(other)
    assert other.read_bytes() == before


def test_a_saver_that_nobody_has_any_more_has_closed_its_file(tmp_path):
    saver = KitaruCheckpointSaver(tmp_path / "dropped.db")
    _say(_chat(saver), "one")
    assert (tmp_path / "dropped.db-wal").exists()
    del saver
    gc.collect()
    assert not (tmp_path / "dropped.db-wal").exists()


def test_unknown_prune_strategy_and_copy_onto_itself_are_refused(saver):
    with pytest.raises(KitaruUsageError, match="keep_latest"):
        saver.prune(["t"], strategy="some")
    with pytest.raises(KitaruUsageError, match="onto itself"):
        saver.copy_thread("t", "t")

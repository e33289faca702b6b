"""What a model was asked can be read, wherever its messages stand."""

from __future__ import annotations

import sqlite3

import pytest

from kitaru import checkpoint, flow, seam
from kitaru.errors import KitaruJournalError

LONG = "x" * 3_000


@checkpoint
def plain():
    return 1


@flow
def talks(calls):
    """Model calls in one conversation: short and long messages, and answers that are said again."""
    talk = [{"role": "system", "content": "be short"}, {"role": "user", "content": LONG}]
    for number in range(calls):
        unit = seam.Unit(name="ask", key=str(number), adapter="tests", history=talk)
        said = {"role": "assistant", "content": f"answer {len(talk)}"}
        answer = seam.run_unit(unit, lambda _, said=said: said)
        talk = [*talk, answer.value, {"role": "user", "content": f"go on {number}"}]
    plain()


@pytest.fixture
def talk(client):
    def of(calls=3):
        handle = talks.run(calls)
        handle.wait(10)
        return client.executions.get(handle.exec_id)

    return of


def test_each_call_tells_the_conversation_it_was_asked_with(talk):
    *asked, other = (call.load_messages() for call in talk().checkpoints)
    assert [len(messages) for messages in asked] == [2, 4, 6]
    assert asked[0][1] == {"role": "user", "content": LONG}
    assert [one["content"] for one in asked[2][2:]] == ["answer 2", "go on 0", "answer 4", "go on 1"]
    assert (asked[2][:4], other) == (asked[1], [])


def test_a_replay_tells_what_it_asked_and_its_source_the_rest(client, talk):
    source = talk()
    replayed = talks.replay(source.exec_id, from_="ask_3")
    replayed.wait(10)
    first, _, third, _ = client.executions.get(replayed.exec_id).checkpoints
    assert (first.load_messages(), first.original_exec_id) == ([], source.exec_id)
    assert third.load_messages() == source.checkpoints[2].load_messages()


def test_messages_are_there_after_a_continuation(client):
    tried = []

    @flow
    def fails_once():
        talk = [{"role": "user", "content": "one"}]
        for number in range(2):
            unit = seam.Unit(name="ask", key=str(number), adapter="tests", history=talk)
            talk = [*talk, seam.run_unit(unit, lambda _: {"role": "assistant", "content": "hm"}).value]
            tried.append(1)
            if len(tried) == 1:
                raise ValueError

    handle = fails_once.run()
    client.executions.wait(handle.exec_id, timeout=10)
    client.executions.retry(handle.exec_id, block=True)
    first, second = client.executions.get(handle.exec_id).checkpoints
    assert [len(call.load_messages()) for call in (first, second)] == [1, 2]
    assert client.executions.verify(handle.exec_id).is_intact


def test_a_message_that_is_gone_is_said(talk, store):
    asked = talk(1).checkpoints[0]
    with sqlite3.connect(store) as database:
        database.execute("DELETE FROM blobs")
    database.close()
    with pytest.raises(KitaruJournalError, match="missing"):
        asked.load_messages()

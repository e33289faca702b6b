"""A conversation that grows is kept once, and each call still has its whole prompt."""

from __future__ import annotations

import os
import sqlite3

import pytest

from kitaru import KitaruClient, checkpoint, flow, llm, load
from kitaru.errors import KitaruExecutionError, KitaruJournalError
from kitaru.journal.registry import close_all


@pytest.fixture(autouse=True)
def canned(monkeypatch):
    monkeypatch.setenv("KITARU_LLM_MOCK_RESPONSE", os.urandom(1500).hex())


def message(size=3000):
    return {"role": "user", "content": os.urandom(size // 2).hex()}


def prompts(exec_id):
    found = KitaruClient().executions.get(exec_id).artifacts
    return [artifact.load() for artifact in found if artifact.name.endswith("_prompt")]


def blobs(store):
    close_all()
    with sqlite3.connect(store) as database:
        found = database.execute("select sum(length(data)) from blobs").fetchone()[0]
    database.close()
    return found


def test_in_the_flow_and_in_checkpoints_each_message_is_kept_once(store):
    @checkpoint
    def inside(messages):
        return len(llm(messages, model="stub/small"))

    said = [message() for _ in range(5)]

    def body():
        for _ in range(10):
            said.append(message())
            llm(said, model="stub/small")
            inside(said[-3:])

    handle = flow(body).run()
    handle.wait(timeout=30)
    found = prompts(handle.exec_id)
    assert [one for one in found if len(one) > 3] == [said[:n] for n in range(6, 16)]
    assert [one for one in found if len(one) == 3] == [said[n - 3 : n] for n in range(6, 16)]
    assert blobs(store) < 3100 * (15 + 1)


def test_the_prompt_is_whole_after_a_retry_and_in_a_replay():
    fail = [True]

    @checkpoint
    def step():
        if fail:
            raise OSError(fail.pop())

    def body():
        messages = [message()]
        llm(messages, model="stub/small")
        step()
        messages.append(message())
        llm(messages, model="stub/small")
        return messages

    body.__qualname__ = "body"
    talk = flow(body)
    handle = talk.run()
    with pytest.raises(KitaruExecutionError):
        handle.wait(timeout=30)
    KitaruClient().executions.retry(handle.exec_id)
    said = handle.wait(timeout=30)
    assert prompts(handle.exec_id)[-1] == said
    again = talk.replay(handle.exec_id, from_="llm_2")
    anew = again.wait(timeout=30)
    first = prompts(handle.exec_id)[0]
    assert prompts(again.exec_id) == [first, anew]
    assert KitaruClient().executions.verify(again.exec_id).is_intact


def test_what_json_cannot_hold_is_kept_as_it_is():
    said = [{"role": "user", "content": [b"\x00image", ("a", 1)]}]
    handle = flow(lambda: llm(said, model="stub/small")).run()
    handle.wait(timeout=30)
    assert prompts(handle.exec_id) == [said]


def test_a_prompt_is_loaded_by_name():
    said = [message(), message()]
    handle = flow(lambda: llm(said, model="stub/small")).run()
    handle.wait(timeout=30)

    @checkpoint
    def look():
        return load(handle.exec_id, "llm_1_prompt")

    assert flow(lambda: look()).run().wait(timeout=30) == said


def test_a_missing_message_is_noticed(store):
    handle = flow(lambda: llm([message(), message(20)], model="stub/small")).run()
    handle.wait(timeout=30)
    assert KitaruClient().executions.verify(handle.exec_id).is_intact
    close_all()
    with sqlite3.connect(store) as database:
        database.execute("delete from blobs where length(data) < 100")
    database.close()
    assert not KitaruClient().executions.verify(handle.exec_id).is_intact
    with pytest.raises(KitaruJournalError, match="missing"):
        prompts(handle.exec_id)


def test_a_replay_of_a_replay_has_all_prompts_and_keeps_no_message_again(store):
    said = []

    def body():
        for _ in range(6):
            said.append(message())
            llm(said, model="stub/small")

    talk = flow(body)
    first = talk.run()
    first.wait(timeout=30)
    before, expected = blobs(store), prompts(first.exec_id)
    said[:] = []
    second = talk.replay(first.exec_id, from_="llm_6")
    second.wait(timeout=30)
    said[:] = []
    third = talk.replay(second.exec_id, from_="llm_6")
    third.wait(timeout=30)
    assert prompts(third.exec_id)[:5] == expected[:5]
    assert [len(one) for one in prompts(third.exec_id)] == [1, 2, 3, 4, 5, 6]
    # What the rerun of the body made up anew for the calls that ran is all that came in.
    assert blobs(store) < before + 2 * 6 * 3100

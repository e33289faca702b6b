from __future__ import annotations

import random
import sqlite3
from contextlib import closing

from pydantic_ai.messages import ModelMessagesTypeAdapter, ModelRequest, ModelResponse, TextPart, UserPromptPart

RANDOM = random.Random(7)  # noqa: S311 - filler, not a secret
RUNS = 30


def words(size):
    return "".join(RANDOM.choices("abcdefghijklmnopqrstuvwxyz    ", k=size))


def test_a_conversation_is_stored_once_and_not_once_per_call(lab, store):
    agent = lab.agent(*[lambda _messages: words(2500)] * 100)
    turns = [(words(15_000), words(15_000)) for _ in range(10)]
    history = [
        message
        for asked, answered in turns
        for message in (ModelRequest(parts=[UserPromptPart(asked)]), ModelResponse(parts=[TextPart(answered)]))
    ]

    def body():
        messages = history
        for _ in range(RUNS):
            messages = agent.run_sync(words(2500), message_history=messages).all_messages()
        return len(ModelMessagesTypeAdapter.dump_json(messages))

    conversation = lab.run(body).wait(30)
    with closing(sqlite3.connect(store)) as database:
        pages = database.execute("select sum(pgsize) from dbstat").fetchone()[0]
    assert conversation > 450_000
    assert pages < 1.5 * conversation

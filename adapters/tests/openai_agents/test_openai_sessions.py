"""Sessions: the model sees the same history on a rerun, and nothing is written twice."""

from __future__ import annotations

import pytest
from agents import Agent, SQLiteSession, function_tool
from agents.testing import ScriptedModel, assistant_message, function_call

import kitaru
from kitaru.adapters.openai_agents import KitaruRunner, KitaruSession, OpenAIRunRequest


def chatty(*texts):
    return Agent(name="chat", model=ScriptedModel([[assistant_message(text, item_id=text)] for text in texts]))


async def said(session):
    return [
        item["content"] if isinstance(item["content"], str) else item["content"][0]["text"]
        for item in await session.get_items()
    ]


async def two_turns(runner, session):
    await runner.run(OpenAIRunRequest.start("one?"), session=session)
    return await runner.run(OpenAIRunRequest.start("two?"), session=session)


async def test_a_stored_session_has_no_duplicates_after_a_rerun(story, tmp_path):
    session = SQLiteSession("s1", tmp_path / "chat.db")
    agent = chatty("one", "two")
    told = story(lambda: two_turns(KitaruRunner(agent), session))
    first = told.first()
    assert told.rerun() == first
    assert await said(session) == ["one?", "one", "two?", "two"]
    assert [item.get("content") for item in agent.model.calls[1].input][0::2] == ["one?", "two?"]
    session.close()


async def test_the_second_turn_of_a_rerun_sees_the_history_of_the_first_run(story, tmp_path):
    session = SQLiteSession("s1", tmp_path / "chat.db")
    agent = chatty("one")
    agent.model.enqueue(OSError("down"))
    told = story(lambda: two_turns(KitaruRunner(agent), session))
    with pytest.raises(kitaru.KitaruExecutionError):
        told.start().wait()
    agent.model.enqueue([assistant_message("two", item_id="two")])
    told.rerun()
    assert agent.model.calls[2].input == agent.model.calls[1].input
    assert await said(session) == ["one?", "one", "two?", "two"]
    session.close()


async def test_a_write_that_was_done_but_not_recorded_is_not_done_again(story, tmp_path):
    class Forgetful(SQLiteSession):
        failed = False

        async def add_items(self, items):
            await super().add_items(items)
            if not self.failed:
                self.failed = True
                msg = "the answer got lost"
                raise ConnectionError(msg)

    session = Forgetful("s1", tmp_path / "chat.db")
    agent = chatty("one", "two")
    told = story(lambda: two_turns(KitaruRunner(agent), session))
    with pytest.raises(kitaru.KitaruExecutionError):
        told.start().wait()
    told.rerun()
    assert await said(session) == ["one?", "one", "two?", "two"]
    session.close()


async def test_a_read_stores_only_what_is_not_known_yet(story, tmp_path):
    session = SQLiteSession("s1", tmp_path / "chat.db")
    agent = chatty("a" * 5000, "b" * 5000, "c" * 5000)
    runner = KitaruRunner(agent)

    async def body():
        durable = None
        for text in ("1", "2", "3"):
            durable = await runner.run(OpenAIRunRequest.start(text), session=session)
        return durable.final_output[0]

    told = story(body)
    assert told.once() == "c"
    session.close()


def test_a_kitaru_session_needs_no_store_and_stays_linear(story):
    agent = chatty("one", "two")
    kept: list[list[object]] = []

    async def body():
        session = KitaruSession("s1")
        result = await two_turns(KitaruRunner(agent), session)
        kept.append(session.items)
        return result

    told = story(body)
    assert told.first() == told.rerun()
    assert kept[0] == kept[1]
    assert [item["role"] for item in kept[0]] == ["user", "assistant", "user", "assistant"]
    assert told.names == ["chat_openai_model_call", "chat_openai_model_call"]


def test_a_kitaru_session_goes_on_from_the_items_of_another_one(story):
    agent = chatty("two")
    before = [{"role": "user", "content": "one?"}, {"role": "assistant", "content": "one"}]

    async def body():
        return await KitaruRunner(agent).run(OpenAIRunRequest.start("two?"), session=KitaruSession("s1", before))

    story(body).once()
    assert [item["content"] for item in agent.model.calls[0].input] == ["one?", "one", "two?"]


async def test_a_kitaru_session_keeps_the_contract_of_sessions():
    session = KitaruSession("s1")
    await session.add_items([{"role": "user", "content": str(n)} for n in range(3)])
    assert [item["content"] for item in await session.get_items(2)] == ["1", "2"]
    assert (await session.pop_item())["content"] == "2"
    await session.clear_session()
    assert (await session.get_items(), await session.pop_item()) == ([], None)


def test_a_tool_and_a_session_rerun_on_the_same_path(story, tmp_path):
    ran: list[int] = []

    @function_tool
    def act() -> str:
        ran.append(1)
        return "acted"

    session = SQLiteSession("s1", tmp_path / "chat.db")
    steps = [[function_call("act", {}, call_id="c1")], [assistant_message("x")]]
    agent = Agent(name="chat", model=ScriptedModel(steps), tools=[act])
    told = story(lambda: KitaruRunner(agent).run(OpenAIRunRequest.start("go"), session=session))
    assert told.first() == told.rerun()
    assert ran == [1]
    session.close()

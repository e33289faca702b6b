from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Literal

import pytest
from pydantic import BaseModel

from kitaru import KitaruClient, checkpoint, flow
from kitaru.authoring.llm_calls import llm, llm_async
from kitaru.errors import KitaruExecutionError, KitaruRuntimeError, KitaruUsageError
from kitaru.models.api import ModelReply


class City(BaseModel):
    name: str
    people: int = 0


@dataclass
class Pair:
    left: int
    right: int


CITY = '{"name": "Oslo", "people": 700000}'


def run(body):
    handle = flow(body).run()
    return handle.wait(timeout=30), handle.exec_id


def say(keyed, *texts):
    keyed.answers = [ModelReply(text=text, finish_reason="length") for text in texts]


@pytest.mark.parametrize(
    ("schema", "text", "value"),
    [
        (City, CITY, City(name="Oslo", people=700000)),
        (City, f"```json\n{CITY}\n```", City(name="Oslo", people=700000)),
        (Pair, '{"left": 1, "right": 2}', Pair(1, 2)),
        (list[int], '{"value": [1, 2]}', [1, 2]),
        (list[int], "[1, 2]", [1, 2]),
        (Literal["yes", "no"], '{"value": "no"}', "no"),
        (list[City], f'{{"value": [{CITY}]}}', [City(name="Oslo", people=700000)]),
        ({"type": "object", "required": ["a"]}, '{"a": 1}', {"a": 1}),
        ({"type": "array", "items": {"type": "integer"}}, '{"value": [3]}', [3]),
    ],
)
def test_an_answer_has_the_type_that_was_asked_for(schema, text, value, keyed):
    say(keyed, text, text, text)

    @checkpoint
    def inside():
        return llm("x", model="stub/small", schema=schema) == value

    def body():
        return llm("x", model="stub/small", schema=schema) == value, inside()

    async def body_async():
        return await llm_async("x", model="stub/small", schema=schema) == value

    assert run(body)[0] == (True, True)
    assert run(body_async)[0] is True


@pytest.mark.parametrize(
    ("schema", "text", "told"),
    [
        (City, "Oslo, I think", "malformed"),
        (City, '{"people": "many"}', r"Field required at name \(and 1 more\)"),
        ({"type": "object", "required": ["a"]}, "{}", "'a' is a required property"),
    ],
)
def test_an_answer_that_does_not_fit_is_an_error_that_quotes_it(schema, text, told, keyed):
    say(keyed, text)

    def body():
        with pytest.raises(KitaruRuntimeError, match=told) as caught:
            llm("x", model="stub/small", schema=schema)
        return str(caught.value)

    message, exec_id = run(body)
    assert f"It wrote: {text}" in message
    assert "stub/small" in message
    assert "'length'" in message
    execution = KitaruClient().executions.get(exec_id)
    assert execution.llm_usage_summary["usage_record_count"] == 1
    assert [one.load() for one in execution.artifacts if one.kind == "response"] == [text]


def test_the_value_comes_back_in_its_type_without_another_call(keyed):
    say(keyed, CITY)
    fail = [True]

    @checkpoint
    def after():
        if fail:
            raise OSError(fail.pop())

    def body():
        city = llm("x", model="stub/small", schema=City)
        after()
        return city

    handle = flow(body).run()
    with pytest.raises(KitaruExecutionError):
        handle.wait(timeout=30)
    KitaruClient().executions.retry(handle.exec_id)
    assert handle.wait(timeout=30) == City(name="Oslo", people=700000)
    assert len(keyed.requests) == 1


@flow
def asks_for_a_city() -> City:
    return llm("x", model="stub/small", schema=City)


@pytest.mark.parametrize("value", [{"name": "Rome"}, '{"name": "Rome"}'])
def test_a_replay_may_put_another_value_in_its_place(value, keyed):
    say(keyed, CITY)
    handle = asks_for_a_city.run()
    handle.wait(timeout=30)
    replay = asks_for_a_city.replay(handle.exec_id, from_="llm_1", overrides={"checkpoint.llm_1": value})
    assert replay.wait(timeout=30) == City(name="Rome")
    assert len(keyed.requests) == 1


def test_a_provider_that_cannot_hold_a_model_to_a_schema_is_asked_in_words(keyed):
    say(keyed, CITY)
    run(lambda: llm("x", model="stub/small", system="be brief", schema=City).name)
    (request,) = keyed.requests
    assert request.schema is None
    assert [one["role"] for one in request.messages] == ["system", "system", "user"]
    assert '"people"' in request.messages[1]["content"]


def test_a_provider_that_can_is_given_the_schema_of_an_object(keyed):
    keyed.structured = True
    say(keyed, CITY, '{"value": [1]}')
    run(lambda: [llm("x", model="stub/small", schema=one) and 1 for one in (City, list[int])])
    model, numbers = (request.schema for request in keyed.requests)
    assert model == City.model_json_schema()
    assert numbers["properties"] == {"value": {"items": {"type": "integer"}, "type": "array"}}
    assert [one["role"] for one in keyed.requests[0].messages] == ["user"]


@pytest.mark.parametrize("schema", [object(), {"type": "no such type"}, 5])
def test_what_is_no_schema_is_refused_before_anything_is_recorded(schema, keyed):
    def body():
        with pytest.raises(KitaruUsageError, match=r"llm\(schema="):
            llm("x", model="stub/small", schema=schema)

    _, exec_id = run(body)
    assert KitaruClient().executions.get(exec_id).checkpoints == []
    assert keyed.requests == []


def test_a_canned_answer_is_checked_as_well(monkeypatch):
    monkeypatch.setenv("KITARU_LLM_MOCK_RESPONSE", CITY)
    assert run(lambda: llm("x", model="stub/small", schema=City).people)[0] == 700000
    monkeypatch.setenv("KITARU_LLM_MOCK_RESPONSE", "Oslo")
    with pytest.raises(KitaruExecutionError, match="It wrote: Oslo"):
        run(lambda: asyncio.run(llm_async("x", model="stub/small", schema=City)))

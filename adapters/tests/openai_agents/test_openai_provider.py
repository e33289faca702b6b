"""The provider's own client library against a provider on the loopback interface."""

from __future__ import annotations

import asyncio

import pytest
from agents import Agent, ModelSettings, OpenAIProvider, RunConfig, function_tool
from openai import AsyncOpenAI

import kitaru
from kitaru.adapters.openai_agents import KitaruRunner, OpenAIRunRequest
from kitaru_adapters.openai_agents.loop import on_background_loop

START = OpenAIRunRequest.start("go")


def runner_for(provider, *, responses=True, **settings):
    @function_tool
    def fact(topic: str) -> str:
        return f"{topic} is green"

    def config():
        client = AsyncOpenAI(base_url=provider.url, api_key="test-key", max_retries=2)
        return RunConfig(model_provider=OpenAIProvider(openai_client=client, use_responses=responses))

    agent = Agent(name="poet", model="gpt-test", tools=[fact])
    return KitaruRunner(agent, run_config_factory=config, **settings)


@pytest.mark.parametrize("responses", [True, False], ids=["responses", "chat"])
@pytest.mark.parametrize("method", ["run", "run_stream"])
def test_a_run_is_recorded_and_rerun_without_a_request(story, provider, reply, responses, method):
    provider.script(reply(calls=[("fact", {"topic": "grass"}, "c1")]), reply(text="a poem about grass"))
    runner = runner_for(provider, responses=responses)
    told = story(lambda: getattr(runner, method)(START))
    first = told.first()
    assert told.rerun() == first
    assert (first.final_output, first.usage.total_tokens, len(provider.requests)) == ("a poem about grass", 32, 2)


def test_the_second_request_is_the_same_after_a_failure_between_them(story, provider, reply):
    provider.script(reply(calls=[("fact", {"topic": "grass"}, "c1")]), reply(status=400), reply(text="done"))
    told = story(lambda: runner_for(provider).run(START))
    with pytest.raises(kitaru.KitaruExecutionError):
        told.start().wait()
    assert told.rerun().final_output == "done"
    bodies = [request["body"]["input"] for request in provider.requests]
    assert bodies[1] == bodies[2]


def test_being_told_to_slow_down_is_the_clients_affair_and_one_unit(story, provider, reply):
    provider.script(reply(status=429, retry_after=0.01), reply(text="done"))
    told = story(lambda: runner_for(provider).run(START))
    assert told.once().final_output == "done"
    assert (len(provider.requests), told.names) == (2, ["poet_openai_model_call"])


def test_a_dropped_connection_is_survived(story, provider, reply):
    provider.script(reply(drop=True), reply(text="done"))
    told = story(lambda: runner_for(provider).run(START))
    assert told.once().final_output == "done"
    assert len(provider.requests) == 2


def test_durable_retries_go_on_where_the_clients_own_are_over(story, provider, reply):
    provider.script(*(reply(status=503, retry_after=0.001) for _ in range(3)), reply(text="done"))
    told = story(lambda: runner_for(provider, model_checkpoint_config={"retries": 1}).run(START))
    assert told.once().final_output == "done"
    (call,) = told.execution.checkpoints
    assert len(call.attempts) == 2


def test_reasoning_items_go_back_to_the_provider_unchanged(story, provider, reply):
    reasoning = {"id": "rs_1", "type": "reasoning", "summary": [], "encrypted_content": "opaque=="}
    first = reply(calls=[("fact", {"topic": "grass"}, "c1")], extra_items=[reasoning])
    provider.script(first, reply(status=400), reply(text="done"))
    told = story(lambda: runner_for(provider).run(START))
    with pytest.raises(kitaru.KitaruExecutionError):
        told.start().wait()
    told.rerun()
    sent = [request["body"]["input"] for request in provider.requests[1:]]
    assert [[item for item in items if item.get("type") == "reasoning"] for items in sent] == [[reasoning]] * 2


def test_one_client_serves_fifty_units_of_one_run_and_many_synchronous_runs(provider, reply):
    provider.keep_alive = True
    calls = [reply(calls=[("fact", {"topic": "t"}, f"c{n}")]) for n in range(25)]
    provider.script(*calls, reply(text="first"), reply(text="second"))
    client = AsyncOpenAI(base_url=provider.url, api_key="test-key", max_retries=0)
    config = RunConfig(model_provider=OpenAIProvider(openai_client=client))

    @function_tool
    def fact(topic: str) -> str:
        return topic

    runner = KitaruRunner(Agent(name="poet", model="gpt-test", tools=[fact]), run_config_factory=lambda: config)

    @kitaru.flow
    def twice() -> list[str]:
        long = OpenAIRunRequest.start("go", max_turns=30)
        return [runner.run_sync(long).final_output, runner.run_sync(START).final_output]

    assert twice.run().wait() == ["first", "second"]
    on_background_loop(client.close())
    assert (len(provider.requests), len(provider.connections)) == (27, 1)


def test_runs_side_by_side_in_one_flow_keep_apart(story, provider, reply):
    provider.brain = lambda body: reply(text=str(body["input"][0]["content"]).upper())
    runners = {word: runner_for(provider, name=word) for word in ("red", "blue")}

    async def body():
        runs = [runner.run(OpenAIRunRequest.start(word)) for word, runner in runners.items()]
        return [result.final_output for result in await asyncio.gather(*runs)]

    told = story(body)
    assert told.first() == told.rerun() == ["RED", "BLUE"]
    assert len(provider.requests) == 2


def test_secrets_of_the_client_are_in_no_record(story, provider, reply):
    provider.script(reply(text="done"))
    runner = runner_for(provider)
    runner.agent.model_settings = ModelSettings(extra_headers={"x-tenant-token": "test-key-2"})
    told = story(lambda: runner.run(START))
    told.once()
    assert not any("test-key" in repr(record) for record in told.records)

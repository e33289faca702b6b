from __future__ import annotations

import asyncio

import pytest
from pydantic_ai import Agent, ModelRetry, RunContext

from kitaru.adapters.pydantic_ai import KitaruAgent


def test_a_finished_run_reruns_without_any_model_or_tool(lab, call):
    def weather(city: str) -> str:
        lab.counts["weather"] += 1
        return f"sunny in {city}"

    agent = lab.agent(call("weather", city="Oslo"), "It is sunny.", tools=[weather])
    first, second = lab.twice(lambda: agent.run_sync("How is it?"))
    assert lab.counts == {"bot": 2, "weather": 1}
    assert (first.output, first.usage, first.run_id) == (second.output, second.usage, second.run_id)
    assert [m.parts[0].part_kind for m in first.all_messages()] == [m.parts[0].part_kind for m in second.all_messages()]
    assert first.conversation_id == second.conversation_id


@pytest.mark.parametrize("broken", [1, 2, 3])
def test_a_crash_after_call_k_runs_only_the_later_calls(lab, call, broken):
    failing = {broken}

    def step(n: int) -> int:
        lab.counts[f"step{n}"] += 1
        if n in failing:
            failing.discard(n)
            raise OSError(n)
        return n

    turns = [call("step", f"step_{n}", n=n) for n in (1, 2, 3)]
    agent = lab.agent(*turns, "done", tools=[step])
    handle = lab.run(lambda: agent.run_sync("go").output)
    assert handle.status == "failed"
    lab.retry(handle)
    assert handle.get() == "done"
    assert lab.counts == {"bot": 4} | {f"step{n}": 1 + (n == broken) for n in (1, 2, 3)}


def test_parallel_calls_with_equal_arguments_map_back_to_their_own_results(lab, call):
    async def draw(ctx: RunContext[None], deck: str) -> str:
        lab.counts["draw"] += 1
        await asyncio.sleep({"c": 0.0, "b": 0.02, "a": 0.04}[ctx.tool_call_id])
        return f"{deck}{lab.counts['draw']}-{ctx.tool_call_id}"

    calls = [call("draw", "a", deck="x"), call("draw", "b", deck="x"), call("draw", "c", deck="y")]
    agent = lab.agent(calls, "done", tools=[draw])
    first, second = lab.twice(lambda: agent.run_sync("go"))
    returned = [
        [(part.tool_call_id, part.content) for part in result.all_messages()[2].parts] for result in (first, second)
    ]
    assert returned[0] == returned[1]
    assert [tool_call_id for tool_call_id, _ in returned[0]] == ["a", "b", "c"]
    assert lab.counts["draw"] == 3


def test_only_the_parallel_call_that_failed_runs_again(lab, call):
    failing = ["b"]

    async def fetch(name: str) -> str:
        lab.counts[name] += 1
        if name in failing:
            await asyncio.sleep(0.05)
            failing.remove(name)
            raise OSError(name)
        return name

    agent = lab.agent([call("fetch", n, name=n) for n in "abc"], "done", tools=[fetch])
    handle = lab.run(lambda: agent.run_sync("go").output)
    assert handle.status == "failed"
    lab.retry(handle)
    assert handle.get() == "done"
    assert lab.counts == {"bot": 2, "a": 1, "b": 2, "c": 1}


def test_a_retry_of_the_framework_is_a_second_unit_and_both_are_reused(lab, call):
    def guess(n: int) -> str:
        lab.counts["guess"] += 1
        if n != 7:
            msg = "higher"
            raise ModelRetry(msg)
        return "right"

    agent = lab.agent(call("guess", "g1", n=5), call("guess", "g2", n=7), "done", tools=[guess])
    first, second = lab.twice(lambda: agent.run_sync("go").output)
    assert (first, second) == ("done", "done")
    assert lab.counts == {"bot": 3, "guess": 2}


def test_runs_of_one_agent_and_of_equal_agents_do_not_share_units(lab):
    one, other = lab.agent("1", name="one"), lab.agent("2", name="other")
    first, second = lab.twice(lambda: [agent.run_sync("same").output for agent in (one, one, other)])
    assert first == second == ["1", "1", "2"]
    assert lab.counts == {"one": 2, "other": 1}


def test_parallel_sub_agents_keep_their_identity_when_they_start_in_another_order(lab, call):
    sub = lab.agent(lambda messages: f"sub:{messages[0].parts[0].content}", name="sub")
    delays = {"a": 0.0, "b": 0.03}

    async def delegate(topic: str) -> str:
        await asyncio.sleep(delays[topic])
        return (await sub.run(topic)).output

    calls = [call("delegate", "a", topic="a"), call("delegate", "b", topic="b")]
    agent = lab.agent(calls, "done", tools=[delegate], tool_checkpoint_config_by_name={"delegate": False})

    def body():
        result = agent.run_sync("go")
        delays.update(a=0.03, b=0.0)
        return [part.content for part in result.all_messages()[2].parts]

    first, second = lab.twice(body)
    assert first == second == ["sub:a", "sub:b"]
    assert lab.counts["sub"] == 2


def test_a_changed_prompt_is_reported_as_drift_and_the_record_is_reused(lab, caplog):
    prompts = iter(["first", "second"])
    agent = lab.agent("answer")
    first, second = lab.twice(lambda: agent.run_sync(next(prompts)).output)
    assert (first, second) == ("answer", "answer")
    assert lab.counts == {"bot": 1}
    assert any("bot_model_request" in record.getMessage() for record in caplog.records)


def test_a_changed_prompt_is_an_error_under_strict_replay(lab, monkeypatch):
    monkeypatch.setenv("KITARU_STRICT_REPLAY", "1")
    prompts = iter(["first", "second"])
    agent = lab.agent("answer")

    def body():
        agent.run_sync(next(prompts))
        lab.stop_once()

    handle = lab.run(body)
    lab.retry(handle)
    assert handle.status == "failed"
    assert handle.execution.failure.exception_type.endswith("KitaruDivergenceError")


def test_a_failed_attempt_does_not_shift_the_identity_of_later_calls(lab):
    broken = [True]

    def unsteady(_messages):
        if broken:
            broken.clear()
            raise ConnectionError
        return "steady"

    agent = lab.agent(unsteady, model_checkpoint_config={"retries": 1})
    first, second = lab.twice(lambda: agent.run_sync("go").output)
    assert (first, second) == ("steady", "steady")
    assert lab.counts == {"bot": 2}


def test_the_clock_in_an_instruction_is_drift_not_another_request(lab):
    inner = Agent(lab.script("answer", name="bot").model, name="bot")
    ticks = iter(range(100))

    @inner.instructions
    def now() -> str:
        return f"It is {next(ticks)} o'clock."

    agent = KitaruAgent(inner)
    first, second = lab.twice(lambda: agent.run_sync("go").output)
    assert (first, second) == ("answer", "answer")
    assert lab.counts == {"bot": 1}


@pytest.mark.parametrize(
    "selector", ["bot_model_request_2", "bot_model_request#2", "model_request_2", "model_request#2"]
)
def test_every_spelling_of_a_selector_finds_the_same_unit(lab, call, selector):
    def look() -> str:
        return "seen"

    agent = lab.agent(call("look"), "done", tools=[look])
    handle = lab.run(lambda: agent.run_sync("go").output)
    overridden = lab.client.executions.replay(
        handle.exec_id, from_=selector, overrides={f"checkpoint.{selector}": "corrected"}
    )
    from kitaru import FlowHandle

    assert FlowHandle.from_exec_id(overridden.exec_id).wait(20) == "corrected"

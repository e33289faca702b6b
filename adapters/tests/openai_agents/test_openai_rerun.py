"""Which calls are found again, and which run."""

from __future__ import annotations

import asyncio

import pytest
from agents import Agent, ModelRetrySettings, ModelSettings, RunConfig, function_tool
from agents.testing import ScriptedModel, assistant_message, function_call

import kitaru
from kitaru.adapters.openai_agents import KitaruRunner, OpenAIRunRequest

START = OpenAIRunRequest.start("go")


def two_step_agent(done, name="calc"):
    @function_tool
    def add(a: int, b: int) -> int:
        done.append((a, b))
        return a + b

    calls = [function_call("add", {"a": 1, "b": 2}, call_id="c1"), function_call("add", {"a": 1, "b": 2}, call_id="c2")]
    return Agent(name=name, model=ScriptedModel([calls, [assistant_message("three")]]), tools=[add])


def test_a_finished_run_reruns_without_a_call_and_gives_an_equal_result(story):
    done: list[tuple[int, int]] = []
    agent = two_step_agent(done)
    told = story(lambda: KitaruRunner(agent).run(START))
    first = told.first()
    assert told.rerun() == first
    assert first.final_output == "three"
    assert done == [(1, 2), (1, 2)]
    assert len(agent.model.calls) == 2


def test_units_are_named_after_the_acting_agent_and_the_tool(story):
    told = story(lambda: KitaruRunner(two_step_agent([])).run(START))
    told.once()
    assert sorted(told.names) == [
        "calc_add_tool_call",
        "calc_add_tool_call",
        "calc_openai_model_call",
        "calc_openai_model_call",
    ]


def test_only_the_calls_after_the_failure_run_again(story):
    ran: list[str] = []

    @function_tool(failure_error_function=None)
    def flaky() -> str:
        ran.append("flaky")
        if len(ran) < 3:
            msg = "down"
            raise OSError(msg)
        return "up"

    @function_tool
    def steady() -> str:
        ran.append("steady")
        return "ok"

    steps = [
        [function_call("steady", {}, call_id="a")],
        [function_call("flaky", {}, call_id="b")],
        [assistant_message("x")],
    ]
    agent = Agent(name="two", model=ScriptedModel(steps), tools=[flaky, steady])
    told = story(lambda: KitaruRunner(agent).run(START))
    told.fail_behind = False
    handle = told.start()
    with pytest.raises(kitaru.KitaruExecutionError):
        handle.wait()
    assert told.rerun().final_output == "x"
    assert ran == ["steady", "flaky", "flaky"]
    assert len(agent.model.calls) == 3


def test_parallel_calls_with_equal_arguments_keep_their_own_results(story):
    order: list[str] = []

    @function_tool
    async def draw() -> str:
        mine = f"card {len(order) + 1}"
        order.append(mine)
        await asyncio.sleep(0.02 if mine == "card 1" else 0)
        return mine

    calls = [function_call("draw", {}, call_id=f"c{n}") for n in range(3)]
    agent = Agent(name="cards", model=ScriptedModel([calls, [assistant_message("end")]]), tools=[draw])
    told = story(lambda: KitaruRunner(agent).run(START))
    first = told.first()
    assert told.rerun().input_items == first.input_items
    outputs = {item["call_id"]: item["output"] for item in first.input_items if "output" in item}
    assert outputs == {"c0": "card 1", "c1": "card 2", "c2": "card 3"}


def test_two_runs_of_one_runner_do_not_share_units(story):
    agent = Agent(name="poet", model=ScriptedModel([[assistant_message("one")], [assistant_message("two")]]))
    runner = KitaruRunner(agent)

    async def body():
        return [(await runner.run(START)).final_output, (await runner.run(START)).final_output]

    told = story(body)
    assert told.first() == ["one", "two"]
    assert told.rerun() == ["one", "two"]


def test_the_frameworks_own_retries_do_not_move_later_calls(story):
    steps = [ConnectionError("lost"), [function_call("add", {"a": 1, "b": 2}, call_id="c1")], [assistant_message("3")]]
    done: list[tuple[int, int]] = []
    agent = two_step_agent(done)
    agent.model = ScriptedModel(steps)
    retry = ModelRetrySettings(max_retries=2, policy=lambda _: True, backoff={"initial_delay": 0.0})
    config = RunConfig(model_settings=ModelSettings(retry=retry))
    told = story(lambda: KitaruRunner(agent, run_config_factory=lambda: config).run(START))
    first = told.first()
    assert told.rerun() == first
    assert (len(agent.model.calls), done) == (3, [(1, 2)])


def test_durable_retries_of_a_model_call_count_as_one_call(story):
    agent = Agent(name="poet", model=ScriptedModel([ConnectionError("lost"), [assistant_message("hi")]]))
    runner = KitaruRunner(agent, model_checkpoint_config={"retries": 1})
    told = story(lambda: runner.run(START))
    assert told.first().final_output == "hi"
    assert told.rerun().final_output == "hi"
    (call,) = told.execution.checkpoints
    assert len(call.attempts) == 2


def test_a_changed_request_is_reported_and_not_run_again(story, monkeypatch):
    monkeypatch.delenv("KITARU_STRICT_REPLAY")
    agent = Agent(name="poet", instructions="be short", model=ScriptedModel([[assistant_message("hi")]]))
    told = story(lambda: KitaruRunner(agent).run(START))
    told.first()
    agent.instructions = "be long"
    assert told.rerun().final_output == "hi"
    assert len(agent.model.calls) == 1


def test_strict_replay_refuses_a_changed_request(story):
    agent = Agent(name="poet", instructions="be short", model=ScriptedModel([[assistant_message("hi")]]))
    told = story(lambda: KitaruRunner(agent).run(START))
    told.first()
    agent.instructions = "be long"
    with pytest.raises(kitaru.KitaruExecutionError):
        told.rerun()


def test_a_replay_from_a_tool_call_runs_that_call_and_what_follows(story):
    done: list[tuple[int, int]] = []
    agent = two_step_agent(done)
    told = story(lambda: KitaruRunner(agent).run(START))
    told.once()
    agent.model.enqueue([assistant_message("again")])
    replayed = kitaru.KitaruClient().executions.replay(told.exec_id, from_="calc_openai_model_call_2")
    assert kitaru.FlowHandle.from_exec_id(replayed.exec_id).wait().final_output == "again"
    assert len(done) == 2


def test_an_override_of_a_model_call_takes_the_plain_text_of_the_answer(story):
    agent = two_step_agent([])
    told = story(lambda: KitaruRunner(agent).run(START))
    told.once()
    overrides = {"checkpoint.calc_openai_model_call_2": "four"}
    replayed = kitaru.KitaruClient().executions.replay(
        told.exec_id, from_="calc_openai_model_call_2", overrides=overrides
    )
    assert kitaru.FlowHandle.from_exec_id(replayed.exec_id).wait().final_output == "four"


def test_an_override_of_a_tool_call_takes_the_plain_return_value(story):
    def answer(call):
        return [
            assistant_message(
                next(item["output"] for item in call.input if item.get("call_id") == "c1" and "output" in item)
            )
        ]

    agent = two_step_agent([])
    agent.model = ScriptedModel(
        [[function_call("add", {"a": 1, "b": 2}, call_id="c1")], answer_step(answer), answer_step(answer)]
    )
    told = story(lambda: KitaruRunner(agent).run(START))
    assert told.once().final_output == "3"
    overrides = {"checkpoint.calc_add_tool_call": 7}
    replayed = kitaru.KitaruClient().executions.replay(told.exec_id, from_="calc_add_tool_call", overrides=overrides)
    assert kitaru.FlowHandle.from_exec_id(replayed.exec_id).wait().final_output == "7"


def answer_step(responder):
    return {"responder": responder}

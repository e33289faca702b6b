"""Agents as tools, and runs that tools and guardrails start."""

from __future__ import annotations

import pytest
from agents import Agent, GuardrailFunctionOutput, Runner, Usage, function_tool, input_guardrail
from agents.testing import ModelStep, ScriptedModel, assistant_message, function_call

import kitaru
from kitaru.adapters.openai_agents import KitaruRunner, OpenAIRunRequest

START = OpenAIRunRequest.start("go")
TOKENS = Usage(requests=1, input_tokens=10, output_tokens=2, total_tokens=12)


def counted(*outputs):
    return ScriptedModel([ModelStep(output=output, usage=TOKENS) for output in outputs])


def crew(calls=1):
    inner = Agent(name="expert", model=counted(*([[assistant_message(f"fact {n}")] for n in range(calls)])))
    asks = [function_call("ask_expert", {"input": f"q{n}"}, call_id=f"c{n}") for n in range(calls)]
    tool = inner.as_tool("ask_expert", "Ask the expert")
    outer = Agent(name="boss", model=counted(asks, [assistant_message("thanks")]), tools=[tool])
    return outer, inner


def test_an_agent_as_a_tool_is_made_of_units_of_its_own(story):
    outer, inner = crew()
    told = story(lambda: KitaruRunner(outer).run(START))
    first = told.first()
    assert told.rerun() == first
    assert told.names == ["boss_openai_model_call", "expert_openai_model_call", "boss_openai_model_call"]
    assert (len(inner.model.calls), len(outer.model.calls)) == (1, 2)


async def test_usage_of_nested_runs_equals_that_of_the_plain_run(story):
    plain_outer, _ = crew()
    plain = await Runner.run(plain_outer, "go")
    outer, _ = crew()
    told = story(lambda: KitaruRunner(outer).run(START))
    first = told.first()
    assert first.usage.total_tokens == plain.context_wrapper.usage.total_tokens == 36
    assert told.rerun().usage == first.usage


def test_the_same_agent_called_twice_in_parallel_keeps_its_calls_apart(story):
    outer, inner = crew(2)
    told = story(lambda: KitaruRunner(outer).run(START))
    first = told.first()
    assert told.rerun().input_items == first.input_items
    assert len(inner.model.calls) == 2


def test_a_plain_run_inside_a_recorded_tool_stays_inside_its_unit(story):
    helper = Agent(name="helper", model=counted([assistant_message("help")]))

    @function_tool
    async def ask() -> str:
        return (await Runner.run(helper, "help")).final_output

    steps = ([function_call("ask", {}, call_id="c1")], [assistant_message("x")])
    outer = Agent(name="boss", model=counted(*steps), tools=[ask])
    told = story(lambda: KitaruRunner(outer).run(START))
    assert told.first() == told.rerun()
    assert told.names == ["boss_openai_model_call", "boss_ask_tool_call", "boss_openai_model_call"]


def test_a_plain_run_inside_an_opted_out_tool_is_made_of_units(story):
    helper = Agent(name="helper", model=counted([assistant_message("help")]))

    @function_tool
    def ask() -> str:
        return Runner.run_sync(helper, "help").final_output

    steps = ([function_call("ask", {}, call_id="c1")], [assistant_message("x")])
    outer = Agent(name="boss", model=counted(*steps), tools=[ask])
    told = story(lambda: KitaruRunner(outer, tool_checkpoint_config_by_name={"ask": False}).run(START))
    assert told.first() == told.rerun()
    assert "helper_openai_model_call" in told.names
    assert len(helper.model.calls) == 1


def test_a_blocking_run_in_an_asynchronous_tool_is_refused_as_by_the_framework(story):
    helper = Agent(name="helper", model=counted([assistant_message("help")]))

    @function_tool(failure_error_function=None)
    async def ask() -> str:
        return Runner.run_sync(helper, "help").final_output

    outer = Agent(name="boss", model=counted([function_call("ask", {}, call_id="c1")]), tools=[ask])
    runner = KitaruRunner(outer, tool_checkpoint_config_by_name={"ask": False})
    with pytest.raises(kitaru.KitaruExecutionError, match="event loop is already running"):
        story(lambda: runner.run(START)).start().wait()


def test_a_run_inside_a_guardrail_is_made_of_units(story):
    judge = Agent(name="judge", model=counted([assistant_message("fine")]))

    @input_guardrail
    async def check(_ctx, _agent, _input):
        verdict = await Runner.run(judge, "is it fine?")
        return GuardrailFunctionOutput(output_info=verdict.final_output, tripwire_triggered=False)

    agent = Agent(name="poet", model=counted([assistant_message("hi")]), input_guardrails=[check])
    told = story(lambda: KitaruRunner(agent).run(START))
    assert told.first() == told.rerun()
    assert (len(judge.model.calls), sorted(told.names)) == (1, ["judge_openai_model_call", "poet_openai_model_call"])


def test_a_streamed_agent_tool_is_made_of_units_and_gives_its_events(story):
    inner = Agent(name="expert", model=counted([assistant_message("fact")]))
    seen: list[str] = []
    tool = inner.as_tool("ask_expert", "Ask", on_stream=lambda event: seen.append(event["event"].type))
    steps = ([function_call("ask_expert", {"input": "q"}, call_id="c1")], [assistant_message("thanks")])
    outer = Agent(name="boss", model=counted(*steps), tools=[tool])
    told = story(lambda: KitaruRunner(outer).run(START))
    assert told.first() == told.rerun()
    assert "run_item_stream_event" in seen
    assert (len(inner.model.calls), "expert_openai_model_call" in told.names) == (1, True)


async def test_runs_outside_of_a_durable_run_are_untouched(story):
    story(lambda: KitaruRunner(crew()[0]).run(START)).once()
    plain = Agent(name="plain", model=counted([assistant_message("hi")]))
    assert (await Runner.run(plain, "go")).last_agent is plain

"""What is recorded of a call: values, failures in the tool's own words, time limits, verdicts of the framework."""

from __future__ import annotations

import asyncio

import pytest
from agents import (
    Agent,
    GuardrailFunctionOutput,
    InputGuardrailTripwireTriggered,
    MaxTurnsExceeded,
    ToolGuardrailFunctionOutput,
    ToolOutputImage,
    function_tool,
    input_guardrail,
    tool_input_guardrail,
)
from agents.testing import ScriptedModel, assistant_message, function_call
from openai.types.responses import Response
from pydantic import BaseModel

import kitaru
from kitaru.adapters.openai_agents import KitaruRunner, OpenAICapturePolicy, OpenAIRunRequest, OpenAIRunResult

START = OpenAIRunRequest.start("go")


class Answer(BaseModel):
    city: str
    degrees: int


def one_tool_agent(tool, *, model_steps=None):
    steps = model_steps or [[function_call(tool.name, {}, call_id="c1")], [assistant_message("end")]]
    return Agent(name="one", model=ScriptedModel(steps), tools=[tool])


def tool_outputs(result):
    return [item["output"] for item in result.input_items if item.get("type") == "function_call_output"]


def test_a_failing_tool_is_tried_as_configured_then_told_in_its_own_words(story):
    tries: list[int] = []

    def in_words(_ctx, error):
        tries.append(-1)
        return f"sorry: {error}"

    @function_tool(failure_error_function=in_words)
    def flaky() -> str:
        tries.append(len(tries) + 1)
        msg = "down"
        raise OSError(msg)

    told = story(lambda: KitaruRunner(one_tool_agent(flaky), tool_checkpoint_config={"retries": 2}).run(START))
    agent = one_tool_agent(flaky)
    told = story(lambda: KitaruRunner(agent, tool_checkpoint_config={"retries": 2}).run(START))
    first = told.first()
    assert tool_outputs(first) == ["sorry: down"]
    assert tries == [1, 2, 3, -1]
    assert told.rerun().input_items == first.input_items
    assert tries == [1, 2, 3, -1]


def test_a_tool_that_recovers_on_a_retry_is_a_success(story):
    tries: list[int] = []

    @function_tool
    def flaky() -> str:
        tries.append(1)
        if len(tries) < 3:
            msg = "down"
            raise OSError(msg)
        return "up"

    agent = one_tool_agent(flaky)
    told = story(lambda: KitaruRunner(agent, tool_checkpoint_config={"retries": 2}).run(START))
    assert tool_outputs(told.once()) == ["up"]
    call = next(call for call in told.execution.checkpoints if call.name == "one_flaky_tool_call")
    assert len(call.attempts) == 3


def test_a_tool_whose_policy_is_to_raise_fails_the_unit_and_the_flow(story):
    @function_tool(failure_error_function=None)
    def broken() -> str:
        msg = "no"
        raise ZeroDivisionError(msg)

    told = story(lambda: KitaruRunner(one_tool_agent(broken)).run(START))
    with pytest.raises(kitaru.KitaruExecutionError, match="no"):
        told.start().wait()
    failed = next(call for call in told.execution.checkpoints if call.name == "one_broken_tool_call")
    assert failed.status == "failed"


def test_a_timeout_is_recorded_as_what_the_model_read(story):
    started: list[int] = []

    @function_tool(timeout=0.02)
    async def slow() -> str:
        started.append(1)
        await asyncio.sleep(5)
        return "late"

    agent = one_tool_agent(slow)
    told = story(lambda: KitaruRunner(agent).run(START))
    first = told.first()
    assert "timed out" in tool_outputs(first)[0]
    assert told.rerun().input_items == first.input_items
    assert started == [1]


def test_a_call_that_a_guardrail_stops_is_an_event_without_a_unit_and_shows_no_arguments(story):
    @tool_input_guardrail
    def refuse(_data):
        return ToolGuardrailFunctionOutput.reject_content("not today")

    @function_tool(tool_input_guardrails=[refuse])
    def act(secret: str) -> str:
        return secret

    steps = [[function_call("act", {"secret": "s3cret"}, call_id="c1")], [assistant_message("end")]]
    agent = one_tool_agent(act, model_steps=steps)
    capture = OpenAICapturePolicy(save_input=False)
    told = story(lambda: KitaruRunner(agent, capture=capture).run(START))
    assert tool_outputs(told.once()) == ["not today"]
    events = told.execution.metadata["openai_agents_events"]["one#1"]
    (stopped,) = [event for event in events if event["kind"] == "tool_call"]
    assert stopped["metadata"]["guardrail_behavior"] == "reject_content"
    assert (stopped["metadata"]["tool_invoked"], "s3cret" in str(events)) == (False, False)
    assert told.names == ["one_openai_model_call", "one_openai_model_call"]


def test_a_tripwire_surfaces_as_the_frameworks_own_error_and_is_not_retried(story):
    @input_guardrail
    async def trip(_ctx, _agent, _input):
        return GuardrailFunctionOutput(output_info=None, tripwire_triggered=True)

    agent = Agent(name="one", model=ScriptedModel([[assistant_message("x")]]), input_guardrails=[trip])
    seen: list[BaseException] = []

    async def body():
        try:
            return await KitaruRunner(agent, model_checkpoint_config={"retries": 3}).run(START)
        except InputGuardrailTripwireTriggered as error:
            seen.append(error)
            return "tripped"

    assert story(body).once() == "tripped"
    assert len(seen) == 1


def test_the_turn_limit_of_the_request_holds_and_surfaces_unchanged(story):
    @function_tool
    def again() -> str:
        return "again"

    steps = [[function_call("again", {}, call_id=f"c{n}")] for n in range(5)]
    agent = one_tool_agent(again, model_steps=steps)
    seen: list[BaseException] = []

    async def body():
        try:
            await KitaruRunner(agent).run(OpenAIRunRequest.start("go", max_turns=2))
        except MaxTurnsExceeded as error:
            seen.append(error)
            return len(agent.model.calls)

    assert story(body).once() == 2
    assert len(seen) == 1


def test_no_limit_is_told_apart_from_the_default(story):
    @function_tool
    def again() -> str:
        return "again"

    steps = [[function_call("again", {}, call_id=f"c{n}")] for n in range(12)]
    agent = one_tool_agent(again, model_steps=[*steps, [assistant_message("end")]])
    told = story(lambda: KitaruRunner(agent).run(OpenAIRunRequest.start("go", max_turns=None)))
    assert told.once().final_output == "end"


def test_the_model_gets_the_same_items_recorded_as_live(story):
    steps = [[function_call("fact", {}, call_id="c1")], ConnectionError("lost")]

    @function_tool
    def fact() -> str:
        return "grass is green"

    agent = one_tool_agent(fact, model_steps=steps)
    told = story(lambda: KitaruRunner(agent).run(START))
    with pytest.raises(kitaru.KitaruExecutionError):
        told.start().wait()
    agent.model.enqueue([assistant_message("end")])
    told.rerun()
    assert agent.model.calls[1].input == agent.model.calls[2].input


def test_a_typed_answer_is_of_the_same_class_after_storage(story):
    text = Answer(city="Oslo", degrees=3).model_dump_json()
    agent = Agent(name="typed", model=ScriptedModel([[assistant_message(text)]]), output_type=Answer)
    told = story(lambda: KitaruRunner(agent, checkpoint_strategy="runner_call").run(START))
    told.first()
    result = told.rerun()
    assert result.final_output == Answer(city="Oslo", degrees=3)
    assert type(result) is OpenAIRunResult


def test_the_flow_gives_the_granular_runs_result_as_its_own(story):
    agent = Agent(name="poet", model=ScriptedModel([[assistant_message("hi")]]))
    told = story(lambda: KitaruRunner(agent).run(START))
    result = told.once()
    assert (type(result), result.final_output, result.last_agent) == (OpenAIRunResult, "hi", "poet")


def test_items_newer_than_the_installed_types_run_recorded_as_they_ran_live(story):
    message = {
        "id": "m1",
        "type": "message",
        "role": "assistant",
        "status": "half_done",
        "content": [{"type": "output_text", "text": "hi", "annotations": [], "mood": "sunny"}],
        "weather": {"degrees": 3},
    }
    (item,) = Response.construct(output=[message]).output
    agent = Agent(name="poet", model=ScriptedModel([[item]]))
    told = story(lambda: KitaruRunner(agent).run(START))
    first = told.first()
    assert first.input_items[-1]["weather"] == {"degrees": 3}
    assert told.rerun().input_items == first.input_items


def test_a_value_that_cannot_be_stored_becomes_the_text_that_the_model_reads(story):
    class Live:
        def __str__(self) -> str:
            return "a live thing"

    @function_tool
    def fetch() -> object:
        return Live()

    agent = one_tool_agent(fetch)
    told = story(lambda: KitaruRunner(agent).run(START))
    assert tool_outputs(told.first()) == ["a live thing"]
    assert tool_outputs(told.rerun()) == ["a live thing"]


def test_structured_tool_outputs_keep_their_type(story):
    @function_tool
    def picture() -> ToolOutputImage:
        return ToolOutputImage(image_url="data:image/png;base64,AA==", detail="low")

    agent = one_tool_agent(picture)
    told = story(lambda: KitaruRunner(agent).run(START))
    first = told.first()
    assert tool_outputs(first)[0][0]["type"] == "input_image"
    assert told.rerun().input_items == first.input_items


def test_an_answer_that_is_a_tools_own_value_keeps_its_class(story):
    @function_tool
    def measure() -> Answer:
        return Answer(city="Oslo", degrees=3)

    agent = one_tool_agent(measure)
    agent.tool_use_behavior, agent.output_type = "stop_on_first_tool", Answer
    told = story(lambda: KitaruRunner(agent).run(START))
    told.first()
    assert told.rerun().final_output == Answer(city="Oslo", degrees=3)

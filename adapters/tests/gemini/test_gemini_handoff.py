from __future__ import annotations

import pytest

from kitaru import KitaruClient, checkpoint, flow
from kitaru.adapters.gemini import (
    GeminiInteractionRequest,
    GeminiSandboxFunctionSpec,
    execute_gemini_sandbox_function_call,
    run_function_calls,
    run_function_calls_async,
    wait_for_function_calls,
)
from kitaru.errors import KitaruUsageError
from kitaru_adapters.gemini.loopback import Turn, function_call

Request = GeminiInteractionRequest
TOOLS = [{"type": "function", "name": "weather", "parameters": {"type": "object"}}]
START = Request.start("how is it?", model="gemini-3-pro", tools=TOOLS, system_instruction="be brief")
TWO_CALLS = Turn(steps=[function_call("weather", "c1", city="Bonn"), function_call("weather", "c2", city="Rome")])


@pytest.fixture
def asked(service, talk):
    service.script(TWO_CALLS)
    conversation = talk()
    conversation.run(START).wait()
    return conversation.results[0]


def test_requires_action_is_a_recorded_result_with_everything_a_tool_needs(asked):
    assert asked.status == "requires_action"
    assert [(c.call_id, c.function_name, c.arguments) for c in asked.function_calls] == [
        ("c1", "weather", {"city": "Bonn"}),
        ("c2", "weather", {"city": "Rome"}),
    ]
    assert asked.output_text is None


@pytest.mark.parametrize(
    ("result", "sent"),
    [
        ("sunny", "sunny"),
        ({"sky": None, "deep": {"x": None}}, {"sky": None, "deep": {"x": None}}),
        (None, {"result": None}),
        (7, {"result": 7}),
        ([1, 2], {"result": [1, 2]}),
        ([{"type": "text", "text": "sunny"}], [{"type": "text", "text": "sunny"}]),
    ],
)
def test_results_arrive_as_sent(service, talk, result, sent):
    talk().result(
        Request.function_result(
            previous_interaction_id="int-0",
            function_call_id="c1",
            function_name="weather",
            function_result=result,
            model="gemini-3-pro",
        )
    )
    (item,) = service.creates[0]["input"]
    assert item == {"type": "function_result", "call_id": "c1", "name": "weather", "result": sent}


def test_an_error_result_says_so(service, talk):
    talk().result(Request.function_results("int-0", [("c1", "weather", "no such city", True)], model="gemini-3-pro"))
    assert service.creates[0]["input"][0]["is_error"] is True


def test_two_calls_are_answered_in_one_request_with_the_settings_of_the_first(service, talk, asked):
    answers = [("c1", "weather", "sun"), ("c2", "weather", "rain")]
    talk().result(Request.function_results(results=answers, from_result=asked))
    sent = service.creates[1]
    assert [item["call_id"] for item in sent["input"]] == ["c1", "c2"]
    assert (sent["model"], sent["previous_interaction_id"]) == ("gemini-3-pro", "int-1")
    assert (sent["tools"], sent["system_instruction"]) == (service.creates[0]["tools"], "be brief")


@pytest.mark.parametrize(
    ("answers", "problem"),
    [
        ([("c1", "weather", "sun")], r"missing: c2 \(weather\)"),
        ([("c1", "weather", "sun"), ("c1", "weather", "rain")], "more than once"),
        ([("c1", "w", 1), ("c2", "w", 2), ("c3", "w", 3)], "did not ask for: c3"),
        ([("c1", "weather")], "is no function result"),
    ],
)
def test_incomplete_answers_are_refused_before_anything_is_sent(asked, answers, problem):
    with pytest.raises(KitaruUsageError, match=problem):
        Request.function_results(results=answers, from_result=asked)


def test_waits_for_two_calls_open_together_and_pause_once(service, make_runner):
    service.script(TWO_CALLS, Turn(text="sun and rain"))
    runner = make_runner()

    @flow
    def ask() -> str | None:
        asked = runner.run_sync(START)
        return runner.run_sync(wait_for_function_calls(asked, timeout=0)).output_text

    handle = ask.run()
    client = KitaruClient()
    _until_paused(handle)
    names = sorted(wait.name for wait in client.executions.pending_waits(handle.exec_id))
    assert names == ["weather_c1", "weather_c2"]
    for name, answer in zip(names, ("sun", {"sky": "rain"}), strict=True):
        client.executions.input(handle.exec_id, wait=name, value=answer)
    client.executions.resume(handle.exec_id, block=True)
    assert handle.wait() == "sun and rain"
    manual = Request.function_results(
        "int-1", [("c1", "weather", "sun"), ("c2", "weather", {"sky": "rain"})], model="m"
    )
    assert service.creates[1]["input"] == manual.input
    assert service.count("create") == 2


def _until_paused(handle) -> None:
    import time

    for _ in range(500):
        if handle.status == "waiting":
            return
        time.sleep(0.01)
    pytest.fail("the flow did not pause")


def test_functions_run_in_checkpoints_and_only_the_failing_one_repeats(service, make_runner):
    service.script(TWO_CALLS, Turn(text="done"))
    runner, ran = make_runner(), []

    def weather(city: str) -> str:
        ran.append(city)
        if city == "Rome" and ran.count("Rome") == 1:
            msg = "station offline"
            raise RuntimeError(msg)
        return f"{city}: fine"

    @flow
    def ask() -> str | None:
        return runner.run_sync(run_function_calls(runner.run_sync(START), {"weather": weather})).output_text

    handle = ask.run()
    with pytest.raises(Exception, match="station offline"):
        handle.wait()
    KitaruClient().executions.retry(handle.exec_id, block=True)
    assert handle.wait() == "done"
    assert ran == ["Bonn", "Rome", "Rome"]
    assert [item["result"] for item in service.creates[1]["input"]] == ["Bonn: fine", "Rome: fine"]


def asks_for_weather(call_id: str) -> Turn:
    return Turn(steps=[function_call("weather", call_id, city="Bonn")])


@pytest.fixture
def forecast(service, make_runner):
    """A flow with one function between two turns, which has run once, and the cities that its function was run for."""
    runner, ran = make_runner(), []

    @flow
    def ask() -> str | None:
        functions = {"weather": lambda city: ran.append(city)}
        return runner.run_sync(run_function_calls(runner.run_sync(START), functions)).output_text

    service.script(asks_for_weather("c1"), Turn(text="dull"))
    handle = ask.run()
    assert handle.wait() == "dull"
    return ask, handle.exec_id, ran


def test_a_corrected_result_counts_although_the_turn_before_it_is_made_anew(service, forecast):
    ask, source, ran = forecast
    service.script(asks_for_weather("c2"), Turn(text="white"))
    turn, function, _ = KitaruClient().executions.get(source).checkpoints
    replayed = ask.replay(source, from_=turn.call_id, overrides={f"checkpoint.{function.call_id}": "snow"})
    assert (replayed.wait(), ran) == ("white", ["Bonn"])
    assert [(item["call_id"], item["result"]) for item in service.creates[-1]["input"]] == [("c2", "snow")]


def test_a_result_behind_a_turn_that_was_made_anew_can_be_corrected(service, forecast):
    ask, source, ran = forecast
    service.script(asks_for_weather("c2"), Turn(text="dull"), Turn(text="white"))
    anew = ask.replay(source, from_="agent_gemini_interaction#1")
    assert (anew.wait(), ran) == ("dull", ["Bonn", "Bonn"])
    function = KitaruClient().executions.get(anew.exec_id).checkpoints[1].call_id
    replayed = ask.replay(anew.exec_id, from_=function, overrides={f"checkpoint.{function}": "snow"})
    assert (replayed.wait(), ran) == ("white", ["Bonn", "Bonn"])


@pytest.mark.filterwarnings("ignore:.*called and paid again")
def test_answers_of_a_turn_that_ran_directly_repeat_its_settings(service, make_runner):
    service.script(asks_for_weather("c1"), Turn(text="dull"))
    runner = make_runner(allow_direct_execution_inside_checkpoint=True)

    @checkpoint
    def talk() -> str | None:
        asked = runner.run_sync(START)
        answers = Request.function_results(results=[("c1", "weather", "sun")], from_result=asked)
        return runner.run_sync(answers).output_text

    @flow
    def ask() -> str | None:
        return talk()

    assert ask.run().wait() == "dull"
    assert (service.creates[1]["tools"], service.creates[1]["system_instruction"]) == (TOOLS, "be brief")


def test_coroutine_functions_run_on_the_loop(service, make_runner):
    service.script(TWO_CALLS, Turn(text="done"))
    runner = make_runner()

    async def weather(city: str) -> dict[str, str]:
        return {"city": city}

    @flow
    async def ask() -> str | None:
        request = await run_function_calls_async(await runner.run(START), {"weather": weather})
        return (await runner.run(request)).output_text

    assert ask.run().wait() == "done"
    assert service.creates[1]["input"][1]["result"] == {"city": "Rome"}


@pytest.mark.parametrize(("options", "shown"), [({}, False), ({"show_arguments": True}, True)])
def test_arguments_of_functions_are_shown_only_if_asked_for(service, make_runner, options, shown):
    service.script(TWO_CALLS)
    runner = make_runner()

    @flow
    def ask() -> None:
        run_function_calls(runner.run_sync(START), {"weather": lambda city: city.upper()}, **options)

    handle = ask.run()
    handle.wait()
    _, *functions = KitaruClient().executions.get(handle.exec_id).checkpoints
    assert ["Bonn" in repr(functions[0].inputs), "Rome" in repr(functions[1].inputs)] == [shown, shown]


@pytest.mark.parametrize("options", [{"effects": {"wether": "irreversible"}}, {"approve": ["wether"]}])
def test_settings_of_functions_that_are_not_offered_are_refused(service, make_runner, options):
    service.script(TWO_CALLS)
    runner = make_runner()

    @flow
    def ask() -> object:
        return run_function_calls(runner.run_sync(START), {"weather": print}, **options)

    with pytest.raises(Exception, match="names wether; offered here are: weather"):
        ask.run().wait()


def test_a_call_that_a_person_denies_is_answered_with_an_error(service, make_runner):
    service.script(TWO_CALLS, Turn(text="done"))
    runner, ran = make_runner(), []

    @flow
    def ask() -> str | None:
        request = run_function_calls(runner.run_sync(START), {"weather": ran.append}, approve=["weather"])
        return runner.run_sync(request).output_text

    handle, client = ask.run(), KitaruClient()
    _until_paused(handle)
    for wait in client.executions.pending_waits(handle.exec_id):
        client.executions.input(handle.exec_id, wait=wait.name, value=False)
    assert (handle.wait(), ran) == ("done", [])
    assert [item["is_error"] for item in service.creates[1]["input"]] == [True, True]


def test_an_unknown_function_is_refused_with_what_is_offered(service, make_runner):
    service.script(TWO_CALLS)
    runner = make_runner()

    @flow
    def ask() -> object:
        return run_function_calls(runner.run_sync(START), {"traffic": print})

    with pytest.raises(Exception, match="asks for weather; offered here are: traffic"):
        ask.run().wait()


def test_helpers_belong_into_the_flow_body(asked):
    with pytest.raises(KitaruUsageError, match="flow body"):
        wait_for_function_calls(asked)


class Outcome:
    exit_code, stdout, stderr = 0, "x" * 9000, ""


def _sandboxed(asked, **options):
    ran = []

    def run_command(command, **_):
        ran.append(command)
        return Outcome()

    spec = GeminiSandboxFunctionSpec("weather", lambda call: ["forecast", call.arguments["city"]])
    return ran, lambda: execute_gemini_sandbox_function_call(asked, [spec], run_command=run_command, **options)


def test_a_sandbox_command_gets_the_arguments_and_its_output_is_bounded(asked):
    ran, execute = _sandboxed(asked, call_id="c2")
    execution = execute()
    assert ran == [["forecast", "Rome"]]
    assert len(execution.function_result_payload[0]["text"]) < 4200
    assert execution.function_result_request.previous_interaction_id == "int-1"


def test_what_a_command_got_in_its_environment_is_not_told_to_the_model(asked):
    class Leaky:
        exit_code, stdout, stderr = 1, "token=hunter22-secret", "using hunter22-secret on eu"

    spec = GeminiSandboxFunctionSpec("weather", "forecast", env={"TOKEN": "hunter22-secret", "REGION": "eu"})
    execution = execute_gemini_sandbox_function_call(asked, [spec], call_id="c1", run_command=lambda *_, **__: Leaky())
    sent = str(execution.function_result_request.input)
    assert "hunter22" not in sent
    assert "using [hidden] on eu" in sent


@pytest.mark.parametrize("options", [{}, {"call_id": "c2", "agent": "a"}, {"call_id": "c2", "store": False}])
def test_a_wrong_sandbox_call_is_refused_before_its_command_runs(asked, options):
    ran, execute = _sandboxed(asked, **options)
    with pytest.raises(KitaruUsageError):
        execute()
    assert ran == []


def test_a_sandbox_command_is_refused_in_the_flow_body_but_not_in_a_checkpoint(asked):
    ran, execute = _sandboxed(asked, call_id="c1")

    @checkpoint
    def step() -> int:
        return execute().sandbox_result.exit_code

    @flow
    def outside() -> None:
        execute()

    @flow
    def inside() -> int:
        return step()

    with pytest.raises(Exception, match="run again on every rerun"):
        outside.run().wait()
    assert (inside.run().wait(), len(ran)) == (0, 1)

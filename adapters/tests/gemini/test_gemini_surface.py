from __future__ import annotations

import asyncio
import os
import subprocess
import sys

import pytest
from pydantic import ValidationError

from kitaru import checkpoint, flow
from kitaru.adapters.gemini import (
    ANTIGRAVITY_AGENT,
    GeminiInteractionCapturePolicy,
    GeminiInteractionRequest,
    KitaruGeminiInteractionsRunner,
)
from kitaru.errors import KitaruUsageError
from kitaru_adapters.gemini.loopback import Turn

Request = GeminiInteractionRequest
GRANULAR = (
    "calls",
    "runner_call",
    "granular",
    "model_call",
    "tool_call",
    "client_tools",
    "antigravity_steps",
    "managed_agent_steps",
    "step",
    "run",
)


def test_the_wanted_major_version_of_the_sdk_is_under_test():
    from google import genai

    major = genai.__version__.split(".")[0]
    assert major == os.environ.get("KITARU_TEST_GENAI_MAJOR", major)


@pytest.mark.parametrize("strategy", GRANULAR)
def test_granular_strategies_are_refused_with_the_reason(strategy):
    with pytest.raises(KitaruUsageError, match="Steps inside an interaction run at Google"):
        KitaruGeminiInteractionsRunner(name="agent", checkpoint_strategy=strategy)


@pytest.mark.parametrize(
    "settings",
    [
        {"name": " "},
        {"client": object(), "client_factory": object},
        {"poll_interval_s": 0},
        {"cache_identity": 7},
        {"allow_direct_execution_inside_checkpoint": "yes"},
        {"on_unknown_submission": "ask"},
        {"not_found_grace_s": -1},
    ],
)
def test_wrong_settings_are_refused(settings):
    with pytest.raises(KitaruUsageError):
        KitaruGeminiInteractionsRunner(**{"name": "agent", **settings})


def test_the_default_boundary_is_one_turn():
    runner = KitaruGeminiInteractionsRunner(name="agent")
    assert (runner.checkpoint_strategy, runner.name) == ("interaction", "agent")
    assert runner.capture == GeminiInteractionCapturePolicy()


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "start", "input": "x"},
        {"kind": "start", "input": "x", "model": "m", "agent": "a"},
        {"kind": "start", "model": "m"},
        {"kind": "start", "input": "x", "model": " "},
        {"kind": "start", "input": "x", "model": "m", "previous_interaction_id": "p"},
        {"kind": "resume", "input": "x", "model": "m"},
        {"kind": "start", "input": "x", "model": "m", "background": True, "store": False},
        {"kind": "start", "input": "x", "model": "m", "agent_config": {}},
        {"kind": "start", "input": "x", "agent": "a", "generation_config": {}},
        {"kind": "start", "input": "x", "model": "m", "timeout_s": 0},
        {"kind": "start", "input": "x", "model": "m", "surprise": 1},
        {"kind": "start", "input": object(), "model": "m"},
        {"kind": "poll"},
        {"kind": "poll", "interaction_id": "i", "model": "m"},
        {"kind": "poll", "interaction_id": "i", "background": True},
        {"kind": "function_result", "input": "x", "model": "m", "previous_interaction_id": "p"},
    ],
)
def test_requests_that_cannot_work_are_refused(fields):
    with pytest.raises(ValidationError):
        Request(**fields)


def test_cycles_and_huge_inputs_are_refused():
    loop: list[object] = []
    loop.append(loop)
    for value in (loop, [0] * 10_001):
        with pytest.raises(ValidationError):
            Request.start(value, model="m")


def test_a_result_item_must_match_its_fields():
    fields = Request.function_result(
        previous_interaction_id="p", function_call_id="c", function_name="f", function_result=1, model="m"
    ).model_dump()
    with pytest.raises(ValidationError, match="differs"):
        Request(**{**fields, "function_name": "g"})


def test_json_null_is_a_result():
    request = Request.function_result(
        previous_interaction_id="p", function_call_id="c", function_name="f", function_result=None, model="m"
    )
    assert request.has_function_result_payload
    assert request.input[0]["result"] == {"result": None}


@pytest.mark.parametrize(
    "request_",
    [
        Request.start("x", model="m"),
        Request.poll("i", timeout_s=1),
        Request.antigravity("x"),
        Request.function_results("p", [("c", "f", None), ("d", "g", 1, True)], model="m"),
    ],
)
def test_a_stored_request_with_explicit_nulls_loads_again(request_):
    assert Request.model_validate_json(request_.model_dump_json()) == request_


def test_the_antigravity_preset_is_a_stored_background_job_in_a_remote_environment():
    request = Request.antigravity("build it")
    assert (request.agent, request.kind) == (ANTIGRAVITY_AGENT, "start")
    assert (request.background, request.store, request.environment) == (True, True, "remote")
    assert request.metadata == {"adapter_preview": True, "agent_family": "antigravity"}


def test_the_antigravity_agent_can_be_renamed_without_a_release(monkeypatch):
    monkeypatch.setenv("KITARU_GEMINI_ANTIGRAVITY_AGENT", "antigravity-next")
    assert Request.antigravity("x").agent == "antigravity-next"
    assert Request.antigravity("x", previous_interaction_id="i").kind == "resume"


def test_fields_this_adapter_does_not_know_reach_the_service(service, talk):
    talk().result(Request.start("x", model="m", service_tier="flex", extra={"brand_new": {"a": None}}))
    assert service.creates[0]["brand_new"] == {"a": None}
    assert service.creates[0]["service_tier"] == "flex"


def test_outside_a_flow_nothing_runs(service, make_runner):
    with pytest.raises(KitaruUsageError, match="outside a flow"):
        make_runner().run_sync(Request.start("x", model="m"))
    assert service.requests == []


def test_inside_a_checkpoint_it_needs_the_opt_in(service, make_runner):
    @checkpoint
    def step() -> str | None:
        return make_runner().run_sync(Request.start("x", model="m")).output_text

    @flow
    def outer() -> str | None:
        return step()

    with pytest.raises(Exception, match="inside a checkpoint"):
        outer.run().wait()
    assert service.requests == []


def test_the_opt_in_runs_directly_and_warns(service, make_runner):
    service.script(Turn(text="direct"))
    runner = make_runner(allow_direct_execution_inside_checkpoint=True)

    @checkpoint
    def step() -> str | None:
        with pytest.warns(RuntimeWarning, match="called and paid again"):
            return runner.run_sync(Request.start("x", model="m")).output_text

    @flow
    def outer() -> str | None:
        return step()

    assert outer.run().wait() == "direct"


def test_the_blocking_form_is_refused_on_a_running_loop(make_runner):
    async def call() -> None:
        make_runner().run_stream_sync(Request.start("x", model="m"))

    with pytest.raises(KitaruUsageError, match="await runner"):
        asyncio.run(call())


def test_an_async_flow_awaits_the_turn_on_its_own_loop(service, make_runner):
    service.script(Turn(text="from the loop"))

    @flow
    async def outer() -> str | None:
        return (await make_runner().run(Request.start("x", model="m"))).output_text

    assert outer.run().wait() == "from the loop"


def test_a_blocking_client_works_on_a_loop_too(client):
    class Blocking:
        interactions = client.interactions

    runner = KitaruGeminiInteractionsRunner(name="agent", client=Blocking())

    @flow
    async def outer() -> str | None:
        return (await runner.run_stream(Request.start("x", model="m"))).output_text

    assert outer.run().wait() == "ok"


def test_the_factory_is_called_for_live_attempts_only(client, talk):
    built = []
    conversation = talk(client_factory=lambda: built.append(1) or client)
    conversation.fail_behind = True
    conversation.fail_then_retry(Request.start("x", model="m")).wait()
    assert len(built) == 1


def test_a_client_of_the_caller_stays_open(client, talk):
    conversation = talk(client=client)
    conversation.result(Request.start("x", model="m"))
    assert conversation.result(Request.start("y", model="m")).output_text == "ok"


def test_a_client_that_repeats_creates_is_pointed_out(service):
    from google import genai

    with genai.Client(api_key="x", http_options={"base_url": service.url}) as eager, pytest.warns(RuntimeWarning):
        KitaruGeminiInteractionsRunner(name="agent", client=eager)


@pytest.mark.parametrize(
    ("hidden", "expected"),
    [("google.genai", "extra 'gemini'"), ("google.genai.interactions", "extra 'gemini'")],
)
def test_without_the_sdk_the_import_names_the_extra(hidden, expected):
    code = f"import sys; sys.modules[{hidden!r}] = None\nimport kitaru.adapters.gemini"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "KitaruFeatureNotAvailableError" in done.stderr
    assert expected in done.stderr


def test_loading_the_plugin_imports_no_framework():
    code = (
        "import sys, kitaru_adapters.gemini.plugin as p; p.kitaru_adapters(); assert 'google.genai' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)

from __future__ import annotations

import json

import pytest
from google import genai
from google.auth.credentials import Credentials
from google.genai.types import HttpOptions, HttpRetryOptions

from kitaru import KitaruClient
from kitaru.adapters.gemini import GeminiInteractionCapturePolicy, GeminiInteractionRequest
from kitaru.errors import KitaruExecutionError, KitaruUsageError
from kitaru_adapters.gemini.boundary import cache_key, is_cacheable
from kitaru_adapters.gemini.capture import request_manifest
from kitaru_adapters.gemini.codec import merge_hops, output_text, step_summaries
from kitaru_adapters.gemini.loopback import Turn, function_call, model_output
from kitaru_adapters.gemini.values import jsonable

Request = GeminiInteractionRequest
START = Request.start("my private question", model="gemini-3-pro")
USAGE = {
    "total_input_tokens": 10,
    "total_output_tokens": 4,
    "total_thought_tokens": 3,
    "total_cached_tokens": 2,
    "total_tool_use_tokens": 1,
    "total_tokens": 17,
}
EVERYTHING_OFF = GeminiInteractionCapturePolicy(
    emit_events=False, save_request_manifest=False, save_output=False, save_usage=False
)
EVERYTHING_ON = GeminiInteractionCapturePolicy(save_input=True, save_raw_interaction=True, save_steps=True)


def saved(handle):
    artifacts = KitaruClient().artifacts.list(exec_id=handle.exec_id)
    return {artifact.name: artifact for artifact in artifacts if "__agent_" in artifact.name}


def records(handle):
    return KitaruClient().executions.get(handle.exec_id).llm_usage_records


def test_defaults_save_neither_prompt_nor_payload_nor_steps(talk):
    handle = talk().run(START)
    handle.wait()
    kinds = {name.split("__")[0] for name in saved(handle)}
    assert kinds == {"request_manifest", "output", "run_summary", "event_log"}


def test_opting_in_saves_them(service, talk):
    service.script(Turn(text="ok", usage=USAGE))
    handle = talk(capture=EVERYTHING_ON).run(START)
    result = handle.wait()[0]
    assert {"input__agent_r1", "raw_interaction__agent_r1", "steps__agent_r1", "usage__agent_r1"} <= set(saved(handle))
    assert result.input_artifact_name == "input__agent_r1"


def test_replay_works_with_everything_off(service, talk):
    conversation = talk(capture=EVERYTHING_OFF)
    conversation.fail_behind = True
    assert conversation.fail_then_retry(START).wait()[0].output_text == "ok"
    assert service.count("create") == 1


def test_one_event_describes_the_turn(talk):
    handle = talk().run(START)
    handle.wait()
    (call,) = KitaruClient().executions.get(handle.exec_id).checkpoints
    event = call.metadata["gemini_interactions_events"]["r1"]
    assert (event["status"], event["kind"], event["target_kind"]) == ("completed", "start", "model")
    assert call.metadata["gemini_interactions_run_summaries"]["r1"]["interaction_id"] == "int-1"


def test_the_manifest_shows_limits_and_hides_secrets():
    mcp = {"type": "mcp_server", "url": "https://user:pw@host/mcp?token=t0p", "headers": {"X-Custom": "s3cret"}}
    request = Request.start(
        "my private question",
        model="m",
        tools=[mcp],
        generation_config={"max_output_tokens": 99, "api_key": "k3y"},
        extra={"access_token": "t0ken", "monkey": "fine"},
    )
    manifest = json.dumps(request_manifest(request))
    for secret in ("my private question", "s3cret", "k3y", "t0ken", "user:pw", "t0p"):
        assert secret not in manifest
    assert '"max_output_tokens": 99' in manifest
    assert '"monkey": "fine"' in manifest


def test_policy_switches_must_be_booleans():
    with pytest.raises(KitaruUsageError):
        GeminiInteractionCapturePolicy(save_input=1)


def test_every_token_count_of_the_api_is_reported(service, talk):
    service.script(Turn(text="ok", usage=USAGE))
    handle = talk(cost_calculator=lambda usage: usage.total_tokens / 100).run(START)
    usage = handle.wait()[0].usage
    counts = (usage.input_tokens, usage.output_tokens, usage.reasoning_tokens, usage.cached_input_tokens)
    assert (*counts, usage.tool_use_tokens, usage.total_tokens) == (10, 4, 3, 2, 1, 17)
    (record,) = records(handle)
    assert (record["surface"], record["usage"]["input_tokens"]) == ("gemini_interaction", 10)
    assert record["cost"]["estimated_cost_usd"] == 0.17


def test_a_failed_turn_counts_what_it_used(service, talk):
    service.script(Turn(status="failed", usage=USAGE))
    handle = talk().run(START)
    with pytest.raises(Exception, match="failed"):
        handle.wait()
    (record,) = records(handle)
    assert (record["status"], record["usage"]["total_tokens"]) == ("failed", 17)


def test_a_turn_that_ran_out_of_time_counts_what_the_last_look_showed(service, talk):
    service.script(Turn(status="completed", pending=["in_progress"] * 10_000, usage=USAGE, usage_while_pending=True))
    handle = talk().run(Request.start("x", agent="a", background=True, timeout_s=0.1))
    with pytest.raises(KitaruExecutionError):
        handle.wait()
    (record,) = records(handle)
    assert (record["status"], record["usage"]["total_tokens"]) == ("failed", 17)


def test_a_failing_calculator_is_a_warning(service, talk):
    service.script(Turn(text="ok", usage=USAGE))
    result = talk(cost_calculator=lambda _: 1 / 0).result(START)
    assert result.estimated_cost_usd is None
    assert result.warnings == ["cost_calculator raised ZeroDivisionError"]


def test_an_agent_without_a_price_is_one_warning(service, talk):
    service.script(Turn(text="ok", usage=USAGE))
    result = talk().result(Request.start("x", agent="some-agent"))
    assert [notice for notice in result.warnings if "no price" in notice] == result.warnings
    assert len(result.warnings) == 1


def test_hops_are_summed_once(service, talk):
    service.script(Turn(text="a", usage=USAGE, continuation_token="t"), Turn(text="b", usage=USAGE))
    handle = talk().run(START)
    assert handle.wait()[0].usage.total_tokens == 34
    (record,) = records(handle)
    assert record["usage"]["total_tokens"] == 34
    assert "int-1, int-2" in record["warnings"][0]


def test_polling_an_interaction_again_does_not_count_it_twice(service, talk):
    service.script(Turn(text="ok", usage=USAGE))
    handle = talk().run(START, Request.poll("int-1"))
    handle.wait()
    summary = KitaruClient().executions.get(handle.exec_id).llm_usage_summary
    assert summary["incurred_total_tokens"] == 17


def test_a_reused_turn_is_not_paid_again(service, talk):
    service.script(*[Turn(text="ok", usage=USAGE)] * 3)
    conversation = talk()
    handle = conversation.run(START, START)
    handle.wait()
    replayed = conversation.flow.replay(handle.exec_id, from_="agent_gemini_interaction_2")
    replayed.wait()
    summary = KitaruClient().executions.get(replayed.exec_id).llm_usage_summary
    assert summary["incurred_total_tokens"] == 17


def test_values_survive_with_steps_nobody_knows_yet(service, talk):
    service.script(Turn(steps=[{"type": "brand_new_step", "x": {"y": None}}], text="ok"))
    handle = talk(capture=EVERYTHING_ON).run(START)
    step = handle.wait()[0].steps[0]
    assert (step.type, step.raw_keys) == ("brand_new_step", ("type", "x"))
    assert b"brand_new_step" in json.dumps(saved(handle)["steps__agent_r1"].load()).encode()


def test_an_answer_is_what_comes_after_the_last_call_and_nothing_else():
    thought = {"type": "thought", "summary": [{"type": "text", "text": "hm"}]}
    sandbox = {"type": "code_execution_result", "result": "out"}
    steps = [model_output("draft"), function_call("f", "c"), thought, sandbox, model_output("fi"), model_output("nal")]
    assert output_text({"steps": steps}) == "final"
    assert output_text({"steps": [model_output("wait"), function_call("f", "c")]}) is None
    assert [summary.text_preview for summary in step_summaries({"steps": [thought, sandbox]})] == [None, None]


def test_hops_merge_like_the_sdk_merges_them():
    first = {
        "id": "a",
        "input": "q",
        "steps": [model_output("x")],
        "usage": {"total_tokens": 2, "total_input_tokens": 1},
    }
    second = {"id": "b", "previous_interaction_id": "a", "steps": [{"type": "user_input"}, model_output("y")]}
    merged = merge_hops([first, second | {"usage": {"total_tokens": 3}}])
    assert merged["continuation_ids"] == ["a", "b"]
    assert (merged["input"], merged["usage"]) == (
        "q",
        {"total_tokens": 5, "total_input_tokens": 1, "initial_input_tokens": 1},
    )
    assert [step["type"] for step in merged["steps"]] == ["model_output", "model_output"]
    assert "previous_interaction_id" not in merged


def test_the_cache_tells_identity_surface_target_and_settings_apart(make_runner):
    variants = [
        (make_runner(), START, "run"),
        (make_runner(cache_identity="eu"), START, "run"),
        (make_runner(), START, "stream"),
        (make_runner(), Request.start("my private question", agent="a"), "run"),
        (make_runner(), Request.start("my private question", model="gemini-3-pro", store=False), "run"),
        (make_runner(client_factory=object), START, "run"),
    ]
    keys = {cache_key(runner._settings, request, surface) for runner, request, surface in variants}
    assert len(keys) == len(variants)


@pytest.mark.parametrize(
    "request_",
    [
        Request.poll("i"),
        Request.start("x", agent="a", background=True),
        Request.start("x", agent="a", environment="remote"),
    ],
)
def test_polls_jobs_and_environments_are_never_cached(request_):
    assert not is_cacheable(request_)


def test_a_broken_store_is_a_warning_or_an_error_that_says_what_it_costs(talk, monkeypatch):
    from kitaru.seam import Call

    def broken(*_, **__):
        msg = "disk full"
        raise OSError(msg)

    monkeypatch.setattr(Call, "save", broken)
    result = talk().result(START)
    assert result.output_artifact_name is None
    assert "artifact output__agent_r1 could not be saved: OSError" in result.warnings
    strict = GeminiInteractionCapturePolicy(fail_on_artifact_capture_error=True)
    assert "Gemini already answered" in str(talk(capture=strict).failure(START))


def test_what_a_release_of_the_sdk_wraps_as_unknown_is_unwrapped():
    wrapped = {"type": "UNKNOWN", "raw": {"type": "brand_new", "x": None}, "is_unknown": True}
    assert jsonable({"steps": [wrapped], "data": b"\x00"}) == {
        "steps": [{"type": "brand_new", "x": None}],
        "data": "AA==",
    }


@pytest.mark.parametrize(
    ("labels", "sent"), [(None, ["kitaru_call", "kitaru_execution"]), ({}, []), ({"a": "b"}, ["a"])]
)
def test_where_labels_are_known_to_be_taken_they_name_the_execution(service, talk, labels, sent):
    options = HttpOptions(base_url=service.url, retry_options=HttpRetryOptions(attempts=-1))
    with genai.Client(vertexai=True, project="p", location="l", credentials=Granted(), http_options=options) as client:
        talk(client=client).result(START.model_copy(update={"labels": labels}))
    assert sorted(service.creates[0].get("labels", {})) == sent


class Granted(Credentials):
    def refresh(self, request):
        self.token = "granted"

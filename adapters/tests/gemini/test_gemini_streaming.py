from __future__ import annotations

import json

import pytest

from kitaru.adapters.gemini import (
    GEMINI_STREAM_COMPLETED,
    GEMINI_STREAM_EVENT,
    GEMINI_STREAM_FAILED,
    GEMINI_STREAM_STARTED,
    GEMINI_STREAM_TERMINAL_EVENT_KINDS,
    GeminiBackendError,
    GeminiInteractionCapturePolicy,
    GeminiInteractionRequest,
)
from kitaru.engine.journals import default_journal
from kitaru_adapters.gemini.loopback import Turn, function_call, model_output
from kitaru_adapters.gemini.rebuild import Rebuilt

Request = GeminiInteractionRequest
START = Request.start("hi", model="gemini-3-pro")
JOB = Request.start("dig", agent="deep-research-preview-04-2026", background=True, timeout_s=20)
THOUGHT = {"type": "thought", "summary": [{"type": "text", "text": "secret musing"}]}
RICH = [THOUGHT, function_call("search", "c0", q="private query"), {"type": "brand_new_step", "x": {"y": 1}}]


@pytest.fixture
def stream(talk):
    def make(**settings):
        conversation = talk(**settings)
        conversation.streamed = True
        return conversation

    return make


def events(handle):
    listed = default_journal(None).events(handle.exec_id)
    return [event for event in listed if event.kind.startswith("gemini_interactions.stream.")]


def shown(handle):
    return [json.loads(event.body)["data"] for event in events(handle)]


def test_streamed_and_plain_turns_record_the_same(service, talk, stream):
    turn = {"steps": RICH, "text": "the answer", "usage": {"total_tokens": 5}}
    service.script(Turn(**turn), Turn(**turn))
    plain, streamed = talk().result(START), stream().result(START)
    ignored = {"interaction_id", "duration_ms", "poll_count", "metadata", "attempt_submissions"}
    assert streamed.model_dump(exclude=ignored) == plain.model_dump(exclude=ignored)
    assert streamed.metadata["observation_mode"] == "fetched"
    assert streamed.metadata["final_status"] == "completed"
    assert service.count("get") == 1


def test_a_turn_that_is_not_stored_is_rebuilt_from_its_events(service, stream):
    service.script(Turn(steps=[*RICH[:1], function_call("search", "c0", q="x", n=2)], usage={"total_tokens": 5}))
    result = stream().result(Request.start("hi", model="gemini-3-pro", store=False))
    assert result.metadata["observation_mode"] == "rebuilt_from_events"
    assert result.function_calls[0].arguments == {"q": "x", "n": 2}
    assert result.usage.total_tokens == 5
    assert service.count("get") == 0


def test_a_background_job_is_created_once_and_then_streamed(service, stream):
    service.script(Turn(text="deep", pending=["in_progress"]))
    result = stream().result(JOB)
    assert (result.output_text, service.count("create"), service.count("stream")) == ("deep", 1, 1)
    assert "stream" not in service.creates[0]


def test_a_broken_stream_resumes_by_event_id(service, stream):
    service.script(Turn(text="deep", pending=["in_progress"], cuts=[3, 2]))
    result = stream().result(JOB)
    assert result.output_text == "deep"
    places = [request.query.get("last_event_id") for request in service.requests if request.kind == "stream"]
    assert places == [None, "e3", "e5"]
    assert result.metadata["fallback_used"] is False


def test_a_stream_that_cannot_be_resumed_falls_back_to_polling_the_same_job(service, stream):
    service.script(Turn(text="deep", pending=["in_progress"] * 3, cuts=[0] * 9))
    result = stream().result(JOB)
    assert (result.output_text, result.metadata["fallback_used"]) == ("deep", True)
    assert service.count("create") == 1


def test_a_foreground_stream_that_breaks_is_taken_up_again(service, stream):
    service.script(Turn(text="whole", cuts=[4]))
    result = stream().result(START)
    assert (result.output_text, service.count("create")) == ("whole", 1)


def test_an_error_event_fails_the_turn(service, stream):
    service.script(Turn(text="half", error_event="quota exhausted"))
    error = stream().failure(START)
    assert isinstance(error, GeminiBackendError)
    assert "quota exhausted" in str(error)
    assert error.interaction_id == "int-1"


def test_a_cut_stream_of_a_turn_that_is_not_stored_fails(service, stream):
    service.script(Turn(text="half", cuts=[3]))
    assert isinstance(stream().failure(Request.start("hi", model="m", store=False)), GeminiBackendError)


def test_live_events_have_one_start_and_one_end(service, stream):
    service.script(Turn(text="hello"))
    handle = stream().run(START)
    handle.wait()
    kinds = [event.kind for event in events(handle)]
    assert (kinds[0], kinds[-1]) == (GEMINI_STREAM_STARTED, GEMINI_STREAM_COMPLETED)
    assert set(kinds[1:-1]) == {GEMINI_STREAM_EVENT}


def test_a_failed_stream_ends_once_with_a_safe_text(service, stream):
    service.script(Turn(text="half", error_event="quota exhausted"))
    handle = stream().run(START)
    with pytest.raises(Exception, match="quota"):
        handle.wait()
    ends = [event for event in events(handle) if event.kind in GEMINI_STREAM_TERMINAL_EVENT_KINDS]
    assert [event.kind for event in ends] == [GEMINI_STREAM_FAILED]


def test_a_failing_publisher_does_not_affect_the_turn(service, stream, monkeypatch):
    tried = []

    def broken(*event):
        tried.append(event)
        msg = "no room for events"
        raise OSError(msg)

    service.script(Turn(text="all the same"))
    monkeypatch.setattr(default_journal(None), "publish", broken)
    assert stream().result(START).output_text == "all the same"
    assert tried


@pytest.mark.parametrize(("visible", "expected"), [(False, ""), (True, "the answer")])
def test_text_is_shown_only_with_the_flag_and_only_of_the_model(service, stream, visible, expected):
    service.script(Turn(steps=RICH, text="the answer"))
    policy = GeminiInteractionCapturePolicy(include_stream_text_deltas=visible)
    handle = stream(capture=policy).run(START)
    handle.wait()
    data = shown(handle)
    assert "".join(entry.get("text", "") for entry in data) == expected
    assert "secret musing" not in str(data)
    assert "private query" not in str(data)


def test_categories_name_what_an_event_is(service, stream):
    service.script(Turn(steps=RICH, text="a b"))
    handle = stream().run(START)
    handle.wait()
    seen = {entry["category"] for entry in shown(handle)}
    assert {
        "interaction_created",
        "thought_delta",
        "tool_arguments_delta",
        "text_delta",
        "interaction_completed",
    } <= seen


def test_argument_pieces_join_and_parallel_steps_stay_apart():
    rebuilt = Rebuilt()
    for index, name in enumerate("ab"):
        rebuilt.add("step.start", {"index": index, "step": {"type": "function_call", "id": name, "name": name}})
    for piece, index in (('{"x"', 0), ('{"y"', 1), (": 1}", 0), (": 2}", 1)):
        rebuilt.add("step.delta", {"index": index, "delta": {"type": "arguments_delta", "arguments": piece}})
    assert [step["arguments"] for step in rebuilt.interaction()["steps"]] == [{"x": 1}, {"y": 2}]


def test_a_stream_taken_up_in_the_middle_and_unknown_events_are_harmless():
    rebuilt = Rebuilt()
    rebuilt.add("step.delta", {"index": 4, "delta": {"type": "text", "text": "tail"}})
    rebuilt.add("something.new", {"index": "x", "payload": 1})
    rebuilt.add("step.delta", {"index": 5, "delta": {"type": "arguments_delta", "arguments": "{broken"}})
    assert rebuilt.interaction()["steps"][0] == model_output("tail")
    assert rebuilt.interaction()["steps"][1]["arguments"] == {"_unparsed": "{broken"}

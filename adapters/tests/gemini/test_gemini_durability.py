from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from kitaru import FlowHandle, KitaruClient, flow
from kitaru.adapters.gemini import (
    GeminiBackendError,
    GeminiInteractionGoneError,
    GeminiInteractionRequest,
    GeminiUnknownSubmissionError,
)
from kitaru.errors import KitaruExecutionError
from kitaru_adapters.gemini.loopback import Turn

Request = GeminiInteractionRequest
START = Request.start("hi", model="gemini-3-pro")
JOB = Request.start("dig", agent="deep-research-preview-04-2026", background=True, timeout_s=20)
HERE = Path(__file__).parent


class Process:
    """The flow in a process of its own, so that it can really be killed; it is continued in this one."""

    def __init__(self, service, mode: str = "plain") -> None:
        self.service, self.mode = service, mode
        self.child: subprocess.Popen[bytes] | None = None

    def killed_at(self, kind: str, number: int = 1) -> None:
        """Let the service kill it with SIGKILL at a request, after the request took effect and before its answer."""

        def kill(_):
            if self.service.count(kind) == number:
                self.service.on_request = None
                self.child.send_signal(signal.SIGKILL)
                self.child.wait()

        self.service.on_request = kill
        self.dies()

    def dies(self) -> None:
        code = f"import crash_program; crash_program.research.run({self.mode!r}).wait()"
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")])}
        self.child = subprocess.Popen([sys.executable, "-c", code], env=environment)
        assert self.child.wait(timeout=50) == -signal.SIGKILL

    def resumed(self) -> str:
        executions = KitaruClient().executions
        (execution,) = executions.list()
        executions.retry(execution.exec_id, block=True)
        return FlowHandle.from_exec_id(execution.exec_id).wait()


@pytest.fixture
def process(service, monkeypatch):
    monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", service.url)
    monkeypatch.syspath_prepend(HERE)
    running = Process(service)
    yield running
    if running.child is not None and running.child.poll() is None:
        running.child.kill()
        running.child.wait()


def test_a_finished_turn_reruns_without_a_request_and_equal(service, talk):
    service.script(Turn(text="42", usage={"total_input_tokens": 3}))
    conversation = talk()
    conversation.fail_behind = True
    handle = conversation.run(START)
    with pytest.raises(Exception, match="later"):
        handle.wait()
    first = conversation.results
    assert conversation.retry(handle).wait() == first == conversation.results
    assert len(service.requests) == 1


def test_killed_while_polling_it_goes_on_with_the_same_job(service, process):
    service.script(Turn(text="found", pending=["in_progress"] * 10))
    process.killed_at("get", 3)
    assert process.resumed() == "found"
    assert (service.count("create"), service.count("cancel")) == (1, 0)


def test_a_job_that_finishes_while_nobody_runs_is_picked_up(service, process):
    service.script(Turn(text="found", pending=["in_progress"] * 10_000))
    process.killed_at("get", 2)
    service.finish("int-1")
    seen = service.count("get")
    assert process.resumed() == "found"
    assert (service.count("create"), service.count("get") - seen) == (1, 1)


def test_killed_between_create_and_note_it_submits_again_with_a_warning(service, process):
    service.script(Turn(pending=["in_progress"] * 10), Turn(text="second"))
    process.killed_at("create")
    assert process.resumed() == "second possible_duplicate_submission intent,submitted"
    assert service.count("create") == 2


def test_killed_between_create_and_note_it_can_refuse_to_submit_again(service, process):
    process.mode = "fail"
    process.killed_at("create")
    with pytest.raises(KitaruExecutionError) as caught:
        process.resumed()
    assert isinstance(caught.value.__cause__, GeminiUnknownSubmissionError)
    assert service.count("create") == 1


def test_killed_in_the_middle_of_a_stream_it_does_not_submit_again(service, process):
    service.script(Turn(text="streamed", pending=["in_progress"]))
    process.mode = "stream"
    process.killed_at("stream")
    assert process.resumed() == "streamed"
    assert service.count("create") == 1


@pytest.mark.parametrize("point", ["note.written:2", "boundary.after_body"])
def test_killed_once_the_id_is_noted_it_never_submits_again(service, process, monkeypatch, point):
    service.script(Turn(text="found", pending=["in_progress"]))
    with monkeypatch.context() as armed:
        armed.setenv("KITARU_CRASH_AT", point)
        process.dies()
    assert process.resumed() == "found"
    assert service.count("create") == 1


def test_a_job_is_taken_up_even_when_the_rerun_asks_something_else(service, talk):
    service.script(Turn(text="the first question's answer", pending=["in_progress"] * 2))
    conversation = talk()
    handle = conversation.run(Request.start("one", agent="a", background=True))
    with pytest.raises(KitaruExecutionError):
        handle.wait()
    conversation.requests = (Request.start("two", agent="a", background=True),)
    (result,) = conversation.retry(handle).wait()
    assert (result.output_text, service.count("create")) == ("the first question's answer", 1)
    assert result.warnings == ["request_changed: int-1 was submitted for other contents"]


def test_a_server_error_on_create_is_exactly_one_request(service, talk):
    service.script(Turn(fault_after=500))
    error = talk().failure(START)
    assert isinstance(error, GeminiBackendError)
    assert (error.status_code, error.retryable) == (500, True)
    assert service.count("create") == 1


@pytest.mark.parametrize("status", [408, 409, 429, 500, 503])
def test_the_default_client_sends_each_create_once(service, talk, status):
    service.script(Turn(refuse=status))
    assert isinstance(talk().failure(START), GeminiBackendError)
    assert service.count("create") == 1


def test_after_a_server_error_the_outcome_is_unknown_and_can_be_refused(service, talk):
    service.script(Turn(fault_after=502))
    conversation = talk(on_unknown_submission="fail")
    handle = conversation.run(START)
    with pytest.raises(Exception, match="502"):
        handle.wait()
    conversation.retry(handle)
    with pytest.raises(KitaruExecutionError) as caught:
        handle.wait()
    assert isinstance(caught.value.__cause__, GeminiUnknownSubmissionError)
    assert service.count("create") == 1


def test_a_definite_refusal_leaves_no_doubt_behind(service, talk):
    service.script(Turn(refuse=429), Turn(text="now"))
    result = talk(checkpoint_config={"retries": 1}, on_unknown_submission="fail").result(START)
    assert (result.output_text, result.warnings) == ("now", [])
    assert [entry.state for entry in result.attempt_submissions] == ["refused", "submitted"]


def test_an_answer_that_never_came_is_a_possible_duplicate(service, talk):
    service.script(Turn(hang_up=True), Turn(text="again"))
    result = talk(checkpoint_config={"retries": 1}).result(START)
    assert result.warnings == ["possible_duplicate_submission"]
    assert [(entry.attempt, entry.state) for entry in result.attempt_submissions] == [(1, "intent"), (2, "submitted")]


def test_an_answer_nobody_can_read_is_a_possible_duplicate_too(service, talk):
    service.script(Turn(garble=True), Turn(text="again"))
    result = talk().fail_then_retry(START).wait()[0]
    assert result.warnings == ["possible_duplicate_submission"]


def test_a_request_the_sdk_refuses_to_build_was_never_sent(service, talk):
    service.script(Turn(text="fixed"))
    conversation = talk(on_unknown_submission="fail")
    handle = conversation.run(Request.start("hi", model="m", tools=[{"type": "function", "parameters": {}, "name": 7}]))
    with pytest.raises(KitaruExecutionError):
        handle.wait()
    conversation.requests = (START,)
    assert conversation.retry(handle).wait()[0].output_text == "fixed"
    assert service.count("create") == 1


def test_the_next_hop_follows_a_failure_between_two_hops(service, talk):
    service.script(Turn(text="one ", continuation_token="t1"), Turn(refuse=503), Turn(text="two"))
    conversation = talk()
    result = conversation.fail_then_retry(START).wait()[0]
    assert result.output_text == "one two"
    assert result.continuation_ids == ["int-1", "int-2"]
    assert [body.get("continuation_token") for body in service.creates] == [None, "t1", "t1"]
    assert service.creates[-1]["previous_interaction_id"] == "int-1"


def test_an_expired_previous_interaction_is_explained(service, talk):
    service.script(Turn(refuse=404))
    error = talk().failure(Request.resume("go on", "int-gone", model="gemini-3-pro"))
    assert isinstance(error, GeminiInteractionGoneError)
    assert error.interaction_id == "int-gone"
    assert "expired" in str(error)


def test_two_turns_and_two_runners_stay_apart_on_rerun(service, make_runner):
    runners = [make_runner(name="writer"), make_runner(name="critic")]
    broken = [True]

    @flow
    def both() -> list[str | None]:
        texts = [runner.run_sync(START).output_text for runner in (*runners, runners[0])]
        if broken.pop() if broken else False:
            msg = "later"
            raise RuntimeError(msg)
        return texts

    service.script(Turn(text="a"), Turn(text="b"), Turn(text="c"))
    handle = both.run()
    with pytest.raises(Exception, match="later"):
        handle.wait()
    KitaruClient().executions.retry(handle.exec_id, block=True)
    assert handle.wait() == ["a", "b", "c"]
    assert service.count("create") == 3


def test_turns_side_by_side_find_their_own_results_again(service, make_runner):
    service.script(Turn(text="slow", stall_s=0.05), Turn(text="quick"))
    runner, broken = make_runner(), [True]

    @flow
    async def both() -> list[str | None]:
        requests = [Request.start(text, model="gemini-3-pro") for text in ("a", "b")]
        results = await asyncio.gather(*(runner.run(request) for request in requests))
        if broken.pop() if broken else False:
            msg = "later"
            raise RuntimeError(msg)
        return [f"{body['input']}: {result.output_text}" for body, result in zip(requested, results, strict=True)]

    handle = both.run()
    with pytest.raises(KitaruExecutionError, match="later"):
        handle.wait()
    requested = sorted(service.creates, key=lambda body: body["input"])
    answers = {body["input"]: job.turn.text for body, job in zip(service.creates, service.jobs.values(), strict=True)}
    KitaruClient().executions.retry(handle.exec_id, block=True)
    assert handle.wait() == [f"{text}: {answers[text]}" for text in ("a", "b")]
    assert service.count("create") == 2


def test_artifact_labels_count_turns(talk):
    conversation = talk()
    results = conversation.run(START, START).wait()
    assert [result.output_artifact_name for result in results] == ["output__agent_r1", "output__agent_r2"]


def test_a_replay_runs_the_turn_again_and_leaves_the_source_alone(service, talk):
    service.script(Turn(text="first"), Turn(text="second"))
    conversation = talk()
    handle = conversation.run(START)
    handle.wait()
    replayed = conversation.flow.replay(handle.exec_id, from_="agent_gemini_interaction")
    assert replayed.wait()[0].output_text == "second"
    assert handle.wait()[0].output_text == "first"


def test_an_override_takes_the_plain_text_a_person_would_write(service, talk):
    conversation = talk()
    handle = conversation.run(START)
    handle.wait()
    selector = "checkpoint.agent_gemini_interaction"
    replayed = conversation.flow.replay(handle.exec_id, from_="agent_gemini_interaction", overrides={selector: "mine"})
    assert replayed.wait() is not None
    assert conversation.results[0].output_text == "mine"
    assert service.count("create") == 1


def test_with_early_id_a_plain_turn_notes_its_id_from_the_first_event(service, talk):
    service.script(Turn(text="kept", cuts=[2, 0, 0], pending=["in_progress"]))
    result = talk(early_id=True, checkpoint_config={"retries": 1}).result(START.model_copy(update={"timeout_s": 20}))
    assert result.output_text == "kept"
    assert service.count("create") == 1
    assert service.creates[0]["stream"] is True


def test_the_environment_of_the_test_keeps_secrets_out_of_the_store(talk, tmp_path):
    talk().result(Request.start("very private prompt", model="gemini-3-pro"))
    executions = KitaruClient().executions
    (execution,) = executions.list()
    with zipfile.ZipFile(executions.export(execution.exec_id, tmp_path / "one.zip")) as archive:
        stored = b"".join(archive.read(name) for name in archive.namelist())
    stored += b"".join(path.read_bytes() for path in (tmp_path / "kitaru").rglob("*") if path.is_file())
    assert os.environ["GEMINI_API_KEY"].encode() not in stored
    assert b"very private prompt" not in stored

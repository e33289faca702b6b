from __future__ import annotations

import pytest

from kitaru import KitaruClient, flow
from kitaru.adapters.gemini import (
    GeminiBackendError,
    GeminiDeadlineError,
    GeminiInteractionEndedError,
    GeminiInteractionGoneError,
    GeminiInteractionRequest,
    GeminiUnfinishedError,
)
from kitaru.errors import KitaruExecutionError
from kitaru_adapters.gemini.loopback import Turn
from kitaru_adapters.gemini.operations import Ask, Sleep
from kitaru_adapters.gemini.polling import Deadline, PollSettings, Watch

Request = GeminiInteractionRequest
START = Request.start("hi", model="gemini-3-pro")
JOB = Request.start("dig", agent="deep-research-preview-04-2026", background=True, timeout_s=20)
JOB_WITHOUT_DEADLINE = Request.start("dig", agent="deep-research-preview-04-2026", background=True)


@pytest.mark.parametrize("status", ["failed", "cancelled", "canceled", "incomplete", "budget_exceeded"])
def test_a_failed_end_stops_polling_at_once_and_records_no_value(service, talk, status):
    service.script(Turn(status=status, pending=["in_progress"], message="out of luck", usage={"total_tokens": 9}))
    error = talk().failure(JOB)
    assert isinstance(error, GeminiInteractionEndedError)
    assert (error.interaction_id, error.status, error.usage) == ("int-1", status, {"total_tokens": 9})
    assert "out of luck" in str(error)
    assert (service.count("create"), service.count("get")) == (1, 1)


def test_a_background_create_that_is_already_stable_is_not_polled(service, talk):
    service.script(Turn(text="at once"))
    assert talk().result(JOB).output_text == "at once"
    assert service.count("get") == 0


def test_a_job_without_a_deadline_is_looked_at_once_and_named_in_the_error(service, talk):
    service.script(Turn(text="late", pending=["queued", "in_progress"]))
    error = talk().failure(JOB_WITHOUT_DEADLINE)
    assert isinstance(error, GeminiUnfinishedError)
    assert "GeminiInteractionRequest.poll(interaction_id='int-1'" in str(error)
    assert (service.count("create"), service.count("get")) == (1, 1)


def test_a_poll_without_a_deadline_is_one_request(service, talk):
    service.script(Turn(text="late", pending=["queued", "in_progress"]))
    talk().failure(JOB_WITHOUT_DEADLINE)
    before = len(service.requests)
    assert talk().result(Request.poll("int-1")).output_text == "late"
    assert len(service.requests) - before == 1


def test_a_poll_with_a_deadline_reaches_the_end(service, talk):
    service.script(Turn(text="late", pending=["queued", "in_progress", "in_progress", "in_progress"]))
    talk().failure(JOB_WITHOUT_DEADLINE)
    result = talk().result(Request.poll("int-1", timeout_s=20))
    assert (result.output_text, result.poll_count) == ("late", 3)
    assert service.count("create") == 1


def test_transient_errors_while_polling_are_sat_out(service, talk):
    service.script(Turn(text="done", pending=["in_progress"], get_faults=[503, 429, 408, 500]))
    assert talk().result(JOB).output_text == "done"
    assert (service.count("create"), service.count("get")) == (1, 5)


def test_a_refused_look_is_an_error_and_no_new_job(service, talk):
    service.script(Turn(text="done", pending=["in_progress"], get_faults=[403]))
    error = talk().failure(JOB)
    assert isinstance(error, GeminiBackendError)
    assert (error.status_code, error.retryable, service.count("create")) == (403, False, 1)


def test_404_soon_after_the_create_is_sat_out(service, talk):
    service.script(Turn(text="done", pending=["in_progress"], get_faults=[404, 404]))
    assert talk(not_found_grace_s=10).result(JOB).output_text == "done"
    assert service.count("create") == 1


def test_404_after_the_grace_is_a_state_error_and_no_new_job(service, talk):
    service.script(Turn(pending=["in_progress"], get_faults=[404] * 100))
    error = talk(not_found_grace_s=0.05).failure(JOB)
    assert isinstance(error, GeminiInteractionGoneError)
    assert error.interaction_id == "int-1"
    assert service.count("create") == 1


def test_an_unknown_status_is_unfinished_and_pointed_out(service, talk):
    service.script(Turn(text="done", pending=["marinating", "marinating"]))
    result = talk().result(JOB)
    assert result.output_text == "done"
    assert result.warnings.count("unknown status 'marinating' taken as unfinished") == 1


def test_at_the_deadline_the_job_is_left_running_and_a_retry_polls_it(service, talk):
    service.script(Turn(text="finally", pending=["in_progress"] * 10_000))
    conversation = talk()
    handle = conversation.run(JOB.model_copy(update={"timeout_s": 0.1}))
    with pytest.raises(KitaruExecutionError) as caught:
        handle.wait()
    assert isinstance(caught.value.__cause__, GeminiDeadlineError)
    assert (service.count("cancel"), service.count("create")) == (0, 1)
    service.finish("int-1")
    assert conversation.retry(handle).wait()[0].output_text == "finally"
    assert service.count("create") == 1


def test_a_create_that_is_not_answered_in_time_is_not_repeated(service, talk):
    service.script(Turn(text="too late", stall_s=5))
    error = talk(checkpoint_config={"retries": 2}).failure(START.model_copy(update={"timeout_s": 0.2}))
    assert not isinstance(error, GeminiUnfinishedError)
    assert "unknown" in str(error)
    assert service.count("create") == 1


def test_durable_retries_go_on_polling_the_same_job(service, talk):
    service.script(Turn(text="third time", pending=["in_progress"] * 3))
    result = talk(checkpoint_config={"retries": 2}).result(JOB_WITHOUT_DEADLINE)
    assert result.output_text == "third time"
    assert service.count("create") == 1


def test_an_ended_job_is_never_resubmitted_by_retries(service, talk):
    service.script(Turn(status="failed"))
    assert isinstance(talk(checkpoint_config={"retries": 3}).failure(START), GeminiInteractionEndedError)
    assert service.count("create") == 1


def test_a_person_may_start_an_ended_turn_again(service, talk):
    service.script(Turn(status="failed"), Turn(text="better"))
    result = talk().fail_then_retry(START).wait()[0]
    assert result.output_text == "better"
    assert [entry.state for entry in result.attempt_submissions] == ["ended", "submitted"]


def test_cancelling_the_flow_cancels_its_job_once(service, talk):
    service.script(Turn(pending=["in_progress"] * 10_000))
    conversation = talk()
    conversation.requests = (JOB,)
    cancelled = []

    def cancel_at_the_second_look(_):
        if service.count("get") == 2 and not cancelled:
            cancelled.append(KitaruClient().executions.cancel(handle.exec_id))

    service.on_request = cancel_at_the_second_look
    handle = conversation.flow.run()
    with pytest.raises(Exception, match="cancel"):
        handle.wait()
    assert service.count("cancel") == 1


def test_cancelling_an_async_flow_cancels_its_job_once(service, make_runner):
    service.script(Turn(pending=["in_progress"] * 10_000))
    runner = make_runner()

    @flow
    async def research() -> object:
        return await runner.run(JOB)

    handle = None

    def cancel_at_the_second_look(_):
        if service.count("get") == 2:
            KitaruClient().executions.cancel(handle.exec_id)

    service.on_request = cancel_at_the_second_look
    handle = research.run()
    with pytest.raises(KitaruExecutionError, match="cancel"):
        handle.wait()
    assert service.count("cancel") == 1


def test_a_foreground_job_is_not_polled_to_death_when_a_flow_fails_elsewhere(service, talk):
    conversation = talk()
    conversation.fail_behind = True
    conversation.fail_then_retry(START)
    assert service.count("cancel") == 0


def test_pauses_grow_up_to_the_limit_and_never_pass_the_deadline():
    watch = Watch("i", PollSettings(interval_s=1, longest_interval_s=3), Deadline(100))
    program = watch.until_stable()
    pauses = []
    operation = next(program)
    for _ in range(4):
        assert isinstance(operation, Ask)
        assert 0 < operation.arguments["timeout"] <= 60
        operation = program.send({"id": "i", "status": "in_progress"})
        assert isinstance(operation, Sleep)
        pauses.append(operation.seconds)
        operation = program.send(None)
    assert pauses == [pytest.approx(expected, rel=0.11) for expected in (1, 1.5, 2.25, 3)]


def test_the_http_timeout_never_exceeds_the_time_left():
    deadline = Deadline(0.5)
    assert 0 < deadline.timeout(60)["timeout"] <= 0.5
    assert Deadline(None).timeout(60) == {}

"""How runs fail, what is kept of them, and which are attempted again."""

from __future__ import annotations

import contextlib

import pytest

from kitaru import KitaruClient, checkpoint
from kitaru.adapters.claude_agent_sdk import ClaudeCapturePolicy, ClaudeRunError, ClaudeRunRequest, KitaruClaudeRunner
from kitaru.errors import KitaruRuntimeError, KitaruStateError
from kitaru.seam import Call
from kitaru_adapters.claude_agent_sdk.testing import ApiError, Text, ToolUse, replies

GO = ClaudeRunRequest.start("go")
BASH = ToolUse("Bash", {"command": "true", "description": "x"})


def failure_of(flows, runner, request=GO):
    found = []

    def body():
        with pytest.raises((ClaudeRunError, KitaruStateError)) as caught:
            runner.run_sync(request)
        found.append(caught.value)

    handle = flows.start(body)
    handle.wait(timeout=30)
    return found[0], handle


def test_an_error_of_the_api_is_reported_once_with_its_status(api, make_runner, flows):
    api.reset(lambda _: ApiError(401, "no such key"))
    error, _ = failure_of(flows, make_runner())
    assert (error.api_error_status, error.subtype, error.retryable) == (401, "success", False)
    assert "401" in str(error)
    assert error.session_id


def test_reaching_the_limit_of_turns_keeps_usage_and_is_not_attempted_again(api, make_runner, flows):
    api.reset(replies([BASH]))
    runner = make_runner(checkpoint_config={"retries": 2})
    error, handle = failure_of(flows, runner, ClaudeRunRequest.start("go", max_turns=1))
    assert (error.subtype, error.usage["input_tokens"]) == ("error_max_turns", 10)
    assert error.cost_usd > 0
    assert len(api.turns) == 1
    call = KitaruClient().executions.get(handle.exec_id).checkpoints[0]
    (usage,) = call.llm_usage_records
    assert (usage["status"], usage["usage"]["total_tokens"]) == ("failed", 15)
    assert call.metadata["claude_agent_sdk_events"]["r1"]["error"]["type"] == "ClaudeRunError"


def test_a_failure_that_the_flow_goes_on_after_is_the_same_on_a_rerun(api, make_runner, flows):
    api.reset(replies([BASH]))
    fails = iter([True, False])
    seen = []

    @checkpoint
    def go_on():
        return None

    def body():
        try:
            make_runner().run_sync(ClaudeRunRequest.start("go", max_turns=1))
        except ClaudeRunError as error:
            seen.append((str(error), error.session_id, error.subtype, error.usage, error.cost_usd))
        go_on()
        if next(fails):
            raise ValueError

    handle = flows.start(body)
    with contextlib.suppress(KitaruRuntimeError):
        handle.wait(timeout=45)
    flows.retry(handle)
    assert seen[0] == seen[1]
    assert seen[0][2] == "error_max_turns"
    assert len(api.turns) == 1


def test_an_overloaded_api_is_attempted_again(api, make_options, make_runner, flows):
    asked = []

    def script(turn):
        asked.append(turn)
        return ApiError(529) if len(asked) == 1 else [Text("done")]

    api.reset(script)
    options = make_options()
    result = flows.run(lambda: make_runner(options=options, checkpoint_config={"retries": 1}).run_sync(GO))
    assert result.final_text == "done"
    assert [(attempt.attempt, attempt.interrupted) for attempt in result.earlier_attempts] == [(1, False)]


def test_an_attempt_after_an_overload_goes_on_where_the_last_one_was(api, make_runner, till, flows):
    refused = []

    def script(turn):
        if turn.tool_results and not refused:
            refused.append(turn)
            return ApiError(529)
        return [Text("done")] if turn.tool_results else [ToolUse("mcp__shop__charge", {"amount": 3}, "toolu_1")]

    api.reset(script)
    runner = make_runner(till.server(), on_interrupted="continue", checkpoint_config={"retries": 1})
    result = flows.run(lambda: runner.run_sync(GO))
    assert (result.final_text, till.amounts) == ("done", [3])
    assert [list(turn.tool_results) for turn in api.turns] == [[], ["toolu_1"], ["toolu_1"]]
    assert result.session_id == result.earlier_attempts[0].session_id


def test_a_program_that_dies_is_attempted_again(home, make_options, flows):
    flag = home / "died"
    program = home / "claude"
    program.write_text(f"#!/bin/sh\ntouch {flag}; exit 3\n")
    program.chmod(0o700)
    sick, well = make_options(cli_path=program), make_options()
    runner_options = iter([sick, well])
    runner = KitaruClaudeRunner(
        name="r", options_factory=lambda _: next(runner_options), checkpoint_config={"retries": 1}
    )
    assert flows.run(lambda: runner.run_sync(GO)).final_text == "done"
    assert flag.exists()


def test_a_program_that_is_not_there_is_named(make_options, make_runner, flows):
    error, _ = failure_of(flows, make_runner(options=make_options(cli_path="/nowhere/claude")))
    assert not error.retryable
    assert "/nowhere/claude" in str(error)


def test_resuming_an_unknown_session_is_an_error_of_state(make_runner, flows):
    unknown = "00000000-1111-4111-8111-111111111111"
    error, _ = failure_of(flows, make_runner(), ClaudeRunRequest.resume("more", unknown))
    assert isinstance(error, KitaruStateError)
    assert unknown in str(error)


def test_a_session_that_exists_already_is_in_use(make_options, make_runner, flows):
    same = "00000000-1111-4111-8111-222222222222"
    runner = make_runner(options=make_options(session_id=same))

    def body():
        runner.run_sync(GO)
        with pytest.raises(KitaruStateError, match="exists already"):
            runner.run_sync(GO)

    flows.run(body)


def test_a_resumed_session_that_never_moves_is_ended(home, make_options, make_runner, flows, programs):
    program = home / "claude"
    program.write_text("#!/bin/sh\nexec cat >/dev/null\n")
    program.chmod(0o700)
    runner = make_runner(options=make_options(cli_path=program), resume_timeout=0.3)
    request = ClaudeRunRequest.resume("more", "00000000-1111-4111-8111-333333333333")
    error, _ = failure_of(flows, runner, request)
    assert "no sign of life" in str(error)
    assert programs() == []


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize(("method", "what"), [("save", "messages"), ("log", "event")])
def test_what_cannot_be_kept_is_a_warning_or_an_error_by_flag(make_runner, flows, monkeypatch, method, what, strict):
    def refuse(*_, **__):
        raise OSError

    monkeypatch.setattr(Call, method, refuse)
    flags = {"fail_on_artifact_capture_error": strict, "fail_on_event_persistence_error": strict}
    runner = make_runner(capture=ClaudeCapturePolicy(**flags))

    def body():
        if not strict:
            return runner.run_sync(GO)
        with pytest.raises(KitaruRuntimeError, match="Claude has run already"):
            runner.run_sync(GO)
        return None

    result = flows.run(body)
    if not strict:
        assert result.final_text == "done"
        assert result.metadata["capture_failures"][0] == f"{what}: OSError"
        assert f"Not kept: {what}: OSError" in result.warnings

"""Runs of the real program as durable steps."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import threading

import pytest
from claude_agent_sdk import AssistantMessage, ResultMessage, ToolUseBlock

from kitaru import KitaruClient, checkpoint, load
from kitaru.adapters.claude_agent_sdk import (
    CLAUDE_STREAM_EVENT,
    CLAUDE_STREAM_TERMINAL_EVENT_KINDS,
    ClaudeCapturePolicy,
    ClaudeRunError,
    ClaudeRunRequest,
    KitaruClaudeRunner,
    load_messages,
)
from kitaru.errors import KitaruRuntimeError
from kitaru_adapters.claude_agent_sdk.testing import ApiError, Text, ToolUse, replies

GO = ClaudeRunRequest.start("go")


def test_a_run_with_a_tool_call_gives_text_usage_cost_and_tools(api, make_runner, till, flows):
    api.reset(replies([Text("let me see"), ToolUse("mcp__shop__charge", {"amount": 3}, "toolu_1")], [Text("done")]))
    result = flows.run(lambda: make_runner(till.server()).run_sync(GO))
    assert (result.status, result.final_text, result.stop_reason, result.subtype) == (
        "completed",
        "done",
        "end_turn",
        "success",
    )
    assert result.usage["input_tokens"] == 20
    assert result.cost_usd > 0
    assert [(call.id, call.name, call.arguments) for call in result.tool_calls] == [
        ("toolu_1", "mcp__shop__charge", {"amount": 3})
    ]


def test_a_client_reads_a_stored_result_without_a_runner(make_runner, flows):
    handle = flows.start(lambda: make_runner().run_sync(GO).final_text)
    handle.wait(timeout=30)
    (call,) = KitaruClient().executions.get(handle.exec_id).checkpoints
    (stored,) = (artifact for artifact in call.artifacts if artifact.name == call.name)
    result = stored.load()
    assert (type(result).__name__, result.final_text) == ("ClaudeRunResult", "done")


def test_a_finished_run_is_read_back_without_a_process_or_a_request(api, make_runner, flows):
    fails = iter([True, False])
    seen = []

    def body():
        seen.append(make_runner().run_sync(GO))
        if next(fails):
            raise ValueError
        return seen[-1]

    handle = flows.start(body)
    with contextlib.suppress(KitaruRuntimeError):
        handle.wait(timeout=30)
    assert flows.retry(handle) == seen[0]
    assert type(seen[1]) is type(seen[0])
    assert len(api.turns) == 1


def test_the_factory_is_not_asked_again_when_a_result_is_read_back(make_options, flows):
    asked = []

    def factory(request):
        asked.append(request)
        return make_options()

    fails = iter([True, False])

    def body():
        KitaruClaudeRunner(name="r", options_factory=factory).run_sync(GO)
        if next(fails):
            raise ValueError

    handle = flows.start(body)
    with contextlib.suppress(KitaruRuntimeError):
        handle.wait(timeout=30)
    flows.retry(handle)
    assert asked == [GO]


def test_options_are_the_same_before_and_after(make_options, make_runner, till, flows):
    options = make_options(till.server())
    before = dataclasses.replace(options, env=dict(options.env), mcp_servers=dict(options.mcp_servers))
    flows.run(lambda: make_runner(options=options).run_stream_sync(GO))
    assert options == before


def test_two_runners_and_two_runs_have_labels_of_their_own(make_runner, flows):
    def body():
        first, second = make_runner(name="a"), make_runner(name="b")
        return [runner.run_sync(GO) for runner in (first, first, second)]

    results = flows.run(body)
    assert [result.output_artifact_name for result in results] == ["output__a_r1", "output__a_r2", "output__b_r1"]
    assert len({result.session_id for result in results}) == 3


async def test_an_async_run_stays_on_the_callers_loop(make_runner, flows):
    async def body():
        before = asyncio.get_running_loop()
        result = await make_runner().run(GO)
        return result.final_text, before is asyncio.get_running_loop()

    assert await asyncio.to_thread(flows.run, body) == ("done", True)


def test_runs_side_by_side_keep_apart(api, make_runner, till, flows):
    def script(turn):
        amount = 1 if "one" in turn.text else 2
        return [Text(f"paid {amount}")] if turn.tool_results else [ToolUse("mcp__shop__charge", {"amount": amount})]

    api.reset(script)

    async def body():
        runner = make_runner(till.server())
        return await asyncio.gather(*(runner.run(ClaudeRunRequest.start(word)) for word in ("one", "two")))

    results = flows.run(body)
    assert [result.final_text for result in results] == ["paid 1", "paid 2"]
    assert [result.tool_calls[0].arguments for result in results] == [{"amount": 1}, {"amount": 2}]
    assert len({result.session_id for result in results}) == 2


def test_inside_a_checkpoint_it_runs_when_told_to_and_warns(make_runner, flows):
    runner = make_runner(allow_direct_execution_inside_checkpoint=True)

    @checkpoint
    def step():
        return runner.run_sync(GO)

    result = flows.run(step)
    assert result.metadata["direct_execution_inside_checkpoint"]
    assert "runs again" in result.warnings[0]


def test_observation_can_be_switched_off(api, make_runner, till, flows):
    api.reset(replies([ToolUse("mcp__shop__charge", {"amount": 3})], [Text("done")]))
    result = flows.run(lambda: make_runner(till.server(), observe_tools=False).run_sync(GO))
    assert (result.final_text, till.amounts, result.tool_calls) == ("done", [3], [])


def test_structured_output_and_denials_are_in_the_result(api, make_options, make_runner, flows):
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
    api.reset(
        replies([ToolUse("Bash", {"command": "touch x", "description": "x"})], [ToolUse("StructuredOutput", {"a": 1})])
    )
    options = make_options(allowed_tools=[], output_format={"type": "json_schema", "schema": schema})
    result = flows.run(lambda: make_runner(options=options).run_sync(GO))
    assert result.structured_output == {"a": 1}
    assert [denial["tool_name"] for denial in result.permission_denials] == ["Bash"]


def test_messages_are_kept_with_their_classes(api, make_runner, till, flows):
    looks_like_ours = {"type": "TextBlock", "fields": {"text": "x"}}
    call = ToolUse("Bash", {"command": "echo hi", "description": "x", "extra": looks_like_ours})
    api.reset(replies([call], [Text("done")]))
    stored = {}

    @checkpoint
    def look(execution_id, name):
        stored["messages"] = load(execution_id, name)

    def body():
        result = make_runner(till.server()).run_stream_sync(GO)
        look(result.metadata["execution_id"], result.messages_artifact_name)

    flows.run(body)
    messages = load_messages(stored["messages"])
    assert isinstance(messages[-1], ResultMessage)
    blocks = [block for m in messages if isinstance(m, AssistantMessage) for block in m.content]
    assert ToolUseBlock(call.id, "Bash", dict(call.input)) in blocks
    assert not any(entry["type"] == "StreamEvent" for entry in stored["messages"])


def test_the_transcript_is_found_in_another_configuration_and_a_folder_with_an_umlaut(
    home, make_options, make_runner, flows
):
    folder = home / "Prüfung"
    folder.mkdir()
    options = make_options(cwd=folder)
    options.env["CLAUDE_CONFIG_DIR"] = str(home / "elsewhere")
    result = flows.run(lambda: make_runner(options=options).run_sync(GO))
    assert result.transcript_path.startswith(str(home / "elsewhere"))
    assert result.transcript_artifact_name == "transcript__reviewer_r1"
    assert result.warnings == []


def test_a_transcript_that_is_missing_is_a_warning(make_options, make_runner, flows):
    options = make_options(extra_args={"no-session-persistence": None})
    result = flows.run(lambda: make_runner(options=options).run_sync(GO))
    assert result.transcript_path is None
    assert result.warnings == ["Claude's transcript was not found, so it was not saved."]


def test_with_all_capture_off_a_rerun_still_reads_the_result_back(api, make_runner, flows):
    off = {f.name: False for f in dataclasses.fields(ClaudeCapturePolicy) if f.type == "bool"}
    runner = make_runner(capture=ClaudeCapturePolicy(**off))
    fails = iter([True, False])

    def body():
        result = runner.run_sync(GO)
        if next(fails):
            raise ValueError
        return result

    handle = flows.start(body)
    with contextlib.suppress(KitaruRuntimeError):
        handle.wait(timeout=30)
    result = flows.retry(handle)
    assert (result.final_text, result.output_artifact_name, len(api.turns)) == ("done", None, 1)


def test_cancelling_the_task_ends_the_program(api, make_runner, flows, programs):
    asked, go_on = threading.Event(), threading.Event()

    def script(_turn):
        asked.set()
        go_on.wait(10)
        return [Text("late")]

    api.reset(script)

    async def body():
        task = asyncio.create_task(make_runner().run(GO))
        await asyncio.to_thread(asked.wait, 10)
        running = programs()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        return len(running), len(programs())

    try:
        assert flows.run(body) == (1, 0)
    finally:
        go_on.set()


@pytest.mark.parametrize("form", ["sync", "async"])
def test_cancelling_the_execution_ends_the_program(api, make_runner, flows, programs, form):
    asked, go_on = threading.Event(), threading.Event()

    def script(_turn):
        asked.set()
        go_on.wait(10)
        return [Text("late")]

    api.reset(script)

    async def body():
        await make_runner().run(GO)

    handle = flows.start(body if form == "async" else lambda: make_runner().run_sync(GO))
    try:
        assert asked.wait(10)
        handle.cancel()
        with pytest.raises(KitaruRuntimeError):
            handle.wait(timeout=20)
        assert handle.status == "cancelled"
        assert programs() == []
    finally:
        go_on.set()


def test_a_streamed_run_publishes_kinds_and_never_contents(api, make_runner, till, flows, live_events):
    api.reset(replies([Text("secret plan"), ToolUse("mcp__shop__charge", {"amount": 4242})], [Text("done")]))
    handle = flows.start(lambda: make_runner(till.server()).run_stream_sync(GO))
    assert handle.wait(timeout=30).final_text == "done"
    events = live_events(handle)
    assert events[0][0] == "claude_agent_sdk.stream.started"
    assert [kind for kind, _ in events if kind in CLAUDE_STREAM_TERMINAL_EVENT_KINDS] == [events[-1][0]]
    categories = {payload["category"] for kind, payload in events if kind == CLAUDE_STREAM_EVENT}
    assert {"tool_call_started", "text_delta", "tool_input_delta", "result_message"} <= categories
    shown = str(events)
    assert not any(text in shown for text in ("secret plan", "4242", "charged"))


def test_a_streamed_run_that_fails_ends_with_one_event_without_a_text(api, make_runner, flows, live_events):
    api.reset(lambda _: ApiError(401, "secret words"))

    def body():
        with pytest.raises(ClaudeRunError):
            make_runner().run_stream_sync(GO)

    handle = flows.start(body)
    handle.wait(timeout=30)
    events = live_events(handle)
    ends = [data for kind, data in events if kind in CLAUDE_STREAM_TERMINAL_EVENT_KINDS]
    assert [(data["status"], data["display"]) for data in ends] == [("failed", "ClaudeRunError")]
    assert "secret words" not in str(events)


def test_text_is_streamed_only_when_asked_for(api, make_runner, flows, live_events):
    api.reset(replies([Text("plain words " * 50)]))
    runner = make_runner(capture=ClaudeCapturePolicy(include_stream_text_deltas=True))
    handle = flows.start(lambda: runner.run_stream_sync(GO))
    handle.wait(timeout=30)
    shown = [p["display"] for _, p in live_events(handle) if p["category"] == "text_delta"]
    assert shown
    assert all(text.startswith("plain words") and len(text) <= 240 for text in shown)


def test_events_and_usage_stand_on_the_checkpoint(make_runner, flows):
    request = ClaudeRunRequest.start("go", metadata={"ticket": 7})
    handle = flows.start(lambda: make_runner().run_sync(request))
    handle.wait(timeout=30)
    call = KitaruClient().executions.get(handle.exec_id).checkpoints[0]
    event = call.metadata["claude_agent_sdk_events"]["r1"]
    assert call.name == "reviewer_claude_invocation"
    assert (event["event_id"], event["status"], event["metadata"]) == (
        "reviewer_r1_invocation_1",
        "completed",
        {"ticket": 7},
    )
    (usage,) = call.llm_usage_records
    assert (usage["surface"], usage["usage"]["total_tokens"]) == ("agent_invocation", 15)


def test_an_override_may_be_the_plain_text(make_runner, flows):
    handle = flows.start(lambda: make_runner().run_sync(GO).final_text)
    handle.wait(timeout=30)
    replay = flows.flow.replay(
        handle.exec_id,
        from_="reviewer_claude_invocation",
        overrides={"checkpoint.reviewer_claude_invocation": "as I say"},
    )
    assert replay.wait(timeout=30) == "as I say"

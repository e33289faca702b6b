"""What is refused, and how, before anything runs."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest
from claude_agent_sdk import ClaudeAgentOptions
from pydantic import ValidationError

from kitaru import checkpoint
from kitaru.adapters.claude_agent_sdk import (
    ClaudeContinuation,
    ClaudeRunRequest,
    ClaudeRunResult,
    ClaudeToolApproval,
    ClaudeToolDecision,
    KitaruClaudeRunner,
    validate_checkpoint_strategy,
    wait_for_tool_approval,
)
from kitaru.errors import KitaruContextError, KitaruUsageError
from kitaru_adapters.claude_agent_sdk.options import request_options, with_partial_messages

GO = ClaudeRunRequest.start("go")


def test_the_only_strategy_is_the_whole_invocation():
    assert (
        KitaruClaudeRunner(name="r").checkpoint_strategy == validate_checkpoint_strategy("invocation") == "invocation"
    )


@pytest.mark.parametrize("word", ["calls", "runner_call", "granular", "model_call", "tool_call", "step", "run"])
def test_granular_strategies_are_refused_with_the_reason(word):
    with pytest.raises(KitaruUsageError, match="cannot be read back one by one"):
        KitaruClaudeRunner(name="r", checkpoint_strategy=word)


def test_an_unknown_strategy_is_refused_naming_the_one_there_is():
    with pytest.raises(KitaruUsageError, match="'invocation'"):
        validate_checkpoint_strategy("sometimes")


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": " "},
        {"options": ClaudeAgentOptions(), "options_factory": lambda _: None},
        {"options": {"model": "x"}},
        {"allow_direct_execution_inside_checkpoint": 1},
        {"checkpoint_config": {"retries": -1}},
        {"checkpoint_config": {"runtime": "isolated"}},
        {"on_interrupted": "perhaps"},
        {"session_ids": "mine"},
        {"resume_timeout": 0},
    ],
)
def test_a_runner_that_cannot_work_is_refused_at_construction(wrong):
    with pytest.raises(KitaruUsageError):
        KitaruClaudeRunner(**{"name": "r", **wrong})


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "start", "prompt": " "},
        {"kind": "start", "prompt": "go", "max_turns": 0},
        {"kind": "start", "prompt": "go", "resume_session_id": "s"},
        {"kind": "start", "prompt": "", "decision": {"approved": True}},
        {"kind": "resume", "prompt": "go"},
        {"kind": "resume", "prompt": "", "resume_session_id": "s"},
        {"kind": "start", "prompt": "go", "else": 1},
    ],
)
def test_a_request_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(ValidationError):
        ClaudeRunRequest.model_validate(wrong)


def test_a_request_takes_a_path_as_folder(tmp_path):
    assert ClaudeRunRequest.start("go", cwd=tmp_path).cwd == str(tmp_path)


def test_a_denied_tool_has_no_input():
    with pytest.raises(ValidationError, match="denied"):
        ClaudeToolDecision(approved=False, updated_input={"amount": 1})


def test_outside_a_flow_the_run_is_refused():
    with pytest.raises(KitaruUsageError, match="outside a flow"):
        KitaruClaudeRunner(name="r").run_sync(GO)


def test_inside_a_checkpoint_the_run_is_refused(flows):
    @checkpoint
    def step():
        with pytest.raises(KitaruUsageError, match="checkpoints do not nest"):
            KitaruClaudeRunner(name="r").run_sync(GO)

    flows.run(step)


async def test_the_sync_form_is_refused_where_an_event_loop_runs():
    runner = KitaruClaudeRunner(name="r")
    with pytest.raises(KitaruUsageError, match=r"await runner\.run_stream"):
        runner.run_stream_sync(GO)


def test_what_is_no_request_is_refused():
    with pytest.raises(KitaruUsageError, match=r"ClaudeRunRequest\.start"):
        asyncio.run(KitaruClaudeRunner(name="r").run("go"))


def test_a_request_fills_what_static_options_leave_open():
    static = ClaudeAgentOptions(model="m", cwd="/a")
    made = request_options(ClaudeRunRequest.start("go", cwd="/a", max_turns=3), static=static, factory=None)
    assert (made.model, made.cwd, made.max_turns) == ("m", "/a", 3)
    assert static == ClaudeAgentOptions(model="m", cwd="/a")


def test_a_request_that_contradicts_static_options_is_refused():
    with pytest.raises(KitaruUsageError, match="options_factory"):
        request_options(ClaudeRunRequest.start("go", cwd="/b"), static=ClaudeAgentOptions(cwd="/a"), factory=None)


def test_a_factory_decides_over_the_request():
    made = request_options(
        ClaudeRunRequest.start("go", max_turns=9), static=None, factory=lambda _: ClaudeAgentOptions(max_turns=2)
    )
    assert made.max_turns == 2


def test_options_that_cannot_be_copied_are_used_as_they_are():
    class Stubborn(ClaudeAgentOptions):
        def __copy__(self):
            raise TypeError

    options, warnings = Stubborn(), []
    assert with_partial_messages(options, warnings) is options
    assert "cannot be copied" in warnings[0]


def test_without_the_sdk_the_import_names_the_extra():
    code = (
        "import sys; sys.modules['claude_agent_sdk'] = None\n"
        "try: import kitaru.adapters.claude_agent_sdk\n"
        "except NotImplementedError as error: print(type(error).__name__, error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "KitaruFeatureNotAvailableError" in done.stdout
    assert "claude-agent-sdk" in done.stdout


def test_the_plugin_is_read_without_importing_the_sdk():
    code = "import sys, kitaru_adapters.claude_agent_sdk.plugin; print('claude_agent_sdk' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


DEFERRED = ClaudeRunResult(
    status="requires_approval", session_id="s", deferred_tool={"id": "t", "name": "Bash", "input": {"command": "ls"}}
)


def test_asking_about_nothing_is_refused():
    with pytest.raises(KitaruUsageError, match="nothing to ask"):
        wait_for_tool_approval(ClaudeRunResult())


def test_a_schema_that_is_no_decision_is_refused():
    with pytest.raises(KitaruUsageError, match="ClaudeToolDecision"):
        wait_for_tool_approval(DEFERRED, schema=str)


def test_asking_works_in_the_flow_body_only(flows):
    @checkpoint
    def step():
        with pytest.raises(KitaruContextError, match="flow body"):
            wait_for_tool_approval(DEFERRED)

    with pytest.raises(KitaruContextError, match="flow body"):
        wait_for_tool_approval(DEFERRED)
    flows.run(step)


@pytest.mark.parametrize("match", ["Bash", [""], 7])
def test_an_approval_that_matches_nothing_sensible_is_refused(match):
    with pytest.raises(KitaruUsageError, match="list of tool names"):
        ClaudeToolApproval(match=match)


def test_an_approval_matches_by_pattern_or_function():
    assert ClaudeToolApproval(match=["mcp__shop__*"]).matches("mcp__shop__charge", {})
    assert not ClaudeToolApproval(match=["mcp__shop__*"]).matches("Bash", {})
    assert ClaudeToolApproval(match=lambda _, arguments: arguments["amount"] > 5).matches("x", {"amount": 6})


def test_a_continuation_needs_a_session():
    assert ClaudeContinuation(DEFERRED).request("more").resume_session_id == "s"
    with pytest.raises(KitaruUsageError, match="no session"):
        ClaudeContinuation(ClaudeRunResult())

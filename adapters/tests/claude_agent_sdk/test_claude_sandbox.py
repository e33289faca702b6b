"""The tool by which Claude runs commands in a sandbox."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest

from kitaru.adapters.claude_agent_sdk import (
    KITARU_SANDBOX_COMMAND_ALLOWED_TOOL_NAME,
    KITARU_SANDBOX_COMMAND_TOOL_NAME,
    KITARU_SANDBOX_MCP_SERVER_NAME,
    ClaudeRunRequest,
    allowed_tool_name,
    create_kitaru_sandbox_mcp_server,
)
from kitaru.errors import KitaruBackendError, KitaruFeatureNotAvailableError, KitaruStateError, KitaruUsageError
from kitaru_adapters.claude_agent_sdk.testing import Text, ToolUse, replies

GO = ClaudeRunRequest.start("go")


@dataclass
class Ran:
    stdout: str = ""
    stderr: str = ""
    exit_code: int = 0
    stdout_truncated: bool = False
    stderr_truncated: bool = False
    timed_out: bool = False
    cleanup: str = "destroy"
    sandbox_id: str = "internal-7"


@pytest.fixture
def answer_of(api, make_runner, flows):
    """Runs one command through the real program and gives back what Claude was told."""

    def run(run_command, arguments, **settings):
        api.reset(replies([ToolUse(KITARU_SANDBOX_COMMAND_ALLOWED_TOOL_NAME, arguments, "toolu_1")], [Text("ok")]))
        server = create_kitaru_sandbox_mcp_server(run_command=run_command, **settings)
        flows.run(lambda: make_runner(server).run_sync(GO))
        return api.turns[-1].tool_results["toolu_1"]

    return run


def test_the_name_claude_knows_is_made_of_server_and_tool():
    made = allowed_tool_name(KITARU_SANDBOX_MCP_SERVER_NAME, KITARU_SANDBOX_COMMAND_TOOL_NAME)
    assert made == KITARU_SANDBOX_COMMAND_ALLOWED_TOOL_NAME


@pytest.mark.parametrize("part", ["", "a b", "a__b", "ä", "a.b"])
def test_a_name_that_would_be_read_otherwise_is_refused(part):
    with pytest.raises(KitaruUsageError, match="double underscore"):
        allowed_tool_name("kitaru", part)


@pytest.mark.parametrize("wrong", [{"default_max_chars": -1}, {"default_cleanup": "keep"}, {"server_name": "a__b"}])
def test_settings_that_cannot_be_are_refused(wrong):
    with pytest.raises(KitaruUsageError):
        create_kitaru_sandbox_mcp_server(**wrong)


def test_a_non_zero_exit_code_is_part_of_the_result(answer_of):
    seen = []

    def run(command, **settings):
        seen.append((command, settings))
        return Ran(stdout="out", exit_code=3)

    told = json.loads(answer_of(run, {"command": ["make", "test"], "env": {"A": "1"}}))
    assert (told["status"], told["exit_code"], told["stdout"]) == ("completed", 3, "out")
    assert "internal-7" not in json.dumps(told)
    assert seen == [(["make", "test"], {"cwd": None, "env": {"A": "1"}, "max_chars": 217232, "cleanup": "destroy"})]


@pytest.mark.parametrize(
    ("error", "category"),
    [
        (KitaruStateError, "state"),
        (KitaruBackendError, "backend"),
        (LookupError, "runtime"),
        (KitaruFeatureNotAvailableError, "feature_not_available"),
    ],
)
def test_failures_have_a_category_and_leak_nothing(answer_of, error, category):
    def run(command, **_):
        text = f"sandbox internal-7 refused {command}"
        raise error(text)

    told = answer_of(run, {"command": "secret-command"})
    assert json.loads(told)["error"]["category"] == category
    assert "secret-command" not in told
    assert "internal-7" not in told


@pytest.mark.parametrize(
    "arguments", [{"command": ""}, {"command": "x" * 8193}, {"command": "ls", "max_chars": 300_000}]
)
def test_input_beyond_the_limits_does_not_reach_the_sandbox(answer_of, arguments):
    ran = []
    assert "error" in answer_of(lambda *a, **_: ran.append(a), arguments).casefold()
    assert ran == []


def test_the_whole_answer_stays_below_what_the_tool_advertises(answer_of):
    told = answer_of(lambda *_, **__: Ran(stdout="\\" * 60_000), {"command": "cat"}, default_max_chars=1000)
    assert len(told) < 1000 + 32_768
    assert json.loads(told)["stdout_truncated"]

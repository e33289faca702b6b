"""The tool that runs a command in the sandbox of the active stack."""

from __future__ import annotations

import asyncio
import json
import sys

import pytest

from kitaru.adapters.langgraph import DEFAULT_SANDBOX_COMMAND_TOOL_NAME, create_sandbox_command_tool
from kitaru.errors import KitaruBackendError, KitaruUsageError

SAYS = f"{sys.executable} -c \"import os, sys; print(os.environ.get('WORD', '-') * 5); sys.exit(3)\""


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_command_runs_and_its_result_is_plain_json(asynchronous):
    tool = create_sandbox_command_tool(env={"WORD": "ab"}, max_chars=6)
    said = asyncio.run(tool.ainvoke({"command": SAYS})) if asynchronous else tool.invoke({"command": SAYS})
    assert tool.name == DEFAULT_SANDBOX_COMMAND_TOOL_NAME
    assert json.loads(said) == {
        "stdout": "ababab",
        "stderr": "",
        "exit_code": 3,
        "stdout_truncated": True,
        "stderr_truncated": False,
        "timed_out": False,
        "cleanup_succeeded": True,
    }


def test_it_runs_where_the_model_says_or_else_where_its_maker_says(tmp_path):
    tool = create_sandbox_command_tool(default_cwd=str(tmp_path))
    assert json.loads(tool.invoke({"command": "pwd"}))["stdout"] == f"{tmp_path}\n"
    assert json.loads(tool.invoke({"command": "pwd", "cwd": "/"}))["stdout"] == "/\n"


def test_the_environment_is_told_apart_but_never_shown():
    tools = [create_sandbox_command_tool(env={"TOKEN": value}) for value in ("secret-1", "secret-1", "secret-2")]
    identities = [tool.metadata["kitaru_cache_identity"] for tool in tools]
    assert identities[0] == identities[1] != identities[2]
    assert "secret-1" not in repr(tools[0].metadata)
    with pytest.raises(KitaruBackendError) as caught:
        tools[0].invoke({"command": "no-such-program"})
    assert "secret-1" not in str(caught.value)


@pytest.mark.parametrize("wrong", [{"max_chars": -1}, {"max_chars": True}, {"cleanup": "keep"}])
def test_an_option_that_cannot_be_is_refused(wrong):
    with pytest.raises(KitaruUsageError, match=next(iter(wrong))):
        create_sandbox_command_tool(**wrong)

"""A flow to be killed: run as a program, once to start it and once to go on with it.

The tool `die` kills the process the first time it is called; `MARKS` counts what really happened.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

from claude_agent_sdk import ClaudeAgentOptions, HookMatcher, tool

from kitaru import KitaruClient, flow
from kitaru.adapters.claude_agent_sdk import (
    ClaudeInterruptedError,
    ClaudeRunRequest,
    KitaruClaudeRunner,
    durable_mcp_server,
)

FOLDER = Path(os.environ["FOLDER"])
SETTINGS = json.loads(os.environ["SETTINGS"])


def mark(word):
    with (FOLDER / "marks").open("a") as marks:
        marks.write(word + "\n")


@tool("charge", "Charge an amount", {"amount": int})
async def charge(arguments):
    mark(f"charge {arguments['amount']}")
    return {"content": [{"type": "text", "text": f"charged {arguments['amount']}"}]}


@tool("die", "Die the first time", {})
async def die(_arguments):
    mark("die")
    first = not (FOLDER / "died").exists()
    if first:
        (FOLDER / "died").touch()
        await asyncio.sleep(SETTINGS.get("delay", 0))
        os.kill(os.getpid(), signal.SIGKILL)
    return {"content": [{"type": "text", "text": "alive"}]}


async def die_at_prompt(_data, _id, _context):
    if SETTINGS.get("die_at_prompt") and not (FOLDER / "died").exists():
        (FOLDER / "died").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return {}


async def die_after(data, _id, _context):
    if data["tool_name"] == SETTINGS.get("die_after") and not (FOLDER / "died").exists():
        (FOLDER / "died").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return {}


def options():
    return ClaudeAgentOptions(
        env=json.loads(os.environ["CLAUDE_ENV"]),
        cwd=str(FOLDER),
        setting_sources=[],
        strict_mcp_config=True,
        permission_mode="dontAsk",
        tools=["Bash"],
        allowed_tools=["Bash", "mcp__shop__charge", "mcp__shop__die"],
        mcp_servers={"shop": durable_mcp_server("shop", [charge, die])},
        hooks={
            "PostToolUse": [HookMatcher(hooks=[die_after])],
            "UserPromptSubmit": [HookMatcher(hooks=[die_at_prompt])],
        },
    )


@flow
def buying():
    runner = KitaruClaudeRunner(name="buyer", options=options(), on_interrupted=SETTINGS.get("policy", "rerun"))
    try:
        return runner.run_sync(ClaudeRunRequest.start("buy"))
    except ClaudeInterruptedError as error:
        return error.session_id, error.earlier_attempts


if __name__ == "__main__":
    if sys.argv[1] == "start":
        buying.run().wait()
    else:
        executions = KitaruClient().executions
        (execution,) = executions.list()
        executions.retry(execution.exec_id, block=True)

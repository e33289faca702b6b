"""A flow in processes that the tests kill.

The program imports everything once. For each command it forks a process, in which `start` runs the flow and `retry`
continues the only execution of the store; that process is killed where `KITARU_CRASH_AT` says.
"""

from __future__ import annotations

import gc
import json
import os
import sys
from pathlib import Path

from agents import Agent, OpenAIProvider, RunConfig, SQLiteSession, function_tool
from openai import AsyncOpenAI
from openai.types.responses import Response

import kitaru
from kitaru.adapters.openai_agents import KitaruRunner, OpenAIRunRequest
from kitaru.crash_points import arm_from_environment
from kitaru.hooks import get_manager


@function_tool
def act(what: str) -> str:
    """Leave a line in the log of effects."""
    with Path(os.environ["EFFECTS"]).open("a") as log:
        log.write(f"{what}\n")
    return f"did {what}"


helper = Agent(name="helper", model="gpt-test", tools=[act])
boss = Agent(name="boss", model="gpt-test", tools=[act, helper.as_tool("ask_helper", "Ask the helper")])


def config() -> RunConfig:
    client = AsyncOpenAI(base_url=os.environ["PROVIDER"], api_key="test", max_retries=0)
    return RunConfig(model_provider=OpenAIProvider(openai_client=client))


@kitaru.flow
def job(mode: str) -> str:
    strategy = "runner_call" if mode == "runner_call" else "calls"
    once = {"act": {"effect": "irreversible"}} if mode == "irreversible" else {}
    runner = KitaruRunner(
        boss, run_config_factory=config, checkpoint_strategy=strategy, tool_checkpoint_config_by_name=once
    )
    run = runner.run_stream_sync if mode == "stream" else runner.run_sync
    session = SQLiteSession("s", os.environ["SESSION"]) if mode == "session" else None
    return run(OpenAIRunRequest.start("go"), session=session).final_output


def carry_out(action: str, mode: str) -> str:
    if action == "start":
        return job.run(mode).wait()
    client = kitaru.KitaruClient()
    exec_id = client.executions.list()[0].exec_id
    if client.executions.retry(exec_id, block=True).status == "waiting":
        return "waiting"
    return kitaru.FlowHandle.from_exec_id(exec_id).wait()


def main() -> None:
    # What every process would otherwise do for itself: load the plugins, build the schemas of the client library.
    get_manager()
    Response.construct(output=[{"type": "message", "content": []}, {"type": "function_call"}])
    gc.freeze()
    for line in sys.stdin:
        command = json.loads(line)
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.environ.update(command["environment"])
            arm_from_environment()
            os.write(writing, carry_out(command["action"], command["mode"]).encode())
            os._exit(0)
        os.close(writing)
        with os.fdopen(reading) as answer:
            text = answer.read()
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        sys.stdout.write(json.dumps({"text": text, "code": code}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()

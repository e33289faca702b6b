"""A small agent with a scripted model: it looks at the weather, and books a hotel when a person agrees."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from durable_strands import DurableAgent
from strands import Agent, ToolContext, tool
from strands.models import Model

import kitaru


def note(*words):
    with Path(os.environ["TRAVEL_LOG"]).open("a") as file:
        file.write(json.dumps(words) + "\n")


class Scripted(Model):
    def update_config(self, **settings):
        pass

    def get_config(self):
        return {}

    def structured_output(self, *arguments, **settings):
        raise NotImplementedError

    async def stream(self, messages, tool_specs=None, system_prompt=None, **settings):
        results = [
            part["toolResult"]["content"][0]["text"]
            for message in messages
            for part in message["content"]
            if "toolResult" in part
        ]
        note("model", len(results))
        calls = [("weather", {"city": "Lisbon"}), ("book", {"hotel": "Avenida"})]
        yield {"messageStart": {"role": "assistant"}}
        if len(results) < len(calls):
            name, arguments = calls[len(results)]
            yield {"contentBlockStart": {"start": {"toolUse": {"name": name, "toolUseId": f"call-{name}"}}}}
            yield {"contentBlockDelta": {"delta": {"toolUse": {"input": json.dumps(arguments)}}}}
        else:
            yield {"contentBlockStart": {"start": {}}}
            yield {"contentBlockDelta": {"delta": {"text": f"Lisbon: {results[0]}. {results[1]}."}}}
        yield {"contentBlockStop": {}}
        yield {"messageStop": {"stopReason": "tool_use" if len(results) < len(calls) else "end_turn"}}
        yield {
            "metadata": {"usage": {"inputTokens": 9, "outputTokens": 4, "totalTokens": 13}, "metrics": {"latencyMs": 1}}
        }


@tool
def weather(city: str) -> str:
    """Look up the weather."""
    note("weather", city)
    if "TRAVEL_STORM" in os.environ:
        raise ConnectionError
    return "24 degrees"


@tool(context=True)
def book(hotel: str, tool_context: ToolContext) -> str:
    """Book a hotel, if a person agrees."""
    if not tool_context.interrupt("book", reason=f"Book hotel {hotel}?"):
        return "Nothing was booked"
    note("book", hotel)
    return f"Booked hotel {hotel}"


agents = DurableAgent(
    lambda: Agent(Scripted(), tools=[weather, book], callback_handler=None), name="travel", fail_on=["weather"]
)


@kitaru.flow
def plan(prompt: str) -> str:
    return str(agents.run(prompt)).strip()


def main(command):
    executions = kitaru.KitaruClient().executions
    if command == "start":
        one = executions.wait(plan.run("Plan a weekend in Lisbon.").exec_id)
    else:
        (one,) = executions.list()
        if command in ("approve", "refuse"):
            executions.input(one.exec_id, wait="book", value=command == "approve")
            executions.resume(one.exec_id, block=True)
        elif command == "retry":
            executions.retry(one.exec_id, block=True)
    status = executions.get(one.exec_id).status
    sys.stdout.write(executions.result(one.exec_id) if status == "completed" else status)


if __name__ == "__main__":
    main(sys.argv[1])

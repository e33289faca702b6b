"""Strands for the conformance suite: a scripted model, and agents behind a `DurableAgent`."""

from __future__ import annotations

import asyncio
import json
from typing import ClassVar

from durable_strands import DurableAgent
from strands import Agent, ToolContext, tool
from strands.hooks import BeforeToolCallEvent, HookProvider
from strands.models import Model

from kitaru_conformance.harness import AdapterHarness, Answer, EntryPoint, Settings
from kitaru_conformance.world import World


class ScriptedModel(Model):
    """Answers by how many answers the conversation holds."""

    def __init__(self, world: World) -> None:
        self.world = world

    def update_config(self, **settings):
        pass

    def get_config(self):
        return {}

    def structured_output(self, *arguments, **settings):
        raise NotImplementedError

    async def stream(self, messages, tool_specs=None, system_prompt=None, **settings):
        index, results = _standing(messages)
        yield {"messageStart": {"role": "assistant"}}
        yield {"contentBlockStart": {"start": {}}}
        for piece in self.world.stream(index, results):
            yield {"contentBlockDelta": {"delta": {"text": piece}}}
        yield {"contentBlockStop": {}}
        turn = self.world.script.turns[index]
        for call in turn.calls:
            yield {"contentBlockStart": {"start": {"toolUse": {"name": call.tool, "toolUseId": call.id}}}}
            yield {"contentBlockDelta": {"delta": {"toolUse": {"input": json.dumps({"value": call.value})}}}}
            yield {"contentBlockStop": {}}
        yield {"messageStop": {"stopReason": "tool_use" if turn.calls else "end_turn"}}
        read, written = turn.usage
        usage = {"inputTokens": read, "outputTokens": written, "totalTokens": read + written}
        yield {"metadata": {"usage": usage, "metrics": {"latencyMs": 0}}}


def _standing(messages):
    blocks = [block for message in messages for block in message["content"]]
    results = [block["toolResult"] for block in blocks if "toolResult" in block]
    texts = {one["toolUseId"]: "".join(part.get("text", "") for part in one["content"]) for one in results}
    return sum(message["role"] == "assistant" for message in messages), texts


class Approvals(HookProvider):
    """Strands' own way of asking before a tool runs."""

    def __init__(self, world: World) -> None:
        self.guarded = {one.name for one in world.script.tools if one.approval}

    def register_hooks(self, registry, **_settings):
        registry.add_callback(BeforeToolCallEvent, self.ask)

    def ask(self, event: BeforeToolCallEvent) -> None:
        name = event.tool_use["name"]
        if name in self.guarded and not event.interrupt(f"approve_{name}", reason=f"May {name} run?"):
            event.cancel_tool = "denied by a person"


def make_tool(world: World, known):
    @tool(name=known.name, description=known.name, context=True)
    def use(value: str, tool_context: ToolContext) -> str:
        return world.use(known.name, value, ask=lambda question: tool_context.interrupt("question", reason=question))

    return use


class StrandsHarness(AdapterHarness):
    adapter = "strands"
    capabilities = frozenset({"parallel", "approvals", "asks", "usage", "handled", "override_model"})
    granular = "calls"
    forms: ClassVar = ("sync", "async", "stream")
    outside_flow = "plain"
    tool_failures = "told"

    def agent(self, world: World) -> Agent:
        tools = [make_tool(world, one) for one in world.script.tools]
        return Agent(ScriptedModel(world), tools=tools, hooks=[Approvals(world)], callback_handler=None)

    def durable(self, world: World, settings: Settings) -> DurableAgent:
        return DurableAgent(
            lambda: self.agent(world),
            name=world.script.name,
            strategy=settings.strategy,
            answers={"question": str},
        )

    def run(self, world: World, settings: Settings) -> Answer:
        return answer(self.durable(world, settings).run(world.script.prompt))

    async def run_async(self, world: World, settings: Settings) -> Answer:
        return answer(await self.durable(world, settings).run_async(world.script.prompt))

    async def stream(self, world: World, settings: Settings) -> Answer:
        chunks, result = [], None
        async for event in self.durable(world, settings).stream(world.script.prompt):
            if "data" in event:
                chunks.append(event["data"])
            result = event.get("result", result)
        return answer(result, chunks)

    def plain(self, world: World) -> Answer:
        return answer(self.agent(world)(world.script.prompt))

    def surface(self) -> type:
        return DurableAgent

    def entry_points(self) -> dict[str, EntryPoint]:
        one = Settings(strategy="calls")
        return {
            "run": EntryPoint(treatment="durable", call=lambda world: self.run(world, one)),
            "run_async": EntryPoint(treatment="durable", call=lambda world: asyncio.run(self.run_async(world, one))),
            "stream": EntryPoint(treatment="durable", call=lambda world: asyncio.run(self.stream(world, one))),
        }


def answer(result, chunks=()) -> Answer:
    usage = result.metrics.accumulated_usage
    text = str(result).strip()
    return Answer(text=text, usage=(usage["inputTokens"], usage["outputTokens"]), chunks=tuple(chunks))

"""PydanticAI for the conformance suite: a scripted `FunctionModel`, and agents wrapped in a `KitaruAgent`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import ClassVar

from fastmcp.client.transports import StdioTransport
from pydantic_ai import Agent, ModelRetry, RunContext, Tool
from pydantic_ai.durable_exec import JSON_CODEC
from pydantic_ai.mcp import MCPToolset
from pydantic_ai.messages import (
    ModelMessage,
    ModelResponse,
    PartDeltaEvent,
    PartStartEvent,
    TextPart,
    TextPartDelta,
    ToolCallPart,
    ToolReturnPart,
)
from pydantic_ai.models.function import AgentInfo, DeltaToolCall, FunctionModel
from pydantic_ai.run import AgentRunResultEvent
from pydantic_ai.usage import RequestUsage

from kitaru.adapters.pydantic_ai import CapturePolicy, KitaruAgent, wait_for_input
from kitaru_conformance.harness import AdapterHarness, Answer, EntryPoint, Settings
from kitaru_conformance.script import ScriptedError, Turn
from kitaru_conformance.world import World

NOTHING = CapturePolicy(
    tool_capture=None,
    emit_child_events=False,
    save_prompts=False,
    save_responses=False,
    save_stream_transcripts=False,
    correlate_otel_spans=False,
)
CALLS = Settings(strategy="calls")
CAPTURE = {"default": None, "all": CapturePolicy(), "none": NOTHING}

# The framework builds this schema when it first needs it; here, once for all processes of a case.
JSON_CODEC.dump(ModelResponse, ModelResponse(parts=[]))


class FakeModel:
    """Answers by how many answers the conversation holds."""

    def __init__(self, world: World) -> None:
        self.world = world

    def answer(self, messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        turn = self.world.turn(*_standing(messages))
        calls = [ToolCallPart(call.tool, json.dumps({"value": call.value}), call.id) for call in turn.calls]
        text = [TextPart(turn.text)] if turn.text else []
        usage = RequestUsage(input_tokens=turn.usage[0], output_tokens=turn.usage[1])
        return ModelResponse(parts=[*text, *calls], usage=usage)

    async def stream(self, messages: list[ModelMessage], info: AgentInfo) -> AsyncIterator[str | dict]:
        index, results = _standing(messages)
        for piece in self.world.stream(index, results):
            yield piece
        for number, call in enumerate(self.world.script.turns[index].calls, 1):
            yield {number: DeltaToolCall(call.tool, json.dumps({"value": call.value}), tool_call_id=call.id)}


def _standing(messages: list[ModelMessage]) -> tuple[int, dict[str, str]]:
    results = {
        part.tool_call_id: part.model_response_str()
        for message in messages
        for part in message.parts
        if isinstance(part, ToolReturnPart)
    }
    return sum(isinstance(message, ModelResponse) for message in messages), results


class PydanticAIHarness(AdapterHarness):
    adapter = "pydantic_ai"
    capabilities = frozenset(
        {"parallel", "approvals", "asks", "delegates", "mcp", "usage", "capture", "retries", "handled", "opt_out"}
        | {"effects", "override_model", "cancel"}
    )
    granular = "calls"
    whole = "turn"
    forms: ClassVar = ("sync", "async", "stream")

    def agent(self, world: World, *, durable: bool = False) -> Agent:
        fake = FakeModel(world)
        model = FunctionModel(fake.answer, stream_function=fake.stream, model_name="scripted")
        script = world.script
        servers = [server(world)] if any(tool.mcp for tool in script.tools) else []
        tools = [self.tool(world, tool, durable=durable) for tool in script.tools if not tool.mcp]
        return Agent(model, name=script.name, tools=tools, toolsets=servers)

    def durable(self, world: World, settings: Settings) -> KitaruAgent:
        every = {"retries": settings.retries}
        if settings.strategy == "turn":
            configs = {"turn_checkpoint_config": every}
        else:
            kinds = dict.fromkeys(("model", "tool", "mcp"), every)
            configs = {f"{kind}_checkpoint_config": config for kind, config in kinds.items()}
            configs["tool_checkpoint_config_by_name"] = {
                tool.name: False if not tool.durable or tool.asks else {**every, "effect": tool.effect}
                for tool in world.script.tools
                if not tool.durable or tool.asks or tool.effect
            }
        capture = CAPTURE[settings.capture]
        return KitaruAgent(
            self.agent(world, durable=True), checkpoint_strategy=settings.strategy, capture=capture, **configs
        )

    def tool(self, world: World, tool, *, durable: bool) -> Tool:
        def use(value: str) -> str:
            try:
                return world.use(tool.name, value, ask=lambda question: wait_for_input(question=question, schema=str))
            except ScriptedError as error:
                if tool.handled:
                    raise ModelRetry(str(error)) from error
                raise

        async def delegate(ctx: RunContext, value: str) -> str:
            inner = self.agent(world.delegate(tool.name))
            return (await (KitaruAgent(inner) if durable else inner).run(value, usage=ctx.usage)).output

        return Tool(
            delegate if tool.agent is not None else use,
            name=tool.name,
            requires_approval=tool.approval,
        )

    def run(self, world: World, settings: Settings) -> Answer:
        return answer(self.durable(world, settings).run_sync(world.script.prompt))

    async def run_async(self, world: World, settings: Settings) -> Answer:
        return answer(await self.durable(world, settings).run(world.script.prompt))

    async def stream(self, world: World, settings: Settings) -> Answer:
        chunks = []
        async with self.durable(world, settings).run_stream_events(world.script.prompt) as events:
            async for event in events:
                match event:
                    case PartStartEvent(part=TextPart(content=text)) | PartDeltaEvent(delta=TextPartDelta(text)) if (
                        text
                    ):
                        chunks.append(text)
                    case AgentRunResultEvent(result=result):
                        return answer(result, chunks)
        raise AssertionError

    def plain(self, world: World) -> Answer:
        return answer(self.agent(world).run_sync(world.script.prompt))

    def model_value(self, turn: Turn) -> ModelResponse:
        return ModelResponse(parts=[TextPart(turn.text)])

    def surface(self) -> type:
        return KitaruAgent

    def entry_points(self) -> dict[str, EntryPoint]:
        async def run_stream(agent: KitaruAgent) -> None:
            async with agent.run_stream("go") as streamed:
                await streamed.get_output()

        async def run_stream_events(agent: KitaruAgent) -> None:
            async with agent.run_stream_events("go") as events:
                [event async for event in events]

        async def step(agent: KitaruAgent) -> None:
            async with agent.iter("go") as run:
                [node async for node in run]

        ways = {
            "run": lambda agent: asyncio.run(agent.run("go")),
            "run_sync": lambda agent: agent.run_sync("go"),
            "run_stream": lambda agent: asyncio.run(run_stream(agent)),
            "run_stream_sync": lambda agent: agent.run_stream_sync("go").get_output(),
            "run_stream_events": lambda agent: asyncio.run(run_stream_events(agent)),
            "iter": lambda agent: asyncio.run(step(agent)),
        }
        refused = EntryPoint(treatment="refused", call=lambda world: self.durable(world, CALLS).realtime())
        return {"realtime": refused} | {name: self.entry(way) for name, way in ways.items()}

    def entry(self, way) -> EntryPoint:
        return EntryPoint(treatment="durable", call=lambda world: way(self.durable(world, CALLS)))


def server(world: World) -> MCPToolset:
    command, *arguments = world.mcp_command()
    return MCPToolset(StdioTransport(command, arguments, keep_alive=False), id="scripted", init_timeout=60)


def answer(result, chunks=()) -> Answer:
    usage = result.usage
    return Answer(text=result.output, usage=(usage.input_tokens, usage.output_tokens), chunks=tuple(chunks))

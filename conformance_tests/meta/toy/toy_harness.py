"""The harness of the right adapter; the doubles derive from it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any, ClassVar

from kitaru_toy import DurableRunner
from toy_agents import Agent, Call, Message, Result, Runner, Tool, ToolRetryError

from kitaru_conformance.harness import AdapterHarness, Answer, EntryPoint, Settings
from kitaru_conformance.script import ScriptedError
from kitaru_conformance.script import Tool as ScriptedTool
from kitaru_conformance.world import World

CALLS = Settings(strategy="calls")


class ToyModel:
    def __init__(self, world: World) -> None:
        self.world = world

    async def stream(self, messages: Sequence[Message]) -> AsyncIterator[str | Message]:
        index = sum(message.role == "model" for message in messages)
        results = {message.call_id: message.text for message in messages if message.call_id}
        pieces = []
        for piece in self.world.stream(index, results):
            pieces.append(piece)
            yield piece
        turn = self.world.script.turns[index]
        calls = tuple(Call(call.id, call.tool, call.value) for call in turn.calls)
        yield Message("model", "".join(pieces), calls, usage=turn.usage)


async def call_server(command: Sequence[str], tool: str, value: str) -> str:
    from mcp import ClientSession, StdioServerParameters
    from mcp.client.stdio import stdio_client

    server = StdioServerParameters(command=command[0], args=list(command[1:]))
    async with stdio_client(server) as streams, ClientSession(*streams) as session:
        await session.initialize()
        return (await session.call_tool(tool, {"value": value})).content[0].text


def tool_of(world: World, tool: ScriptedTool) -> Tool:
    def function(value: str, ask: Any) -> str:
        if tool.mcp:
            return asyncio.run(call_server(world.mcp_command(), tool.name, value))
        try:
            return world.use(tool.name, value, ask=ask)
        except ScriptedError as error:
            if tool.handled:
                raise ToolRetryError(str(error)) from error
            raise

    agent = agent_of(world.delegate(tool.name)) if tool.agent is not None else None
    return Tool(tool.name, function, tool.approval, tool.asks is not None, agent)


def agent_of(world: World) -> Agent:
    return Agent(world.script.name, ToyModel(world), {tool.name: tool_of(world, tool) for tool in world.script.tools})


class ToyHarness(AdapterHarness):
    adapter = "toy"
    capabilities = frozenset(
        {"parallel", "approvals", "asks", "delegates", "usage", "capture", "retries", "handled", "opt_out", "effects"}
        | {"override_model", "cancel"}
    )
    granular = "calls"
    whole = "run"
    forms: ClassVar = ("sync", "async", "stream")
    runner: ClassVar[type[DurableRunner]] = DurableRunner

    def durable(self, world: World, settings: Settings) -> DurableRunner:
        tools = {tool.name: {"durable": tool.durable, "effect": tool.effect} for tool in world.script.tools}
        return self.runner(
            agent_of(world), strategy=settings.strategy, capture=settings.capture, retries=settings.retries, tools=tools
        )

    def run(self, world: World, settings: Settings) -> Answer:
        return answer(self.durable(world, settings).run_sync(world.script.prompt))

    async def run_async(self, world: World, settings: Settings) -> Answer:
        return answer(await self.durable(world, settings).run(world.script.prompt))

    async def stream(self, world: World, settings: Settings) -> Answer:
        items = [item async for item in self.durable(world, settings).run_stream(world.script.prompt)]
        chunks = [item for item in items if isinstance(item, str)]
        return answer(items[-1], chunks)

    def plain(self, world: World) -> Answer:
        return answer(Runner(agent_of(world)).run_sync(world.script.prompt))

    def surface(self) -> type:
        return self.runner

    def entry_points(self) -> dict[str, EntryPoint]:
        async def drain(world: World) -> None:
            [item async for item in self.durable(world, CALLS).run_stream("go")]

        def backwards(world: World) -> object:
            return asyncio.run(self.durable(world, CALLS).run_backwards("go"))

        ways = {
            "run": lambda world: asyncio.run(self.durable(world, CALLS).run("go")),
            "run_sync": lambda world: self.durable(world, CALLS).run_sync("go"),
            "run_stream": lambda world: asyncio.run(drain(world)),
        }
        found = {name: EntryPoint(treatment="durable", call=way) for name, way in ways.items()}
        return found | {"run_backwards": EntryPoint(treatment="refused", call=backwards)}


class ToyHarnessWithServers(ToyHarness):
    """The same with tools of MCP servers; these are slow to start, so only the cases about tools are run with it."""

    capabilities = ToyHarness.capabilities | {"mcp"}
    families = frozenset({"tools"})


def answer(result: Any, chunks: Sequence[str] = ()) -> Answer:
    if not isinstance(result, Result):
        raise TypeError(f"no result, but {result!r}")
    return Answer(text=result.text, usage=result.usage, chunks=tuple(chunks))

"""The OpenAI Agents SDK for the conformance suite: a scripted `Model`, and agents run by a `KitaruRunner`."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any, ClassVar

os.environ["OPENAI_AGENTS_DISABLE_TRACING"] = "1"

from agents import Agent, FunctionTool, Model, ModelResponse, RunConfig, Runner, Usage, function_tool
from agents.mcp import MCPServerStdio
from openai.types.responses import (
    Response,
    ResponseCompletedEvent,
    ResponseFunctionToolCall,
    ResponseOutputMessage,
    ResponseOutputText,
    ResponseTextDeltaEvent,
    ResponseUsage,
)
from openai.types.responses.response_usage import InputTokensDetails, OutputTokensDetails

import kitaru
from kitaru.adapters.openai_agents import (
    KitaruRunner,
    OpenAICapturePolicy,
    OpenAIRunRequest,
    OpenAIRunResult,
    wait_for_approvals,
)
from kitaru_conformance.harness import AdapterHarness, Answer, EntryPoint, Settings
from kitaru_conformance.script import Tool, ToolCall, Turn
from kitaru_conformance.world import World

NOTHING = OpenAICapturePolicy(
    emit_child_events=False,
    save_input=False,
    save_final_output=False,
    save_interruption_payloads=False,
    save_usage=False,
    correlate_otel_spans=False,
)
EVERYTHING = OpenAICapturePolicy(save_response_items=True, include_stream_text_deltas=True)
CAPTURE = {"default": None, "all": EVERYTHING, "none": NOTHING}
_MODEL_ITEMS = ("function_call", "message")

# The client library builds the schemas of its types when it first needs them; here, once for all processes of a case.
Response.construct(output=[{"type": "message", "content": []}, {"type": "function_call"}])


class FakeModel(Model):
    """Answers by how many answers the conversation holds."""

    def __init__(self, world: World) -> None:
        self.world = world

    async def get_response(self, system_instructions, input, *args: Any, **kwargs: Any) -> ModelResponse:  # noqa: A002 - the framework's name
        index, results = _standing(input)
        turn = self.world.turn(index, results)
        spent = Usage(requests=1, input_tokens=turn.usage[0], output_tokens=turn.usage[1], total_tokens=sum(turn.usage))
        return ModelResponse(output=self._output(turn, index), usage=spent, response_id=None)

    async def stream_response(self, system_instructions, input, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:  # noqa: A002 - the framework's name
        index, results = _standing(input)
        for piece in self.world.stream(index, results):
            yield ResponseTextDeltaEvent(
                type="response.output_text.delta",
                delta=piece,
                item_id=f"m{index}",
                output_index=0,
                content_index=0,
                logprobs=[],
                sequence_number=0,
            )
        turn = self.world.script.turns[index].shown(results)
        yield ResponseCompletedEvent(type="response.completed", response=self._response(turn, index), sequence_number=1)

    def _output(self, turn: Turn, index: int) -> list[Any]:
        text = ResponseOutputText(type="output_text", text=turn.text, annotations=[], logprobs=[])
        message = ResponseOutputMessage(
            id=f"m{index}", type="message", role="assistant", status="completed", content=[text]
        )
        calls = [
            ResponseFunctionToolCall(
                type="function_call", call_id=call.id, name=call.tool, arguments=json.dumps(self._arguments(call))
            )
            for call in turn.calls
        ]
        return [*([message] if turn.text else []), *calls]

    def _response(self, turn: Turn, index: int) -> Response:
        spent = ResponseUsage(
            input_tokens=turn.usage[0],
            output_tokens=turn.usage[1],
            total_tokens=sum(turn.usage),
            input_tokens_details=InputTokensDetails(cached_tokens=0, cache_write_tokens=0),
            output_tokens_details=OutputTokensDetails(reasoning_tokens=0),
        )
        return Response(
            id=f"r{index}",
            created_at=1,
            model="scripted",
            object="response",
            output=self._output(turn, index),
            usage=spent,
            tools=[],
            tool_choice="auto",
            parallel_tool_calls=True,
        )

    def _arguments(self, call: ToolCall) -> dict[str, str]:
        # An agent that stands behind a tool takes what the framework calls its input.
        return {"input" if self.world.script.tool(call.tool).agent is not None else "value": call.value}


def _standing(conversation: str | list[Any]) -> tuple[int, dict[str, str]]:
    """Return how many answers a conversation holds, and its tool results."""
    items = [] if isinstance(conversation, str) else conversation
    spoken = [item.get("type", "message") in _MODEL_ITEMS and item.get("role") != "user" for item in items]
    answers = sum(now and not before for before, now in zip([False, *spoken], spoken, strict=False))
    outputs = [item for item in items if item.get("type") == "function_call_output"]
    return answers, {item["call_id"]: _text(item["output"]) for item in outputs}


def _text(output: str | list[dict[str, Any]]) -> str:
    return output if isinstance(output, str) else "".join(part.get("text", "") for part in output)


def _ask(question: str) -> str:
    return kitaru.wait(name="question", question=question, schema=str)


class OpenAIAgentsHarness(AdapterHarness):
    adapter = "openai_agents"
    capabilities = frozenset(
        {"parallel", "approvals", "asks", "delegates", "mcp", "usage", "capture", "retries", "handled", "opt_out"}
        | {"effects", "override_model", "cancel"}
    )
    granular = "calls"
    whole = "runner_call"
    forms: ClassVar = ("sync", "async", "stream")
    outside_flow: ClassVar = {"calls": "recorded", "runner_call": "plain"}
    inside_checkpoint: ClassVar = {"calls": "refused", "runner_call": "plain"}

    def agent(self, world: World) -> Agent:
        script = world.script
        tools = [self.tool(world, tool) for tool in script.tools if not tool.mcp]
        return Agent(name=script.name, model=FakeModel(world), tools=tools)

    def tool(self, world: World, tool: Tool) -> FunctionTool:
        async def use(value: str) -> str:
            return await world.use_async(tool.name, value, ask=_ask)

        if tool.agent is not None:
            return self.agent(world.delegate(tool.name)).as_tool(tool.name, "Another agent.")
        policy = {} if tool.handled else {"failure_error_function": None}
        return function_tool(use, name_override=tool.name, needs_approval=tool.approval, **policy)

    def runner(self, world: World, settings: Settings, agent: Agent) -> KitaruRunner:
        every = {"retries": settings.retries}
        by_name = {
            tool.name: False if not tool.durable or tool.asks else {**every, "effect": tool.effect}
            for tool in world.script.tools
            if not tool.durable or tool.asks or tool.effect
        }
        kinds = ("run",) if settings.strategy == "runner_call" else ("model", "tool", "mcp")
        return KitaruRunner(
            agent,
            checkpoint_strategy=settings.strategy,
            capture=CAPTURE[settings.capture],
            tool_checkpoint_config_by_name=by_name or None,
            **{f"{kind}_checkpoint_config": every for kind in kinds if settings.retries},
        )

    async def drive(self, world: World, settings: Settings, chunks: list[str] | None = None) -> Answer:
        def heard(event: Any) -> None:
            if event.type == "raw_response_event" and event.data.type == "response.output_text.delta":
                chunks.append(event.data.delta)

        async with AsyncExitStack() as stack:
            agent = self.agent(world)
            if any(tool.mcp for tool in world.script.tools):
                agent.mcp_servers = [await stack.enter_async_context(_server(world))]
            runner = self.runner(world, settings, agent)
            request = OpenAIRunRequest.start(world.script.prompt)
            while True:
                if chunks is None:
                    result = await runner.run(request)
                else:
                    result = await runner.run_stream(request, on_event=heard)
                if result.status != "interrupted":
                    return _answer(result, chunks or ())
                request = wait_for_approvals(result)

    def run(self, world: World, settings: Settings) -> Answer:
        return asyncio.run(self.drive(world, settings))

    async def run_async(self, world: World, settings: Settings) -> Answer:
        return await self.drive(world, settings)

    async def stream(self, world: World, settings: Settings) -> Answer:
        return await self.drive(world, settings, [])

    def plain(self, world: World) -> Answer:
        async def alone() -> Any:
            async with AsyncExitStack() as stack:
                agent = self.agent(world)
                if any(tool.mcp for tool in world.script.tools):
                    agent.mcp_servers = [await stack.enter_async_context(_server(world))]
                return await Runner.run(agent, world.script.prompt, run_config=RunConfig(tracing_disabled=True))

        result = asyncio.run(alone())
        spent = result.context_wrapper.usage
        return Answer(text=str(result.final_output), usage=(spent.input_tokens, spent.output_tokens))

    def surface(self) -> type:
        return KitaruRunner

    def entry_points(self) -> dict[str, EntryPoint]:
        def start(world: World) -> OpenAIRunRequest:
            return OpenAIRunRequest.start(world.script.prompt)

        def made(world: World) -> KitaruRunner:
            return KitaruRunner(self.agent(world))

        return {
            "run": EntryPoint(treatment="durable", call=lambda world: asyncio.run(made(world).run(start(world)))),
            "run_sync": EntryPoint(treatment="durable", call=lambda world: made(world).run_sync(start(world))),
            "run_stream": EntryPoint(
                treatment="durable", call=lambda world: asyncio.run(made(world).run_stream(start(world)))
            ),
            "run_stream_sync": EntryPoint(
                treatment="durable", call=lambda world: made(world).run_stream_sync(start(world))
            ),
        }


def _server(world: World) -> MCPServerStdio:
    command, *arguments = world.mcp_command()
    return MCPServerStdio({"command": command, "args": arguments}, name="scripted", client_session_timeout_seconds=30)


def _answer(result: OpenAIRunResult, chunks: Any) -> Answer:
    spent = result.usage
    usage = (0, 0) if spent is None else (spent.input_tokens, spent.output_tokens)
    return Answer(text=str(result.final_output), usage=usage, chunks=tuple(chunks))

"""LangGraph for the conformance suite: LangChain agents with a scripted model, run by a `KitaruGraphRunner`."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator
from typing import Any, ClassVar

os.environ["LANGSMITH_TRACING"] = "false"

from langchain.agents import create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.tools import BaseTool, StructuredTool, ToolException
from langgraph.types import interrupt

from kitaru import KitaruClient
from kitaru.adapters.langgraph import (
    LANGGRAPH_STREAM_COMPLETED,
    LANGGRAPH_STREAM_MESSAGES,
    KitaruCheckpointSaver,
    KitaruGraphRunner,
    KitaruLangGraphMiddleware,
    LangGraphCallCheckpointPolicy,
    LangGraphCapturePolicy,
    LangGraphRunResult,
    LangGraphStreamPolicy,
    wait_for_interrupts,
    wait_for_interrupts_async,
)
from kitaru.seam import current_scope, in_flow, occurrence
from kitaru_conformance.harness import AdapterHarness, Answer, EntryPoint, Settings
from kitaru_conformance.script import ScriptedError, Tool, Turn
from kitaru_conformance.world import World

EVERYTHING = LangGraphCapturePolicy(save_context=True, save_state_values=True, capture_mode="full")
NOTHING = LangGraphCapturePolicy(
    save_input=False,
    save_output=False,
    save_config=False,
    save_state_snapshot=False,
    save_state_tasks=False,
    save_usage=False,
    emit_call_events=False,
    save_model_input=False,
    save_model_response=False,
    save_model_usage=False,
    save_tool_args=False,
    save_tool_result=False,
)
CAPTURE = {"default": None, "all": EVERYTHING, "none": NOTHING}


class FakeModel(BaseChatModel):
    """Answers by how many answers the conversation holds."""

    world: Any

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def bind_tools(self, tools, **kwargs):
        return self.bind(**kwargs)

    def _generate(self, messages, stop=None, run_manager=None, **kwargs) -> ChatResult:
        turn = self.world.turn(*_standing(messages))
        calls = [{"name": call.tool, "args": {"value": call.value}, "id": call.id} for call in turn.calls]
        message = AIMessage(turn.text, tool_calls=calls, usage_metadata=_tokens(turn))
        return ChatResult(generations=[ChatGeneration(message=message)])

    def _stream(self, messages, stop=None, run_manager=None, **kwargs) -> Iterator[ChatGenerationChunk]:
        index, results = _standing(messages)
        for piece in self.world.stream(index, results):
            chunk = ChatGenerationChunk(message=AIMessageChunk(piece))
            if run_manager is not None:
                run_manager.on_llm_new_token(piece, chunk=chunk)
            yield chunk
        turn = self.world.script.turns[index]
        calls = [
            {"name": call.tool, "args": json.dumps({"value": call.value}), "id": call.id, "index": number}
            for number, call in enumerate(turn.calls)
        ]
        last = AIMessageChunk("", tool_call_chunks=calls, usage_metadata=_tokens(turn), chunk_position="last")
        yield ChatGenerationChunk(message=last)


def _standing(messages: list[BaseMessage]) -> tuple[int, dict[str, str]]:
    """Return how many answers a conversation holds, and its tool results."""
    results = {each.tool_call_id: str(each.text) for each in messages if isinstance(each, ToolMessage)}
    return sum(isinstance(each, AIMessage) for each in messages), results


def _tokens(turn: Turn) -> dict[str, int]:
    given, made = turn.usage
    return {"input_tokens": given, "output_tokens": made, "total_tokens": given + made}


class LangGraphHarness(AdapterHarness):
    adapter = "langgraph"
    capabilities = frozenset(
        {"parallel", "approvals", "asks", "delegates", "usage", "capture", "retries", "handled", "opt_out"}
        | {"effects", "override_model", "cancel"}
    )
    granular = "calls"
    whole = "graph_call"
    forms: ClassVar = ("sync", "async", "stream")
    bookkeeping = frozenset({"langgraph_summary", "langgraph_thread"})
    outside_flow = "plain"
    inside_checkpoint: ClassVar = {"calls": "refused", "graph_call": "plain"}
    threads: ClassVar[bool] = False  # a checkpointer for every graph, also for those that ask nobody

    def graph(self, world: World, *, saver: KitaruCheckpointSaver | None = None) -> Any:
        script = world.script
        guarded = {tool.name: True for tool in script.tools if tool.approval}
        approvals = [HumanInTheLoopMiddleware(guarded, interrupt_mode="per_call")] if guarded else []
        return create_agent(
            FakeModel(world=world),
            tools=[self.tool(world, tool) for tool in script.tools],
            middleware=[*approvals, KitaruLangGraphMiddleware()],
            checkpointer=saver,
            name=script.name,
        )

    def tool(self, world: World, tool: Tool) -> BaseTool:
        def use(value: str) -> str:
            try:
                return world.use(tool.name, value, ask=interrupt)
            except ScriptedError as error:
                if tool.handled:
                    raise ToolException(str(error)) from error
                raise

        def delegate(value: str) -> str:
            return _text(self.graph(world.delegate(tool.name)).invoke(_asked(value)))

        return StructuredTool.from_function(
            use if tool.agent is None else delegate,
            name=tool.name,
            description="A tool of the script.",
            handle_tool_error=tool.handled,
        )

    def runner(self, world: World, settings: Settings) -> KitaruGraphRunner:
        every = {"retries": settings.retries}
        by_name = {
            tool.name: False if not tool.durable or tool.agent is not None else {**every, "effect": tool.effect}
            for tool in world.script.tools
            if not tool.durable or tool.agent is not None or tool.effect
        }
        policy = LangGraphCallCheckpointPolicy(
            model_checkpoint_config=every, tool_checkpoint_config=every, tool_checkpoint_config_by_name=by_name
        )
        own = {"call_checkpoint_policy": policy}
        if settings.strategy == "graph_call":
            own = {"run_checkpoint_config": every}
        asks = any(tool.approval or tool.asks for tool in world.script.tools)
        return KitaruGraphRunner(
            self.graph(world, saver=_saver(world) if asks or self.threads else None),
            checkpoint_strategy=settings.strategy,
            capture=CAPTURE[settings.capture],
            stream_policy=LangGraphStreamPolicy(include_message_text_deltas=True),
            **own,
        )

    def run(self, world: World, settings: Settings) -> Answer:
        runner = self.runner(world, settings)
        results = [runner.invoke(_asked(world.script.prompt), thread_id=_thread(world))]
        while results[-1].status == "interrupted":
            results.append(runner.invoke(wait_for_interrupts(results[-1])))
        return _answer(results)

    async def run_async(self, world: World, settings: Settings) -> Answer:
        runner = self.runner(world, settings)
        results = [await runner.ainvoke(_asked(world.script.prompt), thread_id=_thread(world))]
        while results[-1].status == "interrupted":
            results.append(await runner.ainvoke(await wait_for_interrupts_async(results[-1])))
        return _answer(results)

    async def stream(self, world: World, settings: Settings) -> Answer:
        runner = self.runner(world, settings)
        results = [await runner.astream(_asked(world.script.prompt), thread_id=_thread(world), stream_mode="messages")]
        while results[-1].status == "interrupted":
            answered = await wait_for_interrupts_async(results[-1])
            results.append(await runner.astream(answered, stream_mode="messages"))
        return _answer(results, await asyncio.to_thread(_published))

    def plain(self, world: World) -> Answer:
        output = self.graph(world).invoke(_asked(world.script.prompt))
        used = [each.usage_metadata for each in output["messages"] if isinstance(each, AIMessage)]
        usage = (sum(each["input_tokens"] for each in used), sum(each["output_tokens"] for each in used))
        return Answer(text=_text(output), usage=usage)

    def approval(self, *, approved: bool) -> dict[str, str]:
        return {"type": "approve" if approved else "reject"}

    def surface(self) -> type:
        return KitaruGraphRunner

    def entry_points(self) -> dict[str, EntryPoint]:
        calls = Settings(strategy="calls")

        def entry(method: str) -> EntryPoint:
            def call(world: World) -> object:
                return getattr(self.runner(world, calls), method)(_asked(world.script.prompt), thread_id=_thread(world))

            def call_async(world: World) -> object:
                return asyncio.run(call(world))

            return EntryPoint(treatment="durable", call=call_async if method.startswith("a") else call)

        return {method: entry(method) for method in ("invoke", "ainvoke", "stream", "astream")}


def _asked(prompt: str) -> dict[str, Any]:
    return {"messages": [("user", prompt)]}


def _saver(world: World) -> KitaruCheckpointSaver:
    ledger = world.ledger.path
    return KitaruCheckpointSaver(ledger.with_name(f"threads-{ledger.name}.db"))


def _thread(world: World) -> str:
    """Return a thread that is new to each run of a flow and the same in each rerun."""
    return f"{world.script.name}-{occurrence('conformance') if in_flow() else 0}"


def _published() -> list[str]:
    """Return the texts that the streams of this execution published, up to the end of the one that finished its run."""
    scope = current_scope()
    if scope is None:
        return []
    texts = []
    for event in KitaruClient().executions.events(scope.execution_id):
        part = event.payload["data"]
        if event.kind == LANGGRAPH_STREAM_MESSAGES and part["message_type"].startswith("AI"):
            texts.append(part["text_delta"])
        if event.kind == LANGGRAPH_STREAM_COMPLETED and part["status"] == "completed":
            break
    return texts


def _text(output: dict[str, Any]) -> str:
    return str(output["messages"][-1].text)


def _answer(results: list[LangGraphRunResult], chunks: list[str] | tuple[str, ...] = ()) -> Answer:
    used = [result.usage for result in results if result.usage is not None]
    usage = (sum(each.input_tokens for each in used), sum(each.output_tokens for each in used))
    return Answer(text=_text(results[-1].output), usage=usage, chunks=tuple(chunks))

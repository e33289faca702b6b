"""The Claude Agent SDK for the conformance suite: Claude's real program and a scripted Messages API."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, ClassVar

from claude_agent_sdk import ClaudeAgentOptions, ResultMessage, create_sdk_mcp_server, query, tool

import kitaru
from kitaru.adapters.claude_agent_sdk import (
    CLAUDE_STREAM_COMPLETED,
    CLAUDE_STREAM_EVENT,
    ClaudeCapturePolicy,
    ClaudeRunRequest,
    ClaudeRunResult,
    ClaudeToolApproval,
    KitaruClaudeRunner,
    durable_mcp_server,
    wait_for_tool_approval,
    wait_for_tool_approval_async,
)
from kitaru_adapters.claude_agent_sdk.testing import ApiError, LoopbackAnthropic, Reply, Text, ToolUse, Turn
from kitaru_conformance.harness import AdapterHarness, Answer, EntryPoint, Settings
from kitaru_conformance.script import ScriptedError, Tool
from kitaru_conformance.world import World

SHOP, SERVER = "shop", "scripted"
NOTHING = ClaudeCapturePolicy(
    emit_events=False,
    save_prompt=False,
    save_messages=False,
    save_transcript_file=False,
    save_options_manifest=False,
    save_final_output=False,
    save_usage=False,
)
CAPTURE = {"default": ClaudeCapturePolicy(), "all": ClaudeCapturePolicy(), "none": NOTHING}
CLOSED = {"CLAUDE_CODE_MAX_RETRIES": "0"}


class ClaudeHarness(AdapterHarness):
    adapter = "claude_agent_sdk"
    capabilities = frozenset({"approvals", "mcp", "usage", "capture", "retries", "handled", "effects", "cancel"})
    whole = "invocation"
    forms: ClassVar = ("sync", "async", "stream")
    outside_flow = "refused"
    inside_checkpoint = "refused"
    tool_failures = "told"
    model_failures = "adapter"
    dear = True
    streamed = False

    @contextmanager
    def serve(self, world: World) -> Iterator[None]:
        folder = tempfile.TemporaryDirectory(dir=world.ledger.path.parent, ignore_cleanup_errors=True)
        with folder as self.home, LoopbackAnthropic(lambda turn: self.reply(world, turn)) as self.api:
            yield

    def reply(self, world: World, turn: Turn) -> Reply:
        try:
            text = self.said(world, turn)
        except ScriptedError as error:
            return ApiError(500, str(error))
        calls = world.script.turns[turn.index].calls
        return [*text, *(ToolUse(seen(world.script.tool(call.tool)), {"value": call.value}, call.id) for call in calls)]

    def said(self, world: World, turn: Turn) -> list[Text]:
        results = {key: plain_text(text) for key, text in turn.tool_results.items()}
        if self.streamed:
            pieces = tuple(world.stream(turn.index, results))
            return [Text("".join(pieces), pieces)] if pieces else []
        scripted = world.turn(turn.index, results)
        return [Text(scripted.text)] if scripted.text else []

    def options(self, world: World, make: Any) -> ClaudeAgentOptions:
        tools = world.script.tools
        servers = {SHOP: make(SHOP, tools=[function(world, one) for one in tools if not one.mcp])}
        if any(one.mcp for one in tools):
            command, *arguments = world.mcp_command()
            servers[SERVER] = {"type": "stdio", "command": command, "args": arguments}
        return ClaudeAgentOptions(
            env={**self.api.env(self.home), **CLOSED},
            cwd=self.home,
            setting_sources=[],
            strict_mcp_config=True,
            permission_mode="dontAsk",
            tools=[],
            allowed_tools=[seen(one) for one in tools],
            mcp_servers=servers,
        )

    def runner(self, world: World, settings: Settings) -> KitaruClaudeRunner:
        effects = {one.name: one.effect for one in world.script.tools if one.effect}
        guarded = [seen(one) for one in world.script.tools if one.approval]

        def make(name: str, tools: Sequence[Any]) -> Any:
            return durable_mcp_server(name, tools, effect_by_name=effects)

        policy = CAPTURE[settings.capture]
        return KitaruClaudeRunner(
            name=world.script.name,
            options_factory=lambda _: self.options(world, make),
            checkpoint_strategy=settings.strategy,
            capture=replace(policy, include_stream_text_deltas=True) if self.streamed else policy,
            checkpoint_config={"retries": settings.retries},
            approval=ClaudeToolApproval(match=guarded) if guarded else None,
        )

    def run(self, world: World, settings: Settings) -> Answer:
        runner = self.runner(world, settings)
        results = [runner.run_sync(ClaudeRunRequest.start(world.script.prompt))]
        while results[-1].status == "requires_approval":
            results.append(runner.run_sync(wait_for_tool_approval(results[-1])))
        return answer(results)

    async def run_async(self, world: World, settings: Settings) -> Answer:
        return answer(await drive(world, self.runner(world, settings).run))

    async def stream(self, world: World, settings: Settings) -> Answer:
        self.streamed = True
        results = await drive(world, self.runner(world, settings).run_stream)
        return answer(results, shown(len(results)))

    def plain(self, world: World) -> Answer:
        options = self.options(world, create_sdk_mcp_server)
        return asyncio.run(ask(world.script.prompt, options))

    def surface(self) -> type:
        return KitaruClaudeRunner

    def entry_points(self) -> dict[str, EntryPoint]:
        def way(name: str) -> EntryPoint:
            return EntryPoint(treatment="durable", call=lambda world: self.through(name, world))

        return {name: way(name) for name in ("run", "run_sync", "run_stream", "run_stream_sync")}

    def through(self, name: str, world: World) -> None:
        going = getattr(self.runner(world, Settings(strategy="invocation")), name)(
            ClaudeRunRequest.start(world.script.prompt)
        )
        if not name.endswith("_sync"):
            asyncio.run(going)


async def drive(world: World, run: Any) -> list[ClaudeRunResult]:
    results = [await run(ClaudeRunRequest.start(world.script.prompt))]
    while results[-1].status == "requires_approval":
        results.append(await run(await wait_for_tool_approval_async(results[-1])))
    return results


async def ask(prompt: str, options: ClaudeAgentOptions) -> Answer:
    async def asked() -> AsyncIterator[dict[str, Any]]:
        yield {"type": "user", "message": {"role": "user", "content": prompt}}

    ended = [message async for message in query(prompt=asked(), options=options) if isinstance(message, ResultMessage)]
    if ended[-1].is_error:
        raise RuntimeError(ended[-1].result)
    return Answer(text=ended[-1].result or "", usage=tokens(ended[-1].usage))


def function(world: World, known: Tool) -> Any:
    @tool(known.name, "A scripted tool.", {"value": str})
    async def use(arguments: dict[str, Any]) -> dict[str, Any]:
        said = await world.use_async(known.name, arguments["value"])
        return {"content": [{"type": "text", "text": said}]}

    return use


def plain_text(shown: str) -> str:
    """Return what a tool said; of a server's structured result the program shows the model its JSON."""
    return json.loads(shown)["result"] if shown.startswith('{"result":') else shown


def seen(known: Tool) -> str:
    return f"mcp__{SERVER if known.mcp else SHOP}__{known.name}"


def shown(runs: int) -> list[str]:
    """Return the text that live events showed, up to the end of the last run."""
    watch = kitaru.KitaruClient().executions.events(
        kitaru.current_execution_id() or "", kinds=[CLAUDE_STREAM_EVENT, CLAUDE_STREAM_COMPLETED]
    )
    pieces = []
    for event in watch:
        runs -= event.kind == CLAUDE_STREAM_COMPLETED
        pieces.append(event.payload["data"].get("text", ""))
        if not runs:
            break
    return pieces


def tokens(usage: Any) -> tuple[int, int]:
    return (usage or {}).get("input_tokens", 0), (usage or {}).get("output_tokens", 0)


def answer(results: list[ClaudeRunResult], chunks: Sequence[str] = ()) -> Answer:
    spent = [tokens(result.usage) for result in results]
    usage = tuple(map(sum, zip(*spent, strict=True)))
    return Answer(text=results[-1].final_text or "", usage=usage, chunks=tuple(chunks))

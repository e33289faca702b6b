"""Gemini Interactions for the conformance suite: a scripted service, and a flow's own loop over its turns."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import secrets
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

from google import genai
from google.genai.types import HttpOptions, HttpRetryOptions

import kitaru
from kitaru.adapters.gemini import (
    GEMINI_STREAM_COMPLETED,
    GEMINI_STREAM_EVENT,
    GeminiInteractionCapturePolicy,
    GeminiInteractionRequest,
    GeminiInteractionResult,
    KitaruGeminiInteractionsRunner,
    run_function_calls,
    run_function_calls_async,
)
from kitaru_adapters.gemini.loopback import Job, LoopbackGemini, Turn, function_call, model_output
from kitaru_conformance.harness import AdapterHarness, Answer, EntryPoint, Settings
from kitaru_conformance.script import ScriptedError
from kitaru_conformance.world import World

MODEL = "gemini-3-pro-preview"
ONCE = HttpRetryOptions(attempts=1 if int(genai.__version__.split(".")[0]) >= 3 else -1)
NOTHING = GeminiInteractionCapturePolicy(
    emit_events=False, save_request_manifest=False, save_output=False, save_usage=False
)
EVERYTHING = GeminiInteractionCapturePolicy(save_input=True, save_raw_interaction=True, save_steps=True)
CAPTURE = {"default": GeminiInteractionCapturePolicy(), "all": EVERYTHING, "none": NOTHING}
OVERLOADED = 503


class Interaction(Job):
    """An interaction in a file, because what the service keeps outlives the process that asked for it."""

    def __init__(self, world: World, job_id: str, kept: dict[str, Any]) -> None:
        super().__init__(job_id, Turn(), kept["body"], deque(), deque(), deque())
        self.world, self.kept = world, kept

    @classmethod
    def begin(cls, world: World, body: dict[str, Any]) -> Interaction:
        before = find(world, body["previous_interaction_id"]).kept if "previous_interaction_id" in body else None
        items = body["input"] if before is not None else []
        results = {item["call_id"]: item["result"] for item in items if item["type"] == "function_result"}
        kept = {
            "body": body,
            "index": 0 if before is None else before["index"] + 1,
            "results": results if before is None else before["results"] | results,
            "status": "in_progress",
        }
        return cls(world, f"int-{secrets.token_hex(8)}", kept)

    def advance(self) -> dict[str, Any]:
        if self.kept["status"] == "in_progress":
            turn = self.world.turn(self.kept["index"], self.kept["results"])
            self.end([model_output(turn.text)] if turn.text else [])
        return self.show(self.kept["status"])

    def show(self, status: str) -> dict[str, Any]:
        known = {key: self.kept[key] for key in ("steps", "usage") if key in self.kept}
        return {"id": self.id, "object": "interaction", "status": status, "model": MODEL, **known}

    def end(self, steps: list[dict[str, Any]]) -> None:
        scripted = self.world.script.turns[self.kept["index"]]
        asked = [function_call(call.tool, call.id, value=call.value) for call in scripted.calls]
        spent = dict(zip(("total_input_tokens", "total_output_tokens"), scripted.usage, strict=True))
        status = "requires_action" if asked else "completed"
        self.keep(steps=[*steps, *asked], usage=spent, status=status)

    def keep(self, **facts: Any) -> None:
        self.kept |= facts
        place(self.world, self.id).write_text(json.dumps(self.kept), encoding="utf-8")

    def events(self) -> Iterator[dict[str, Any]]:
        for number, event in enumerate(self.said(), start=1):
            yield {**event, "event_id": f"e{number}"}

    def said(self) -> Iterator[dict[str, Any]]:
        yield {"event_type": "interaction.created", "interaction": self.show("in_progress")}
        pieces = []
        try:
            for piece in self.world.stream(self.kept["index"], self.kept["results"]):
                if not pieces:
                    yield {"event_type": "step.start", "index": 0, "step": {"type": "model_output"}}
                pieces.append(piece)
                yield {"event_type": "step.delta", "index": 0, "delta": {"type": "text", "text": piece}}
        except ScriptedError:
            self.keep(status="failed")
        else:
            self.end([model_output("".join(pieces))] if pieces else [])
            yield from asking(self.kept["steps"])
        ended = {key: value for key, value in self.show(self.kept["status"]).items() if key != "steps"}
        yield {"event_type": "interaction.completed", "interaction": ended}


def asking(steps: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for index, step in enumerate(steps):
        if step["type"] == "function_call":
            yield {"event_type": "step.start", "index": index, "step": {**step, "arguments": {}}}
            delta = {"type": "arguments_delta", "arguments": json.dumps(step["arguments"])}
            yield {"event_type": "step.delta", "index": index, "delta": delta}
        yield {"event_type": "step.stop", "index": index}


def place(world: World, job_id: str) -> Path:
    return world.ledger.path.with_name(f"ledger-{job_id}")


def find(world: World, job_id: str) -> Interaction:
    return Interaction(world, job_id, json.loads(place(world, job_id).read_bytes()))


class Kept:
    """All interactions of the service, of this process and of earlier ones."""

    def __init__(self, world: World) -> None:
        self.world = world

    def get(self, job_id: str) -> Interaction | None:
        return find(self.world, job_id) if place(self.world, job_id).exists() else None


class Service(LoopbackGemini):
    """The model side: it answers a create when the world has spoken, and remembers what it answered."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world, self.jobs = world, Kept(world)

    def accept(self, body: dict[str, Any]) -> tuple[Turn, Interaction | None]:
        interaction = Interaction.begin(self.world, body)
        if body.get("stream"):
            interaction.keep()
            return interaction.turn, interaction
        try:
            interaction.advance()
        except ScriptedError:
            return Turn(refuse=OVERLOADED), None
        return interaction.turn, interaction


class GeminiHarness(AdapterHarness):
    adapter = "gemini_interactions"
    capabilities = frozenset(
        {"approvals", "delegates", "usage", "capture", "retries", "handled", "opt_out", "effects", "override_model"}
        | {"cancel"}
    )
    granular = "interaction"
    forms: ClassVar = ("sync", "async", "stream")
    outside_flow = "refused"
    inside_checkpoint = "refused"
    model_failures = "adapter"

    @contextmanager
    def serve(self, world: World) -> Iterator[None]:
        with Service(world) as service:
            self.url = service.url
            yield

    def client(self) -> genai.Client:
        return genai.Client(api_key="loopback", http_options=HttpOptions(base_url=self.url, retry_options=ONCE))

    def runner(self, world: World, settings: Settings, *, streamed: bool = False) -> KitaruGeminiInteractionsRunner:
        policy = CAPTURE[settings.capture]
        return KitaruGeminiInteractionsRunner(
            name=world.script.name,
            client_factory=self.client,
            checkpoint_strategy=settings.strategy,
            capture=dataclasses.replace(policy, include_stream_text_deltas=True) if streamed else policy,
            checkpoint_config={"retries": settings.retries},
            poll_interval_s=0.01,
            max_poll_interval_s=0.02,
        )

    def run(self, world: World, settings: Settings) -> Answer:
        runner = self.runner(world, settings)
        turns = [runner.run_sync(first(world))]
        while turns[-1].status == "requires_action":
            turns.append(runner.run_sync(self.answered(world, settings, turns[-1])))
        return answer(turns)

    def answered(self, world: World, settings: Settings, turn: GeminiInteractionResult) -> GeminiInteractionRequest:
        tools = {call.function_name: world.script.tool(call.function_name) for call in turn.function_calls}
        if all(tool.durable and tool.agent is None for tool in tools.values()):
            functions = {name: body(world, name) for name in tools}
            return run_function_calls(turn, functions, **options(world, settings, functions))
        results = []
        for call in turn.function_calls:
            name, value = call.function_name, call.arguments["value"]
            delegated = tools[name].agent is not None
            said = self.delegated(world.delegate(name), settings) if delegated else body(world, name)(value)
            results.append((call.call_id, name, said))
        return GeminiInteractionRequest.function_results(results=results, from_result=turn)

    def delegated(self, world: World, settings: Settings) -> str:
        other = type(self)()
        with other.serve(world):
            return other.run(world, settings).text

    async def run_async(self, world: World, settings: Settings) -> Answer:
        return answer(await self.drive(world, settings, self.runner(world, settings).run))

    async def stream(self, world: World, settings: Settings) -> Answer:
        turns = await self.drive(world, settings, self.runner(world, settings, streamed=True).run_stream)
        return answer(turns, shown(len(turns)))

    async def drive(self, world: World, settings: Settings, run: Any) -> list[GeminiInteractionResult]:
        turns = [await run(first(world))]
        functions = {tool.name: async_body(world, tool.name) for tool in world.script.tools}
        while turns[-1].status == "requires_action":
            following = await run_function_calls_async(turns[-1], functions, **options(world, settings, functions))
            turns.append(await run(following))
        return turns

    def plain(self, world: World) -> Answer:
        with self.client() as client:
            asked = {"model": MODEL, "tools": offered(world)}
            turns = [client.interactions.create(input=world.script.prompt, **asked)]
            while turns[-1].status == "requires_action":
                calls = [step for step in turns[-1].steps if step.type == "function_call"]
                results = [plain_result(world, call) for call in calls]
                turns.append(client.interactions.create(input=results, previous_interaction_id=turns[-1].id, **asked))
        spent = [(turn.usage.total_input_tokens, turn.usage.total_output_tokens) for turn in turns]
        return Answer(text=turns[-1].output_text, usage=tuple(map(sum, zip(*spent, strict=True))))

    def surface(self) -> type:
        return KitaruGeminiInteractionsRunner

    def entry_points(self) -> dict[str, EntryPoint]:
        def way(name: str) -> EntryPoint:
            return EntryPoint(treatment="durable", call=lambda world: self.through(name, world))

        return {name: way(name) for name in ("run", "run_sync", "run_stream", "run_stream_sync")}

    def through(self, name: str, world: World) -> None:
        settings = Settings(strategy="interaction")
        run = getattr(self.runner(world, settings), name)
        if not name.endswith("_sync"):
            asyncio.run(self.drive(world, settings, run))
            return
        turn = run(first(world))
        while turn.status == "requires_action":
            turn = run(self.answered(world, settings, turn))


def first(world: World) -> GeminiInteractionRequest:
    return GeminiInteractionRequest.start(world.script.prompt, model=MODEL, tools=offered(world))


def offered(world: World) -> list[dict[str, Any]]:
    parameters = {"type": "object", "properties": {"value": {"type": "string"}}}
    return [{"type": "function", "name": tool.name, "parameters": parameters} for tool in world.script.tools]


def options(world: World, settings: Settings, functions: Iterable[str]) -> dict[str, Any]:
    effects = {tool.name: tool.effect for tool in world.script.tools if tool.effect and tool.name in functions}
    guarded = [tool.name for tool in world.script.tools if tool.approval and tool.name in functions]
    shown = {"show_arguments": settings.capture == "all"}
    return {"retries": settings.retries, "effects": effects, "approve": guarded, **shown}


def body(world: World, name: str) -> Any:
    def use(value: str) -> str:
        try:
            return world.use(name, value)
        except ScriptedError as error:
            if world.script.tool(name).handled:
                return str(error)
            raise

    return use


def async_body(world: World, name: str) -> Any:
    async def use(value: str) -> str:
        return await world.use_async(name, value)

    return use


def plain_result(world: World, call: Any) -> dict[str, Any]:
    result = body(world, call.name)(**call.arguments)
    return {"type": "function_result", "call_id": call.id, "name": call.name, "result": result}


def shown(turns: int) -> list[str]:
    """Return the text that live events showed, up to the end of the last turn."""
    watch = kitaru.KitaruClient().executions.events(
        kitaru.current_execution_id() or "", kinds=[GEMINI_STREAM_EVENT, GEMINI_STREAM_COMPLETED]
    )
    pieces = []
    for event in watch:
        turns -= event.kind == GEMINI_STREAM_COMPLETED
        pieces.append(event.payload["data"].get("text", ""))
        if not turns:
            break
    return pieces


def answer(turns: list[GeminiInteractionResult], chunks: Iterable[str] = ()) -> Answer:
    spent = [(turn.usage.input_tokens or 0, turn.usage.output_tokens or 0) for turn in turns if turn.usage]
    usage = tuple(map(sum, zip(*spent, strict=True))) or (0, 0)
    return Answer(text=turns[-1].output_text or "", usage=usage, chunks=tuple(chunks))

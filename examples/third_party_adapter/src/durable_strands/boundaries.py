"""Model calls and tool calls of one run as boundaries: the two stages at which Strands lets middleware stand."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from typing import Any

from strands import Agent
from strands.interrupt import Interrupt, InterruptException
from strands.middleware import (
    ExecuteToolContext,
    ExecuteToolStage,
    InvokeModelContext,
    InvokeModelStage,
    ModelStopReason,
    ToolResultEvent,
    TypedEvent,
)

from kitaru.hooks import Usage
from kitaru.seam import Call, Unit, in_flow, occurrence, run_unit_async, stream_unit

__all__ = ["Boundaries"]

Events = AsyncIterator[TypedEvent]


class Boundaries:
    """Stands around the calls of one agent during one run.

    A call is found again by its place: the number of the run in its execution, the number of the model's answers so
    far, and for a tool the id of its call. Outside of a flow's body everything passes straight through.

    Args:
        agent: An agent of this run alone.
        name: What its boundaries are called after.
        fail_on: Tools whose exceptions end the run instead of being told to the model.
    """

    def __init__(self, agent: Agent, name: str, fail_on: Collection[str]) -> None:
        self._name = name
        self._fail_on = fail_on
        self._run = f"{name}#{occurrence(name)}" if in_flow() else name
        self._answers = 0
        self._interrupts: Counter[str] = Counter()
        self._broken: Exception | None = None
        agent.add_middleware(InvokeModelStage, self._model)
        agent.add_middleware(ExecuteToolStage, self._tool)

    async def _model(self, context: InvokeModelContext, proceed: Callable[[InvokeModelContext], Events]) -> Events:
        if self._broken is not None:
            raise self._broken
        if not in_flow():
            async for event in proceed(context):
                yield event
            return
        said = [{"role": message["role"], "content": message["content"]} for message in context.messages]
        unit = Unit(
            name=f"{self._name}_model",
            adapter="strands",
            kind="model",
            type="llm_call",
            key=f"{self._run}/model/{self._answers}",
            inputs={"system_prompt": context.system_prompt},
            identity=said,
            history=[json.dumps(message, default=repr, sort_keys=True).encode() for message in said],
        )
        async with stream_unit(unit, lambda call: _metered(call, proceed(context)), assemble=_said, replay=_again) as live:
            async for event in live:
                if not isinstance(event, ModelStopReason):
                    yield event
            outcome = await live.outcome()
        self._answers += 1
        yield _stop(outcome.value)

    async def _tool(self, context: ExecuteToolContext, proceed: Callable[[ExecuteToolContext], Events]) -> Events:
        use = context.tool_use
        # The framework's own tool for structured output computes nothing; it leaves its result in the agent.
        if not in_flow() or (context.tool is not None and context.tool.tool_type == "structured_output"):
            async for event in proceed(context):
                yield event
            return
        call_id = str(use["toolUseId"])
        unit = Unit(
            name=use["name"],
            adapter="strands",
            kind="tool",
            type="tool_call",
            key=f"{self._run}/{self._answers}/{call_id}/{self._interrupts[call_id]}",
            inputs={"arguments": use["input"]},
        )
        events: list[TypedEvent] = []
        try:
            outcome = await run_unit_async(unit, lambda _call: self._used(proceed(context), events, use["name"]))
        except Exception as error:
            # Strands turns what a tool's middleware raises into a result; the next model call raises it instead.
            self._broken = error
            raise
        for event in events:
            yield event
        if isinstance(outcome.value, dict) and "interrupt" in outcome.value:
            self._interrupts[call_id] += 1
            raise InterruptException(Interrupt(**outcome.value["interrupt"]))
        yield ToolResultEvent(_result(outcome.value, call_id))

    async def _used(self, source: Events, events: list[TypedEvent], name: str) -> dict[str, Any]:
        """Run a tool, and return what came of it as data: its result, or what it asks a person."""
        events.clear()
        try:
            async for event in source:
                if isinstance(event, ToolResultEvent):
                    if event.exception is not None and name in self._fail_on:
                        raise event.exception
                    return {"result": dict(event.tool_result)}
                if (interrupts := event.get("tool_interrupt_event", {}).get("interrupts")):
                    return {"interrupt": _asked(interrupts[0])}
                events.append(event)
        except InterruptException as signal:
            return {"interrupt": _asked(signal.interrupt)}
        msg = f"The tool {name!r} ended without a result."
        raise RuntimeError(msg)


async def _metered(call: Call, source: Events) -> Events:
    async for event in source:
        if isinstance(event, ModelStopReason):
            counted = event.usage
            usage = Usage(
                input_tokens=counted["inputTokens"],
                output_tokens=counted["outputTokens"],
                total_tokens=counted["totalTokens"],
                cached_input_tokens=counted.get("cacheReadInputTokens"),
            )
            call.record_usage(usage.as_record())
        yield event


def _said(events: list[TypedEvent]) -> dict[str, Any]:
    stop = next(event for event in reversed(events) if isinstance(event, ModelStopReason))
    facts = {"stop_reason": stop.stop_reason, "usage": dict(stop.usage), "metrics": dict(stop.metrics)}
    return {**facts, "message": {"role": stop.message["role"], "content": stop.message["content"]}}


def _again(value: Any) -> Iterator[TypedEvent]:
    """Yield for a recorded answer what somebody who reads the stream expects: its text, in one piece for each block."""
    for block in _stop(value).message["content"]:
        if "text" in block:
            yield TypedEvent({"data": block["text"], "delta": {"text": block["text"]}})


def _stop(value: Any) -> ModelStopReason:
    if isinstance(value, str):  # what a person writes in place of an answer
        value = {"stop_reason": "end_turn", "message": {"role": "assistant", "content": [{"text": value}]}}
    usage = value.get("usage") or {"inputTokens": 0, "outputTokens": 0, "totalTokens": 0}
    return ModelStopReason(value["stop_reason"], value["message"], usage, value.get("metrics") or {"latencyMs": 0})


def _result(value: Any, call_id: str) -> Any:
    if isinstance(value, dict) and "result" in value:
        return value["result"]
    return {"toolUseId": call_id, "status": "success", "content": [{"text": str(value)}]}


def _asked(interrupt: Interrupt) -> dict[str, Any]:
    return {"id": interrupt.id, "name": interrupt.name, "reason": interrupt.reason}

"""Model calls and tool calls of one run as boundaries: the two stages at which Strands lets middleware stand."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Collection
from functools import partial
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
from kitaru.seam import Call, Unit, occurrence, run_unit_async, stream_unit

__all__ = ["Boundaries"]

Events = AsyncGenerator[TypedEvent, None]


class Boundaries:
    """Stands around the calls of one agent during one run; `broken` is the exception of a tool that ended it.

    A call is found again by its place: the number of the run in its execution, the number of the model's answers so
    far, and for a tool the id of its call.
    """

    def __init__(self, agent: Agent, name: str, fail_on: Collection[str]) -> None:
        self._name, self._fail_on, self._run = name, fail_on, f"{name}#{occurrence(name)}"
        self._answers = 0
        self._interrupts: Counter[str] = Counter()
        self.broken: Exception | None = None
        agent.add_middleware(InvokeModelStage, self._model)
        agent.add_middleware(ExecuteToolStage, self._tool)

    async def _model(self, context: InvokeModelContext, proceed: Callable[[InvokeModelContext], Events]) -> Events:
        if self.broken is not None:
            raise self.broken
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
        source = partial(_metered, proceed(context))
        async with stream_unit(unit, source, assemble=_said, replay=_again) as live:
            async for event in live:
                if not isinstance(event, ModelStopReason):
                    yield event
            outcome = await live.outcome()
        self._answers += 1
        yield _stop(outcome.value)

    async def _tool(self, context: ExecuteToolContext, proceed: Callable[[ExecuteToolContext], Events]) -> Events:
        use = context.tool_use
        if context.tool is not None and context.tool.tool_type == "structured_output":
            async for event in proceed(context):  # it computes nothing, and leaves its result in the agent
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
            group=f"{self._run}/{self._answers}/{self._interrupts[call_id]}",
        )
        events: list[TypedEvent] = []
        try:
            outcome = await run_unit_async(unit, lambda _call: self._used(proceed(context), events, use["name"]))
        except Exception as error:  # Strands makes it a result; the next model call raises it instead
            self.broken = error
            raise
        for event in events:
            yield event
        if isinstance(outcome.value, dict) and "interrupt" in outcome.value:
            self._interrupts[call_id] += 1
            raise InterruptException(Interrupt(**outcome.value["interrupt"]))
        said = {"toolUseId": call_id, "status": "success", "content": [{"text": str(outcome.value)}]}
        yield ToolResultEvent(outcome.value["result"] if isinstance(outcome.value, dict) else said)

    async def _used(self, source: Events, events: list[TypedEvent], name: str) -> dict[str, Any]:
        events.clear()
        try:
            async for event in source:
                if isinstance(event, ToolResultEvent):
                    if event.exception is not None and name in self._fail_on:
                        raise event.exception
                    return {"result": dict(event.tool_result)}
                if interrupts := event.get("tool_interrupt_event", {}).get("interrupts"):
                    return _asked(interrupts[0])
                events.append(event)
        except InterruptException as signal:
            return _asked(signal.interrupt)
        raise RuntimeError(name)  # Strands gives every tool a result


async def _metered(source: Events, call: Call) -> Events:
    async for event in source:
        if isinstance(event, ModelStopReason):
            read, written = event.usage["inputTokens"], event.usage["outputTokens"]
            usage = Usage(input_tokens=read, output_tokens=written, total_tokens=event.usage["totalTokens"])
            call.record_usage({**usage.as_record(), "adapter": "strands"})
        yield event


def _said(events: list[TypedEvent]) -> dict[str, Any]:
    stop = [event for event in events if isinstance(event, ModelStopReason)][-1]
    facts = {"stop_reason": stop.stop_reason, "usage": dict(stop.usage), "metrics": dict(stop.metrics)}
    return {**facts, "message": {"role": stop.message["role"], "content": stop.message["content"]}}


def _again(value: Any) -> list[TypedEvent]:
    """Return for a recorded answer what somebody who reads the stream expects: its text, in one piece per block."""
    texts = [block["text"] for block in _stop(value).message["content"] if "text" in block]
    return [TypedEvent({"data": text, "delta": {"text": text}}) for text in texts]


def _stop(value: Any) -> ModelStopReason:
    if isinstance(value, str):  # what a person writes in place of an answer
        value = {"stop_reason": "end_turn", "message": {"role": "assistant", "content": [{"text": value}]}}
    usage: Any = value.get("usage", {"inputTokens": 0, "outputTokens": 0, "totalTokens": 0})
    metrics: Any = value.get("metrics", {"latencyMs": 0})
    return ModelStopReason(value["stop_reason"], value["message"], usage, metrics)


def _asked(interrupt: Interrupt) -> dict[str, Any]:
    return {"interrupt": {"id": interrupt.id, "name": interrupt.name, "reason": interrupt.reason}}

"""Streams: handlers get events inside the units, so that nothing is delivered twice, and watchers see them live."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from pydantic_ai.messages import TextPart, TextPartDelta

from kitaru import seam
from kitaru_adapters.kit.limits import clip
from kitaru_adapters.kit.streams import LiveStream
from kitaru_adapters.pydantic_ai.boundary import STREAM
from kitaru_adapters.pydantic_ai.framework import record_unit
from kitaru_adapters.pydantic_ai.live import TEE
from kitaru_adapters.pydantic_ai.runs import run_state
from kitaru_adapters.pydantic_ai.types import ADAPTER, STREAM_KINDS

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator

    from pydantic_ai.agent import EventStreamHandler
    from pydantic_ai.messages import AgentStreamEvent, ModelResponseStreamEvent
    from pydantic_ai.tools import AgentDepsT, RunContext

    from kitaru_adapters.pydantic_ai.settings import Settings

__all__ = ["deliver_event", "live_handler"]


def live_handler(settings: Settings, handler: EventStreamHandler[AgentDepsT] | None) -> EventStreamHandler[AgentDepsT]:
    """Return what consumes a model's stream inside its unit: it publishes live events and feeds the caller's handler.

    Args:
        settings: What the caller set for the agent.
        handler: The caller's handler, if there is one.

    Returns:
        A handler of the framework's shape.
    """

    async def consume(ctx: RunContext[AgentDepsT], events: AsyncIterable[AgentStreamEvent]) -> None:
        shown = _shown(settings, events)
        if handler is not None:
            await handler(ctx, shown)
        async for _ in shown:
            pass

    return consume


async def _shown(settings: Settings, events: AsyncIterable[Any]) -> AsyncIterator[ModelResponseStreamEvent]:
    call, progress, tee = seam.current_call(), STREAM.get(), TEE.get()
    common = {"adapter": ADAPTER, "agent_name": settings.agent_name, "surface": "model_call", "source": "model"}
    stream = LiveStream(call, STREAM_KINDS, common) if call is not None else None
    if stream is not None:
        stream.start(display=f"{settings.agent_name} is answering")
    try:
        async for event in events:
            if progress is not None:
                progress.produced = True
            if stream is not None:
                _publish(stream, settings, event)
            if tee is not None:
                tee.put(event)
            yield event
    except BaseException as error:
        if stream is not None and not isinstance(error, GeneratorExit):
            stream.fail(error)
        raise
    if stream is not None:
        stream.complete(display=f"{settings.agent_name} has answered")


def _publish(stream: LiveStream, settings: Settings, event: ModelResponseStreamEvent) -> None:
    """Publish what may be shown of an event: what it is and where, never prompts, arguments, results or reasoning."""
    part, delta = getattr(event, "part", None), getattr(event, "delta", None)
    part_kind = getattr(part, "part_kind", None)
    delta_kind = getattr(delta, "part_delta_kind", None)
    text = part.content if isinstance(part, TextPart) else None
    if isinstance(delta, TextPartDelta):
        text = delta.content_delta
    stream.event(
        category=_category(part_kind or delta_kind),
        display=f"{event.event_kind} {part_kind or delta_kind or ''}".strip(),
        event_type=type(event).__name__,
        event_kind=event.event_kind,
        part_index=getattr(event, "index", None),
        part_kind=part_kind,
        delta_kind=delta_kind,
        tool_name=getattr(part, "tool_name", None),
        tool_call_id=getattr(part, "tool_call_id", None),
        text_delta=clip(text) if text and settings.capture.save_stream_transcripts else None,
    )


def _category(kind: str | None) -> str:
    return "tool" if kind in {"tool-call", "tool_call"} else "reasoning" if kind == "thinking" else "text"


async def deliver_event(
    settings: Settings, ctx: RunContext[AgentDepsT], event: AgentStreamEvent, handler: EventStreamHandler[AgentDepsT]
) -> None:
    """Deliver one event that is not the model's to the caller's handler, once.

    Args:
        settings: What the caller set for the agent.
        ctx: The framework's context of the event.
        event: The event.
        handler: The caller's handler.
    """
    state = run_state(ctx)
    call_id = getattr(getattr(event, "part", None), "tool_call_id", None)
    unit = seam.Unit(
        name=f"{settings.slug}_event_stream_handler",
        adapter=ADAPTER,
        type="tool_call",
        key=state.event_key(ctx, event.event_kind, call_id),
    )

    async def body(_call: seam.Call) -> None:
        await handler(ctx, _single(event))

    started = time.monotonic()
    outcome = await seam.run_unit_async(unit, body)
    record_unit(executed=outcome.executed)
    if state.events is not None:
        state.events.stream_event(event.event_kind, seconds=time.monotonic() - started, error=None)


async def _single(event: AgentStreamEvent) -> AsyncIterator[AgentStreamEvent]:
    yield event

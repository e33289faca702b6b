"""A run inside a checkpoint of the flow: it has no records of its own; what happened is noted on that checkpoint."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from pydantic import TypeAdapter
from pydantic_ai.messages import ModelMessage, ModelRequest, ModelResponse, ToolReturnPart

from kitaru import seam
from kitaru_adapters.kit.limits import bounded
from kitaru_adapters.kit.names import slug
from kitaru_adapters.kit.streams import safe_message
from kitaru_adapters.kit.usage import usage_record
from kitaru_adapters.pydantic_ai.types import ADAPTER
from kitaru_adapters.pydantic_ai.usage import token_usage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic_ai.capabilities import WrapRunHandler
    from pydantic_ai.run import AgentRunResult
    from pydantic_ai.tools import RunContext

    from kitaru_adapters.pydantic_ai.settings import Settings

__all__ = ["observed_run"]

_MESSAGE: TypeAdapter[ModelMessage] = TypeAdapter(ModelMessage)


async def observed_run(
    settings: Settings,
    ctx: RunContext[object],
    call: seam.Call,
    handler: WrapRunHandler,
) -> AgentRunResult[object]:
    """Let a run pass, and write its events and artifacts to the enclosing checkpoint.

    Args:
        settings: What the caller set for the agent.
        ctx: The framework's context of the run.
        call: The enclosing checkpoint's call.
        handler: The run.

    Returns:
        Its result.
    """
    number = seam.occurrence(f"{call.call_id}/{settings.slug}")
    label = slug(f"{settings.slug}_{call.invocation_id}_{number}", fallback="run")
    started = time.monotonic()
    try:
        result = await handler()
    except Exception as error:
        _write(settings, call, label, ctx.messages, seconds=time.monotonic() - started, error=error)
        raise
    _write(settings, call, label, result.new_messages(), seconds=time.monotonic() - started, error=None)
    return result


def _write(
    settings: Settings,
    call: seam.Call,
    label: str,
    messages: Sequence[ModelMessage],
    *,
    seconds: float,
    error: BaseException | None,
) -> None:
    events = _events(settings, call, label, messages)
    summary = {
        "agent_name": settings.agent_name,
        "run_label": label,
        "status": "completed" if error is None else "failed",
        "model_call_count": sum(event["kind"] == "llm_call" for event in events),
        "tool_call_count": sum(event["kind"] == "tool_call" for event in events),
        "total_events": len(events),
        "event_ids_in_order": [event["event_id"] for event in events],
        "duration_ms": round(seconds * 1000, 3),
        "checkpoint_name": call.name,
        "checkpoint_id": call.call_id,
        "exec_id": call.execution_id,
        "error": None if error is None else safe_message(error),
    }
    call.log(pydantic_ai_events={label: events}, pydantic_ai_run_summaries={label: summary})
    suffix = "" if label.endswith("_1") else f"__{label}"
    call.save(f"event_log{suffix}", events)
    call.save(f"run_summary{suffix}", summary)


def _events(
    settings: Settings, call: seam.Call, label: str, messages: Sequence[ModelMessage]
) -> list[dict[str, object]]:
    events: list[dict[str, object]] = []
    returned = {
        part.tool_call_id: part for message in messages for part in message.parts if isinstance(part, ToolReturnPart)
    }
    prompt: ModelRequest | None = None
    turn = 0
    for message in messages:
        if isinstance(message, ModelRequest):
            prompt = message
            continue
        turn += 1
        events.append(_model_event(settings, call, f"{label}_llm_call_{turn}", turn, (prompt, message)))
        for part in message.tool_calls:
            mode = settings.capture.for_tool(part.tool_name)
            if mode is not None:
                number = len(events) + 1
                events.append(
                    {
                        "event_id": f"{label}_tool_call_{number}",
                        "kind": "tool_call",
                        "sequence_index": number,
                        "turn_index": turn,
                        "status": "completed",
                        "tool_name": part.tool_name,
                        "tool_call_id": part.tool_call_id,
                        "capture_mode": mode,
                    }
                )
            if mode == "full":
                _save_tool(call, label, len(events), part.args_as_dict(), returned.get(part.tool_call_id))
    return events


def _model_event(
    settings: Settings,
    call: seam.Call,
    event_id: str,
    turn: int,
    exchange: tuple[ModelRequest | None, ModelResponse],
) -> dict[str, object]:
    prompt, response = exchange
    data = _MESSAGE.dump_python(response, mode="json")
    usage = token_usage(data.get("usage") or {})
    call.record_usage(
        usage_record(
            record_id=event_id,
            adapter=ADAPTER,
            surface="model_call",
            call_name=f"{settings.slug}_model_request",
            usage=usage,
            event_id=event_id,
            checkpoint_id=call.call_id,
            checkpoint_name=call.name,
            resolved_model=response.model_name,
            provider=response.provider_name,
        )
    )
    if settings.capture.save_prompts and prompt is not None:
        call.save(f"{event_id}__prompt", _MESSAGE.dump_python(prompt, mode="json"), type="prompt")
    if settings.capture.save_responses:
        call.save(f"{event_id}__response", data, type="response")
    return {
        "event_id": event_id,
        "kind": "llm_call",
        "sequence_index": turn,
        "turn_index": turn,
        "status": "completed",
        "model_name": response.model_name,
        "provider_name": response.provider_name,
        "usage": {key: value for key, value in (data.get("usage") or {}).items() if value},
    }


def _save_tool(call: seam.Call, label: str, number: int, args: object, returned: ToolReturnPart | None) -> None:
    call.save(f"tool_call_{number}_args__{label}", bounded(args), type="input")
    if returned is not None:
        call.save(f"tool_call_{number}_result__{label}", bounded(returned.model_response_object()), type="output")

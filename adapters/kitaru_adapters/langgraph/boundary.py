"""Model and tool calls of a graph as checkpoints: how each is named, what of it is stored, how it is read back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import msgspec
from langchain_core.messages import AIMessage, ToolMessage
from langgraph.errors import GraphBubbleUp
from langgraph.types import Command

from kitaru.seam import ControlSignal, Unit, in_flow
from kitaru_adapters.kit.configs import with_config
from kitaru_adapters.kit.names import slug
from kitaru_adapters.langgraph.capture import digest_of, redacted, tool_names
from kitaru_adapters.langgraph.codec import pack, stored_fields, stored_object, unpack
from kitaru_adapters.langgraph.invocation import Watch
from kitaru_adapters.langgraph.sends import recorded_sends, send_again
from kitaru_adapters.langgraph.steps import Procedure, Step, unit_step
from kitaru_adapters.langgraph.usage import record_tokens

if TYPE_CHECKING:
    from collections.abc import Callable

    from langchain.agents.middleware.types import ModelRequest
    from langgraph.prebuilt.tool_node import ToolCallRequest

    from kitaru.seam import Call, Outcome
    from kitaru_adapters.kit.configs import CheckpointConfig
    from kitaru_adapters.langgraph.invocation import Invocation, Status
    from kitaru_adapters.langgraph.models import Asked
    from kitaru_adapters.langgraph.turns import Turn

    ModelAsked: TypeAlias = ModelRequest[Any] | Asked  # what a model is asked, by an agent of any context or bare

__all__ = ["CallResult", "SuspendedInGraph", "durable_model_call", "durable_tool_call", "model_name"]

ADAPTER = "langgraph"

CallResult: TypeAlias = Any
"""What a model or tool call comes to: an object of the class that its caller, a hook of the framework, expects."""


class SuspendedInGraph(GraphBubbleUp):
    """Carries a control signal of kitaru out of a graph in the one form that LangGraph neither handles nor records.

    Attributes:
        signal: The signal; the runner raises it again outside the graph.
    """

    def __init__(self, signal: BaseException) -> None:
        super().__init__(str(signal))
        self.signal = signal


class _LeavesUnit(ControlSignal):
    """Carries LangGraph's control flow out of a unit, so that it is neither recorded as a failure nor retried."""

    def __init__(self, signal: GraphBubbleUp, *, execution_id: str) -> None:
        super().__init__("The graph was interrupted inside this call.", execution_id=execution_id)
        self.signal = signal


def model_name(model: object) -> str:
    """Return a model's name without its provider, made of word characters."""
    for name in ("model_name", "model"):
        value = getattr(model, name, None)
        if isinstance(value, str) and value:
            return slug(value.rsplit("/", 1)[-1].rsplit(":", 1)[-1], fallback="model")
    return slug(type(model).__name__, fallback="model")


def _opens_unit(inv: Invocation, config: CheckpointConfig | Literal[False]) -> bool:
    return inv.granular and config is not False and in_flow()


def durable_model_call(
    inv: Invocation, request: ModelAsked, handler: Callable[[], Step], *, name: str | None = None
) -> Procedure[CallResult]:
    """Make a model call, as a checkpoint of its own where the invocation wants one.

    Args:
        inv: The invocation.
        request: What the model is asked.
        handler: Builds the step that really asks it.
        name: Name of the unit, where the model's is not telling enough.

    Returns:
        The model's result, decoded from what was stored.
    """
    config = inv.policy.for_model()
    place = inv.tracker.here()
    shown = name or model_name(request.model)
    if not _opens_unit(inv, config):
        return (yield from _observed_model(inv, place, shown, _passing(handler)))
    position = f"{place}/model:{shown}"
    with inv.ordinals.next(position) as number:
        at = f"{position}#{number}"
        unit = _model_unit(inv, request, shown, at, inv.siblings.of_model(place, at))
        unit = _cacheable(
            with_config(unit, config or {}),
            lambda: [unit.identity, redacted(request.model_settings), str(request.tool_choice)],
        )
        return (yield from _observed_model(inv, place, shown, _model_in_unit(inv, unit, handler)))


def _passing(handler: Callable[[], Step]) -> Procedure[tuple[object, Outcome[object] | None]]:
    try:
        return (yield handler()), None
    except ControlSignal as signal:
        raise SuspendedInGraph(signal) from signal


def _model_unit(inv: Invocation, request: ModelAsked, shown: str, position: str, group: str | None) -> Unit:
    system = [request.system_message] if request.system_message else []
    messages = [*system, *request.messages]
    tools = sorted(tool_names(request.tools))
    # Digested here, once: the conversation can be long, and the runtime would encode it with types for the same end.
    told = inv.told.of(messages)
    asked = digest_of([_model_identity(request.model), [each.digest for each in told], tools])
    return Unit(
        name=f"model_call__{shown}__{inv.graph}",
        adapter=ADAPTER,
        kind="model",
        type="model_call",
        key=inv.key(position),
        inputs={"model_input": {"model": shown, "tools": tools, "messages": len(messages)}}
        if inv.capture.save_model_input
        else {},
        identity=asked,
        history=[each.shown for each in told] if inv.capture.save_model_input else None,
        group=group and inv.key(group),
        cache=False,
    )


def _cacheable(unit: Unit, identity: Callable[[], object]) -> Unit:
    """Return the unit with its key in the result cache, which is worked out only for one that takes part."""
    return msgspec.structs.replace(unit, cache_key=digest_of(identity())) if unit.cache is not False else unit


def _model_identity(model: object) -> str:
    return f"{type(model).__module__}.{type(model).__qualname__}:{model_name(model)}"


def _model_in_unit(
    inv: Invocation, unit: Unit, handler: Callable[[], Step]
) -> Procedure[tuple[object, Outcome[object]]]:
    def body(call: Call) -> Procedure[object]:
        with inv.usage.unit() as used:
            result = yield from _leaving_whole(call, handler)
        if used:
            call.carry({"usage": list(used)})
        if inv.capture.save_usage:
            record_tokens(call, used, surface="model_call")
        return pack(result)

    outcome = yield from _outcome(unit, body)
    inv.usage.add(outcome.carried)
    return _as_model_result(unpack(outcome.value)), outcome


def _leaving_whole(call: Call, handler: Callable[[], Step]) -> Procedure[object]:
    try:
        return (yield handler())
    except GraphBubbleUp as signal:
        raise _LeavesUnit(signal, execution_id=call.execution_id) from signal


def _outcome(unit: Unit, body: Callable[[Call], Procedure[object]]) -> Procedure[Outcome[object]]:
    try:
        outcome: Outcome[object] = yield unit_step(unit, body)
    except _LeavesUnit as left:
        raise left.signal from None
    except ControlSignal as signal:
        raise SuspendedInGraph(signal) from signal
    return outcome


def _as_model_result(value: object) -> object:
    if isinstance(value, (str, list, dict)) or value is None:
        return AIMessage(content=value if isinstance(value, (str, list)) else json.dumps(value, default=str))
    return value


def _observed_model(
    inv: Invocation, place: str, shown: str, call: Procedure[tuple[object, Outcome[object] | None]]
) -> Procedure[object]:
    watch = Watch()
    outer = place.rpartition("/")[0]
    facts = {"place": outer, "model_name": shown, "node_name": _node(place), "source": "middleware"}
    try:
        result, outcome = yield from call
    except BaseException as error:
        _event(inv, "model_call", **facts, **watch.fields(_ending(error), error))
        raise
    event = _event(
        inv, "model_call", **facts, **watch.fields(), **_boundary_facts(outcome, refer=inv.capture.save_model_response)
    )
    inv.events.reserve(
        event, [call["id"] for message in _messages(result) for call in message.tool_calls if call["id"]]
    )
    return result


def _messages(result: object) -> list[AIMessage]:
    response = getattr(result, "model_response", result)
    return [message for message in getattr(response, "result", [response]) if isinstance(message, AIMessage)]


def _ending(error: BaseException) -> Status:
    return "interrupted" if isinstance(error, GraphBubbleUp) else "failed"


def _node(place: str) -> str | None:
    return place.rpartition("/")[2].partition("@")[0] or None


def _boundary_facts(outcome: Outcome[object] | None, *, refer: bool) -> dict[str, object]:
    if outcome is None:
        return {"checkpoint_mode": "metadata_only"}
    facts: dict[str, object] = {
        "checkpoint_mode": "true",
        "checkpoint_id": outcome.call_id,
        "checkpoint_name": outcome.invocation_id,
    }
    return {**facts, "artifacts": {"output": outcome.call_id}} if refer else facts


def _event(inv: Invocation, kind: str, **fields: Any) -> str:
    return inv.events.add(kind, **fields) if inv.capture.emit_call_events else ""


def durable_tool_call(inv: Invocation, request: ToolCallRequest, handler: Callable[[], Step]) -> Procedure[CallResult]:
    """Make a tool call, as a checkpoint of its own where the invocation wants one.

    Args:
        inv: The invocation.
        request: The call.
        handler: Builds the step that really runs the tool.

    Returns:
        The tool's result, decoded from what was stored.
    """
    tool = request.tool_call["name"]
    config = inv.policy.for_tool(tool)
    place = inv.tracker.here()
    turn = inv.tracker.turn()
    if not _opens_unit(inv, config):
        if turn is not None:
            inv.tracker.turns.gone(turn)
        return (yield from _observed_tool(inv, place, request, _passing(handler)))
    position = f"{place}/tool:{request.tool_call['id'] or tool}"
    with inv.ordinals.next(position) as number:
        at = f"{position}#{number}"
        unit = with_config(_tool_unit(inv, request, at, inv.siblings.of_tool(place, at)), config or {})
        if unit.cache is not False and _reads_state(request):
            unit = with_config(unit, {"cache": False})
        unit = _cacheable(unit, lambda: _tool_cache_identity(request))
        if turn is not None:
            yield _in_turn(inv, turn)
        return (yield from _observed_tool(inv, place, request, _tool_in_unit(inv, unit, request, handler, turn)))


def _in_turn(inv: Invocation, turn: Turn) -> Step:
    """Return the step that waits for the calls before this one; on an event loop they come in order by themselves."""

    async def at_once() -> None:
        return None

    return Step(lambda: inv.tracker.turns.wait(turn), at_once)


def _reads_state(request: ToolCallRequest) -> bool:
    """Whether a tool gets more than its arguments, so that equal arguments do not mean an equal call."""
    from langgraph.prebuilt.tool_node import _get_all_injected_args

    if request.tool is None:
        return False
    injected = _get_all_injected_args(request.tool)
    return bool(injected.state or injected.store or injected.runtime)


def _tool_unit(inv: Invocation, request: ToolCallRequest, position: str, group: str | None) -> Unit:
    call = request.tool_call
    shown = slug(call["name"], fallback="tool")
    asked = {"tool": call["name"], "args": redacted(call["args"])}
    return Unit(
        name=f"tool_call__{shown}__{inv.graph}",
        adapter=ADAPTER,
        kind="tool",
        type="tool_call",
        key=inv.key(position),
        inputs={"tool_args": asked["args"]} if inv.capture.save_tool_args else {},
        identity=asked,
        group=group and inv.key(group),
        cache=False,
    )


def _tool_cache_identity(request: ToolCallRequest) -> dict[str, object]:
    call = request.tool_call
    private = (request.tool.metadata or {}).get("kitaru_cache_identity") if request.tool else None
    return {"tool": call["name"], "args": call["args"], "private": private}


def _tool_in_unit(
    inv: Invocation, unit: Unit, request: ToolCallRequest, handler: Callable[[], Step], turn: Turn | None
) -> Procedure[tuple[object, Outcome[object]]]:
    def body(call: Call) -> Procedure[object]:
        if turn is not None:
            inv.tracker.turns.gone(turn)
        with inv.usage.unit() as used, recorded_sends(request.runtime.config) as sends:
            result = yield from _leaving_whole(call, handler)
        if used:
            call.carry({"usage": list(used)})
        if inv.capture.save_usage:
            record_tokens(call, used, surface="model_call")
        return stored_object("tool_call", {"result": pack(result), "sends": pack(list(sends))})

    outcome = yield from _outcome(unit, body)
    inv.usage.add(outcome.carried)
    stored = stored_fields(outcome.value, "tool_call")
    if stored is not None:
        if not outcome.executed:
            send_again(request.runtime.config, unpack(stored["sends"]))
        return _as_tool_result(unpack(stored["result"]), request), outcome
    return _as_tool_result(unpack(outcome.value), request), outcome


def _is_result(value: object) -> bool:
    return isinstance(value, (ToolMessage, Command))


def _as_tool_result(value: object, request: ToolCallRequest) -> object:
    if _is_result(value) or (isinstance(value, list) and value and all(map(_is_result, value))):
        return value
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return ToolMessage(content=text, name=request.tool_call["name"], tool_call_id=request.tool_call["id"])


def _observed_tool(
    inv: Invocation, place: str, request: ToolCallRequest, call: Procedure[tuple[object, Outcome[object] | None]]
) -> Procedure[object]:
    watch = Watch()
    facts = {
        "place": place.rpartition("/")[0],
        "tool_name": request.tool_call["name"],
        "tool_call_id": request.tool_call["id"],
        "node_name": _node(place),
        "source": "middleware",
    }
    try:
        result, outcome = yield from call
    except BaseException as error:
        _event(inv, "tool_call", **facts, **watch.fields(_ending(error), error))
        raise
    _event(inv, "tool_call", **facts, **watch.fields(), **_boundary_facts(outcome, refer=inv.capture.save_tool_result))
    return result

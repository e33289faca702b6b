"""The doors through which model requests, compactions and handler deliveries become units of the flow."""

from __future__ import annotations

import time
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic_ai.durable_exec import (
    JSON_CODEC,
    CallableOperationBackend,
    CapabilityOperationId,
    DurabilityEngineSpec,
    JournalOperationNamer,
    ModelCancelSuspendedResponseId,
    ModelCompactMessagesId,
    ModelRequestId,
    RoleBasedOperationConfig,
)
from pydantic_ai.exceptions import (
    ContentFilterError,
    ModelAuthenticationError,
    ModelContextWindowExceededError,
    ModelNotFoundError,
    ModelQuotaExceededError,
    ModelRequestRejectedError,
    ModelRetry,
    UsageLimitExceeded,
    UserError,
)
from pydantic_ai.tools import RunContext
from pydantic_core import to_jsonable_python

from kitaru import seam
from kitaru_adapters.kit.configs import CheckpointConfig, with_config
from kitaru_adapters.kit.names import slug
from kitaru_adapters.pydantic_ai.codec import fingerprint, load_response
from kitaru_adapters.pydantic_ai.framework import record_unit
from kitaru_adapters.pydantic_ai.runs import RunState, run_state
from kitaru_adapters.pydantic_ai.types import ADAPTER
from kitaru_adapters.pydantic_ai.usage import record_usage

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pydantic_ai.durable_exec import DurableOperationId
    from pydantic_ai.models import Model

    from kitaru.records.boundary import BoundaryKind
    from kitaru_adapters.pydantic_ai.settings import Settings

__all__ = ["ENGINE", "STREAM", "UnitBackend", "worth_retrying"]

# Releases before 2.66 know no such switch: they refuse a cancellation token at flow scope.
_TOKENS: dict[str, Any] = (
    {"accepts_cancellation_token": True}
    if "accepts_cancellation_token" in DurabilityEngineSpec.__dataclass_fields__
    else {}
)
ENGINE = DurabilityEngineSpec(
    engine_name="Kitaru",
    durable_unit_noun="checkpoint",
    durable_container_noun="flow",
    codec=JSON_CODEC,
    tool_config_key="kitaru",
    **_TOKENS,
)

_FINAL = (
    UserError,
    UsageLimitExceeded,
    ModelRetry,
    ModelRequestRejectedError,
    ModelAuthenticationError,
    ModelNotFoundError,
    ModelContextWindowExceededError,
    ModelQuotaExceededError,
    ContentFilterError,
)


@dataclass
class StreamProgress:
    """Whether the stream of the present attempt has shown anything to anybody."""

    produced: bool = False


STREAM: ContextVar[StreamProgress | None] = ContextVar("kitaru_pydantic_ai_stream", default=None)


def worth_retrying(error: BaseException) -> bool:
    """Return whether another attempt at a model request could end better.

    Args:
        error: What the attempt raised.

    Returns:
        False for control flow, for requests that are wrong as they are, and once a stream has shown output.
    """
    progress = STREAM.get()
    return not isinstance(error, _FINAL) and not (progress is not None and progress.produced)


class UnitBackend(CallableOperationBackend[CheckpointConfig]):
    """Runs each of the framework's durable operations as one unit, on the loop and in the task that asked for it."""

    def __init__(self, settings: Settings, *, by_position: bool = False) -> None:
        """Prepare a backend for one agent.

        Args:
            settings: What the caller set.
            by_position: Whether calls are found by their place in the flow, for runs whose ids are not stable.
        """
        config = RoleBasedOperationConfig[CheckpointConfig](
            model=settings.model_config, event={}, capability={}, tool=settings.tool_config
        )
        super().__init__(namer=JournalOperationNamer(settings.agent_name), config=config)
        self._settings = settings
        self._by_position = by_position

    async def execute(
        self,
        *,
        operation_id: DurableOperationId,
        name: str,
        body: Callable[[], Awaitable[object]],
        cache_key: tuple[object, ...],
        config: CheckpointConfig,
    ) -> object:
        """Run one operation as a unit, or give its recorded outcome back.

        Args:
            operation_id: Which operation.
            name: The framework's own name for it.
            body: The operation; returns its result as data.
            cache_key: Its inputs, with the run's context among them.
            config: Settings of this kind of operation.

        Returns:
            The result as data.
        """
        ctx = next((part for part in cache_key if isinstance(part, RunContext)), None)
        if isinstance(operation_id, ModelRequestId) and ctx is not None:
            return await self._request(operation_id, body, cache_key, config, ctx)
        return await self._other(operation_id, name, body, config, ctx)

    async def _request(
        self,
        operation: ModelRequestId,
        body: Callable[[], Awaitable[object]],
        inputs: tuple[object, ...],
        config: CheckpointConfig,
        ctx: RunContext[object],
    ) -> object:
        state = run_state(ctx)
        unit = self._request_unit(operation, inputs, config, ctx, state)
        progress = STREAM.set(StreamProgress())
        started = time.monotonic()

        async def measured(call: seam.Call) -> object:
            payload = await body()
            record_usage(call, self._settings, payload, latency=time.monotonic() - started)
            return _stamped(payload, operation, ctx)

        try:
            outcome = await seam.run_unit_async(unit, measured)
        except Exception as error:
            self._note_request(state, ctx, None, error, time.monotonic() - started)
            raise
        finally:
            STREAM.reset(progress)
        record_unit(executed=outcome.executed)
        state.request_completed(ctx.run_step, "request")
        self._note_request(state, ctx, outcome, None, time.monotonic() - started)
        return outcome.value

    def _note_request(
        self,
        state: RunState,
        ctx: RunContext[object],
        outcome: seam.Outcome[object] | None,
        error: BaseException | None,
        seconds: float,
    ) -> None:
        if state.events is not None:
            state.events.model_request(ctx, outcome, error=error, seconds=seconds)

    def _request_unit(
        self,
        operation: ModelRequestId,
        inputs: tuple[object, ...],
        config: CheckpointConfig,
        ctx: RunContext[object],
        state: RunState,
    ) -> seam.Unit:
        _, messages, settings, parameters, *_ = inputs
        encoded, digest = state.encode_messages(messages)  # type: ignore[arg-type]  # the framework's tuple is untyped
        identity = {
            "model": operation.model_id or operation.model_name,
            "messages": digest,
            "settings": _jsonable(settings),
            "parameters": fingerprint(_jsonable(parameters)),
        }
        unit = seam.Unit(
            name=f"{self._settings.slug}_model_request",
            adapter=ADAPTER,
            kind="model",
            type="llm_call",
            key=None if self._by_position else state.request_key(ctx.run_step, "request"),
            identity=identity,
            inputs={"model": identity["model"], "settings": identity["settings"]},
            history=encoded if self._settings.capture.save_prompts else None,
            retry_if=worth_retrying,
            validate=load_response,
        )
        unit = with_config(unit, config)
        return _cacheable(unit, identity, ctx) if unit.cache else unit

    async def _other(
        self,
        operation: DurableOperationId,
        name: str,
        body: Callable[[], Awaitable[object]],
        config: CheckpointConfig,
        ctx: RunContext[object] | None,
    ) -> object:
        label, kind, type_ = _describe(operation)
        state = run_state(ctx) if ctx is not None else None
        step = ctx.run_step if ctx is not None else 0
        unit = seam.Unit(
            name=slug(f"{self._settings.slug}_{label}" if label else name, fallback="operation"),
            adapter=ADAPTER,
            kind=kind,
            type=type_,
            key=state.request_key(step, label or name) if state is not None else None,
            retry_if=worth_retrying,
            validate=load_response if isinstance(operation, ModelCompactMessagesId) else None,
        )
        outcome = await seam.run_unit_async(with_config(unit, config), lambda _: body())
        record_unit(executed=outcome.executed)
        if state is not None:
            state.request_completed(step, label or name)
        return outcome.value


def _stamped(payload: object, operation: ModelRequestId, ctx: RunContext[object]) -> object:
    """Put run and model on the response now, as the framework does next: the next request then holds the same bytes."""
    if isinstance(payload, dict) and "parts" in payload:
        payload["run_id"] = payload.get("run_id") or ctx.run_id
        payload["conversation_id"] = payload.get("conversation_id") or ctx.conversation_id
        if "model_id" in payload and operation.model_name == ctx.model.model_name:
            payload["model_id"] = payload["model_id"] or operation.model_id or ctx.model.model_id
    return payload


def _describe(operation: DurableOperationId) -> tuple[str | None, BoundaryKind, str]:
    match operation:
        case ModelCompactMessagesId():
            return "compact_messages", "model", "llm_call"
        case ModelCancelSuspendedResponseId():
            return "cancel_response", "model", "llm_call"
        case CapabilityOperationId(capability_id=owner, operation=what):
            return f"{owner}_{what}", "function", "tool_call"
        case _:
            return None, "function", "tool_call"


def _cacheable(unit: seam.Unit, identity: dict[str, object], ctx: RunContext[object]) -> seam.Unit:
    import msgspec

    model: Model = ctx.model  # type: ignore[assignment]  # a durable run targets a regular model
    served = {"system": model.system, "base_url": model.base_url, "model": model.model_name}
    return msgspec.structs.replace(unit, cache_key=fingerprint(_jsonable({**identity, **served})))


def _jsonable(value: object) -> object:
    return to_jsonable_python(value, fallback=lambda item: f"{type(item).__module__}.{type(item).__qualname__}")

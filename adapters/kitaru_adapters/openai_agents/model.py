"""The model seam: every call of a model is one durable unit, streamed or not."""

from __future__ import annotations

import dataclasses
import hashlib
import time
from contextlib import aclosing, contextmanager
from typing import TYPE_CHECKING, Any

import msgspec
from agents.models.interface import Model, ModelProvider
from agents.run_internal.model_provider_lifecycle import _normalize_run_config_for_runner
from agents.tool import FunctionTool
from openai.types.responses import ResponseCompletedEvent, ResponseOutputItemDoneEvent

from kitaru.errors import KitaruRuntimeError
from kitaru.seam import run_unit_async, stream_unit
from kitaru_adapters.openai_agents.boundary import durable_run
from kitaru_adapters.openai_agents.codec import (
    MODEL_CODEC,
    RecordedResponse,
    as_recorded_response,
    item_bytes,
    item_json,
)
from kitaru_adapters.openai_agents.stream import ModelStreamPublisher
from kitaru_adapters.openai_agents.tools import is_durable
from kitaru_adapters.openai_agents.usage import model_call_record

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from agents import RunConfig
    from agents.items import ModelResponse, TResponseStreamEvent
    from agents.model_settings import ModelSettings
    from agents.retry import ModelRetryAdvice, ModelRetryAdviceRequest

    from kitaru.seam import Call, Outcome, Unit
    from kitaru_adapters.openai_agents.boundary import RunScope

__all__ = ["DurableModel", "DurableProvider", "durable_run_config"]

_ARGUMENTS = (
    "system_instructions",
    "input",
    "model_settings",
    "tools",
    "output_schema",
    "handoffs",
    "tracing",
)


class DurableModel(Model):
    """A model whose calls are recorded while a run is at flow scope, and which is transparent everywhere else.

    Args:
        inner: The model that really answers.
    """

    def __init__(self, inner: Model) -> None:
        self.inner = inner

    @property
    def model_name(self) -> str | None:
        """The name that the inner model goes by, if it tells."""
        name = getattr(self.inner, "model", None)
        return name if isinstance(name, str) else None

    async def get_response(self, *args: Any, **kwargs: Any) -> ModelResponse:  # noqa: ANN401 - handed on
        """Return the model's response: the recorded one where there is one.

        Args:
            *args: As the framework calls its models.
            **kwargs: The same.

        Returns:
            The response, decoded from what is stored.
        """
        scope = durable_run()
        if scope is None:
            return await self.inner.get_response(*args, **kwargs)
        request = ModelRequest(scope, self.model_name, _named(args, kwargs))

        async def body(call: Call) -> RecordedResponse:
            started = time.monotonic()
            response = await self.inner.get_response(*args, **kwargs)
            recorded = RecordedResponse.of(response)
            recorded.failed_attempts = scope.failed_attempts
            request.record_usage(call, recorded, started)
            return recorded

        with request.counting_failures():
            async with scope.activity.working():
                outcome = await run_unit_async(request.unit(streamed=False), body)
        return request.completed(outcome).model_response()

    async def stream_response(self, *args: Any, **kwargs: Any) -> AsyncIterator[TResponseStreamEvent]:  # noqa: ANN401 - as above
        """Yield the model's events as they arrive; of a recorded response only the last one.

        Args:
            *args: As the framework calls its models.
            **kwargs: The same.

        Yields:
            The events.
        """
        scope = durable_run()
        if scope is None:
            async with aclosing(self.inner.stream_response(*args, **kwargs)) as live:  # type: ignore[type-var]  # every model of the framework is an async generator
                async for event in live:
                    yield event
            return
        request = ModelRequest(scope, self.model_name, _named(args, kwargs))
        unit = request.unit(streamed=True)

        async def source(call: Call) -> AsyncIterator[TResponseStreamEvent]:
            started = time.monotonic()
            publisher = ModelStreamPublisher(call, scope.acting_agent, scope.settings.capture)
            async for event in publisher.published(self.inner.stream_response(*args, **kwargs)):
                if isinstance(event, ResponseCompletedEvent):
                    request.record_usage(call, RecordedResponse.of_stream(event.response), started)
                yield event

        def assemble(events: list[TResponseStreamEvent]) -> RecordedResponse:
            recorded = _assemble(events)
            recorded.failed_attempts = scope.failed_attempts
            return recorded

        with request.counting_failures():
            async with scope.activity.working(), stream_unit(unit, source, assemble=assemble, replay=_replay) as stream:
                async for event in stream:
                    yield event
                request.completed(await stream.outcome())

    def get_retry_advice(self, request: ModelRetryAdviceRequest) -> ModelRetryAdvice | None:
        """Forward the question whether a failed request may be sent again."""
        return self.inner.get_retry_advice(request)

    def _supports_default_prompt_cache_key(self) -> bool:
        supports = getattr(self.inner, "_supports_default_prompt_cache_key", None)
        return bool(supports()) if callable(supports) else False

    async def close(self) -> None:
        """Close the inner model."""
        await self.inner.close()

    async def _cleanup_on_run_end(self, owner: object) -> None:
        await self.inner._cleanup_on_run_end(owner)  # noqa: SLF001 - the framework's own hook between model and run


class DurableProvider(ModelProvider):
    """A provider whose models are recorded.

    Args:
        inner: The provider that knows the models.
    """

    def __init__(self, inner: ModelProvider) -> None:
        self.inner = inner
        self._models: dict[int, DurableModel] = {}

    def get_model(self, model_name: str | None) -> Model:
        """Return the inner provider's model, recorded; the same one for the same model."""
        model = self.inner.get_model(model_name)
        if isinstance(model, DurableModel):
            return model
        return self._models.setdefault(id(model), DurableModel(model))

    async def aclose(self) -> None:
        """Close the inner provider."""
        await self.inner.aclose()


def durable_run_config(config: RunConfig | dict[str, Any] | None) -> tuple[RunConfig, bool]:
    """Return a copy of a run configuration whose models are recorded.

    Args:
        config: The caller's configuration, in any form the framework takes; it is not changed.

    Returns:
        The copy, and whether its model provider was made here and is ours to close.
    """
    known, owned = _normalize_run_config_for_runner(config)
    provider = known.model_provider
    changes: dict[str, Any] = {}
    if not isinstance(provider, DurableProvider):
        changes["model_provider"] = DurableProvider(provider)
    if isinstance(known.model, Model) and not isinstance(known.model, DurableModel):
        changes["model"] = DurableModel(known.model)
    return dataclasses.replace(known, **changes), owned


class ModelRequest:
    """One request to a model: what identifies it, what is stored of it, and what follows from its response."""

    def __init__(self, scope: RunScope, model: str | None, arguments: dict[str, Any]) -> None:
        self._scope = scope
        self._model = model
        self._arguments = arguments
        self._position = scope.recorder.take()
        for tool in arguments["tools"]:
            if isinstance(tool, FunctionTool) and not is_durable(tool):
                scope.recorder.warn(
                    f"The tool {tool.name!r} came in while the run was going on, so its calls are not recorded; "
                    "put it on the agent before the run."
                )
        self._started = time.monotonic()

    def unit(self, *, streamed: bool) -> Unit:
        """Return the boundary of this request.

        Args:
            streamed: Whether the caller reads a stream; shown in the inputs.

        Returns:
            The unit; its key counts the calls of this run that have completed.
        """
        scope, arguments = self._scope, self._arguments
        history = _history(arguments["input"])
        shown = _shown_request(arguments, self._model, scope.acting_agent, streamed=streamed)
        identity = {**shown, "input": _digest(history)}
        config = scope.settings.model
        return scope.unit(
            f"{scope.acting_agent}_openai_model_call",
            f"model/{scope.completed_model_calls + 1}",
            config,
            kind="model",
            label="llm_call",
            inputs={"input": shown} if scope.settings.capture.save_input else {},
            identity={key: value for key, value in identity.items() if key != "streamed"},
            history=history,
            codec=MODEL_CODEC,
            validate=as_recorded_response,
            cache_key=scope.cache_key("model", msgspec.json.encode(identity)) if config.get("cache") else None,
        )

    @contextmanager
    def counting_failures(self) -> Iterator[None]:
        """Count an attempt that fails, for the framework may make another one of the same call."""
        try:
            yield
        except Exception:
            self._scope.failed_attempts += 1
            raise

    def record_usage(self, call: Call, response: RecordedResponse, started: float) -> None:
        """Record what the call cost, in the body that paid for it."""
        settings = self._scope.settings
        if settings.capture.save_usage:
            call.record_usage(
                model_call_record(
                    call,
                    response.model_response().usage,
                    model=self._model,
                    calculator=settings.cost_calculator,
                    latency_ms=round((time.monotonic() - started) * 1000, 3),
                )
            )

    def completed(self, outcome: Outcome[RecordedResponse]) -> RecordedResponse:
        """Count the call, keep its event, and give the calls it asks for their places in the log.

        Args:
            outcome: What the seam gave back, live or recorded.

        Returns:
            The response.
        """
        scope = self._scope
        response = outcome.value if outcome.executed else outcome.value.with_failed_attempts()
        scope.completed_model_calls += 1
        scope.failed_attempts = 0
        scope.recorder.saw_model(self._model)
        metadata: dict[str, Any] = {"model": self._model, "response_id": response.response_id}
        if scope.settings.capture.save_response_items:
            metadata["output"] = response.output
        scope.recorder.add(
            "llm_call",
            position=self._position,
            agent=scope.acting_agent,
            outcome=outcome,
            duration_ms=round((time.monotonic() - self._started) * 1000, 3),
            metadata=metadata,
        )
        scope.recorder.reserve(f"{scope.path}/{call_id}" for call_id in _call_ids(response))
        self._observe_hosted_tools(response)
        return response

    def _observe_hosted_tools(self, response: RecordedResponse) -> None:
        for item in response.output:
            kind = item.get("type", "") if isinstance(item, dict) else ""
            if kind.endswith("_call") and kind.removesuffix("_call") in _HOSTED:
                self._scope.recorder.add(
                    "hosted_tool_observed",
                    position=self._scope.recorder.take(),
                    status="observed",
                    agent=self._scope.acting_agent,
                    metadata={"item_type": kind, "item_id": item.get("id")},
                )


_HOSTED = {"web_search", "file_search", "code_interpreter", "image_generation", "mcp"}


def _named(args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    named = dict(zip(_ARGUMENTS, args, strict=False))
    return {"previous_response_id": None, "conversation_id": None, "prompt": None, **named, **kwargs}


def _history(items: object) -> list[bytes]:
    listed = items if isinstance(items, list) else [{"role": "user", "content": items}]
    return [item_bytes(item) for item in listed]


def _digest(history: list[bytes]) -> str:
    digest = hashlib.sha256()
    for item in history:
        digest.update(hashlib.sha256(item).digest())
    return digest.hexdigest()


def _shown_request(arguments: dict[str, Any], model: str | None, agent: str, *, streamed: bool) -> dict[str, Any]:
    settings = arguments["model_settings"]
    schema = arguments["output_schema"]
    return {
        "agent": agent,
        "model": model,
        "streamed": streamed,
        "system_instructions": arguments["system_instructions"],
        "settings": _shown_settings(settings),
        "tools": [_tool_digest(tool) for tool in arguments["tools"]],
        "handoffs": [handoff.tool_name for handoff in arguments["handoffs"]],
        "output_type": schema.name() if schema is not None else None,
        "previous_response_id": arguments["previous_response_id"],
        "conversation_id": arguments["conversation_id"],
        "prompt": item_json(arguments["prompt"]),
    }


def _shown_settings(settings: ModelSettings | None) -> dict[str, Any]:
    shown = {name: value for name, value in (settings.to_json_dict() if settings else {}).items() if value is not None}
    extra = shown.get("extra_args")
    if isinstance(extra, dict) and str(extra.get("prompt_cache_key", "")).startswith("agents-sdk:"):
        # made up by the framework for each run, so it says nothing about the request
        shown["extra_args"] = {name: value for name, value in extra.items() if name != "prompt_cache_key"}
    return shown


def _tool_digest(tool: object) -> str:
    name = str(getattr(tool, "name", type(tool).__name__))
    schema = getattr(tool, "params_json_schema", None)
    return f"{name}:{hashlib.sha256(item_bytes(schema)).hexdigest()[:16]}" if schema is not None else name


def _call_ids(response: RecordedResponse) -> Iterator[str]:
    for item in response.output:
        call_id = item.get("call_id") if isinstance(item, dict) else None
        if isinstance(call_id, str):
            yield call_id


def _assemble(events: list[TResponseStreamEvent]) -> RecordedResponse:
    completed = next((event for event in reversed(events) if isinstance(event, ResponseCompletedEvent)), None)
    if completed is None:
        msg = "The model's stream ended without a completed response, so there is nothing to record; run it again."
        raise KitaruRuntimeError(msg)
    response = completed.response
    if not response.output:  # some backends deliver items one by one and leave the last event's list empty
        done = [event.item for event in events if isinstance(event, ResponseOutputItemDoneEvent)]
        response = response.model_copy(update={"output": done})
    return RecordedResponse.of_stream(response)


def _replay(response: RecordedResponse) -> list[TResponseStreamEvent]:
    return [response.with_failed_attempts().completed_event()]

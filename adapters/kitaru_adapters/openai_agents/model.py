"""The model seam: every call of a model is one durable unit, streamed or not."""

from __future__ import annotations

import dataclasses
import time
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, TypeAlias

from agents import RunConfig
from agents.models.interface import Model, ModelProvider
from agents.run_internal.model_provider_lifecycle import _normalize_run_config_for_runner
from openai.types.responses import (
    ResponseCompletedEvent,
    ResponseOutputItemDoneEvent,
    ResponseOutputMessage,
    ResponseOutputText,
    ResponseTextDeltaEvent,
)

from kitaru.errors import KitaruRuntimeError
from kitaru.seam import run_unit_async, stream_unit
from kitaru_adapters.openai_agents.boundary import durable_run
from kitaru_adapters.openai_agents.codec import (
    RecordedResponse,
)
from kitaru_adapters.openai_agents.request import ModelArguments, ModelRequest
from kitaru_adapters.openai_agents.stream import ModelStreamPublisher

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator, Mapping

    from agents.items import ModelResponse, TResponseStreamEvent
    from agents.retry import ModelRetryAdvice, ModelRetryAdviceRequest

    from kitaru.seam import Call

__all__ = ["DurableModel", "DurableProvider", "GivenConfig", "durable_run_config"]

GivenConfig: TypeAlias = RunConfig | dict[str, Any] | None
"""The configuration of a run in any form that the framework takes."""

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

    async def get_response(self, *args: Any, **kwargs: Any) -> ModelResponse:
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
            request.record_usage(call, response.usage, started)
            return recorded

        with request.counting_failures():
            async with scope.activity.working():
                outcome = await run_unit_async(request.unit(streamed=False), body)
        return request.completed(outcome).model_response()

    async def stream_response(self, *args: Any, **kwargs: Any) -> AsyncIterator[TResponseStreamEvent]:
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
                    request.record_usage(call, RecordedResponse.of_stream(event.response).tokens(), started)
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


def durable_run_config(config: GivenConfig) -> tuple[RunConfig, bool]:
    """Return a copy of a run configuration whose models are recorded.

    Args:
        config: The caller's configuration, in any form the framework takes; it is not changed.

    Returns:
        The copy, and whether its model provider was made here and is ours to close.
    """
    known, owned = _normalize_run_config_for_runner(config)
    provider, model = known.model_provider, known.model
    if not isinstance(provider, DurableProvider):
        provider = DurableProvider(provider)
    if isinstance(model, Model) and not isinstance(model, DurableModel):
        model = DurableModel(model)
    return dataclasses.replace(known, model_provider=provider, model=model), owned


def _named(args: Iterable[object], kwargs: Mapping[str, object]) -> ModelArguments:
    named = dict(zip(_ARGUMENTS, args, strict=False))
    return {"previous_response_id": None, "conversation_id": None, "prompt": None, **named, **kwargs}


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
    """Return a stream that says again what was recorded: each text as one piece, then the whole response."""
    completed = response.with_failed_attempts().completed_event()
    return [*_texts(completed), completed]


def _texts(completed: ResponseCompletedEvent) -> Iterator[TResponseStreamEvent]:
    for output_index, item in enumerate(completed.response.output):
        if isinstance(item, ResponseOutputMessage):
            for content_index, part in enumerate(item.content):
                if isinstance(part, ResponseOutputText) and part.text:
                    yield ResponseTextDeltaEvent(
                        type="response.output_text.delta",
                        delta=part.text,
                        item_id=item.id,
                        output_index=output_index,
                        content_index=content_index,
                        logprobs=[],
                        sequence_number=0,
                    )

"""Streams that reach the caller while their unit still runs; a reused unit hands its parts out as whole ones."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from pydantic_ai.messages import ModelResponse
from pydantic_ai.models import CompletedStreamedResponse, ModelRequestContext, StreamedResponse

from kitaru_adapters.pydantic_ai.framework import DurableModel

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from pydantic_ai.messages import ModelMessage, ModelResponseStreamEvent
    from pydantic_ai.models import Model, ModelRequestParameters
    from pydantic_ai.settings import ModelSettings
    from pydantic_ai.tools import RunContext

__all__ = ["TEE", "LiveModel", "Tee"]


class Tee:
    """Carries the events of one streamed request from its unit to the caller."""

    def __init__(self) -> None:
        self._events: asyncio.Queue[ModelResponseStreamEvent | None] = asyncio.Queue()
        self._first = asyncio.Event()

    def put(self, event: ModelResponseStreamEvent) -> None:
        """Hand one event to the caller."""
        self._first.set()
        self._events.put_nowait(event)

    def end(self, _unit: object = None) -> None:
        """Say that no event follows."""
        self._events.put_nowait(None)

    async def opened(self, unit: asyncio.Task[object]) -> bool:
        """Wait until the first event is there or the unit has ended.

        Args:
            unit: The unit.

        Returns:
            Whether there are live events.
        """
        first = asyncio.ensure_future(self._first.wait())
        try:
            await asyncio.wait({first, unit}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            first.cancel()
        return self._first.is_set()

    async def events(self) -> AsyncIterator[ModelResponseStreamEvent]:
        """Yield the events until the unit has ended."""
        while (event := await self._events.get()) is not None:
            yield event


TEE: ContextVar[Tee | None] = ContextVar("kitaru_pydantic_ai_tee", default=None)
"""Where the unit of the present request sends its events, if the caller wants them live."""


class _LiveResponse(CompletedStreamedResponse):
    """A stream whose events come out of a unit that is still running."""

    def __init__(
        self, tee: Tee, unit: asyncio.Task[Any], *, model_name: str, model_request_parameters: ModelRequestParameters
    ) -> None:
        unfinished = ModelResponse(parts=[], model_name=model_name)
        super().__init__(unfinished, model_request_parameters=model_request_parameters, replay_events=True)
        self._tee = tee
        self._unit = unit

    def __aiter__(self) -> AsyncIterator[ModelResponseStreamEvent]:
        if self._event_iterator is None:
            self._event_iterator = self._live()
        return self._event_iterator

    async def _live(self) -> AsyncIterator[ModelResponseStreamEvent]:
        async for event in self._tee.events():
            self._parts_manager.apply_event(event)
            yield event
        self.response = await self._unit
        self.state = self.response.state
        self._finished = True

    def get(self) -> ModelResponse:
        return super().get() if self._finished else StreamedResponse.get(self)


class LiveModel(DurableModel):
    """The framework's durable model, with streamed requests that the caller sees while they run."""

    @classmethod
    def of(cls, model: DurableModel) -> LiveModel:
        """Return a live model with the segments of a durable one.

        Args:
            model: The durable model.

        Returns:
            The live model.
        """
        return cls(
            model.wrapped,
            request_segment=model._request_segment,  # noqa: SLF001 - the framework's parts of the same model
            request_stream_segment=model._request_stream_segment,  # noqa: SLF001 - as above
            compact_messages_segment=model._compact_messages_segment,  # noqa: SLF001 - as above
            cancel_suspended_response_segment=model._cancel_suspended_response_segment,  # noqa: SLF001 - as above
        )

    def _with_serving_wrapper(self, wrap: Callable[[Model], Model]) -> Model:
        wrapped = super()._with_serving_wrapper(wrap)
        return LiveModel.of(wrapped) if isinstance(wrapped, DurableModel) and wrapped is not self else wrapped

    @asynccontextmanager
    async def request_stream(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
        run_context: RunContext[object] | None = None,
    ) -> AsyncIterator[CompletedStreamedResponse]:
        """Make one streamed request as a unit, and yield its stream as soon as the first event is there.

        Args:
            messages: The conversation.
            model_settings: Settings of the request.
            model_request_parameters: Tools and output of the request.
            run_context: The framework's context of the step.

        Yields:
            The streamed response.

        Raises:
            Exception: The request failed before it showed anything.
        """
        del run_context
        tee = Tee()
        token = TEE.set(tee)
        request = ModelRequestContext(
            model=self.wrapped,
            messages=messages,
            model_settings=model_settings,
            model_request_parameters=model_request_parameters,
        )
        unit: asyncio.Task[Any] = asyncio.ensure_future(self._request_stream_segment(request))
        TEE.reset(token)
        unit.add_done_callback(tee.end)
        try:
            if await tee.opened(unit):
                yield _LiveResponse(
                    tee,
                    unit,
                    model_name=self.wrapped.model_name,
                    model_request_parameters=model_request_parameters,
                )
            else:
                yield CompletedStreamedResponse(
                    await unit, model_request_parameters=model_request_parameters, replay_events=True
                )
        finally:
            if not unit.done():
                unit.cancel()
                await asyncio.wait({unit})

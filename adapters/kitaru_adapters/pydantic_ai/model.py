"""One model whose requests become units, for agents that are put together by hand."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from pydantic_ai.durable_exec import JSON_CODEC, ModelRequestId
from pydantic_ai.messages import ModelResponse
from pydantic_ai.models import CompletedStreamedResponse
from pydantic_ai.models.wrapper import WrapperModel
from pydantic_ai.tools import RunContext
from pydantic_ai.usage import RunUsage

from kitaru import seam
from kitaru_adapters.pydantic_ai.boundary import UnitBackend
from kitaru_adapters.pydantic_ai.framework import current_run_context
from kitaru_adapters.pydantic_ai.settings import make_settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from pydantic_ai.messages import ModelMessage
    from pydantic_ai.models import Model, ModelRequestParameters, StreamedResponse
    from pydantic_ai.settings import ModelSettings

    from kitaru_adapters.pydantic_ai.types import CapturePolicy, CheckpointConfig

__all__ = ["KitaruModel"]


class KitaruModel(WrapperModel):
    """A model whose requests become units at flow scope; elsewhere it is the wrapped model."""

    def __init__(
        self,
        wrapped: Model,
        *,
        capture: CapturePolicy | None = None,
        agent_name: str,
        checkpoint_config: CheckpointConfig | None = None,
    ) -> None:
        """Wrap a model.

        Args:
            wrapped: The model.
            capture: What may be seen of its requests.
            agent_name: Name in the names of units.
            checkpoint_config: Settings of its requests.

        Raises:
            KitaruUsageError: The configuration is wrong.
        """
        super().__init__(wrapped)
        self._kitaru = make_settings(agent_name=agent_name, capture=capture, model_checkpoint_config=checkpoint_config)

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        """Make one request, or give its recorded response back.

        Args:
            messages: The conversation.
            model_settings: Settings of the request.
            model_request_parameters: Tools and output of the request.

        Returns:
            The response.
        """
        inputs = (messages, model_settings, model_request_parameters)
        if not seam.in_flow():
            return await self.wrapped.request(*inputs)
        return await self._as_unit(inputs, lambda: self.wrapped.request(*inputs), streaming=False)

    @asynccontextmanager
    async def request_stream(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
        run_context: RunContext[object] | None = None,
    ) -> AsyncIterator[StreamedResponse]:
        """Make one streamed request; at flow scope it is consumed inside its unit and comes out part by part.

        Args:
            messages: The conversation.
            model_settings: Settings of the request.
            model_request_parameters: Tools and output of the request.
            run_context: The framework's context of the step.

        Yields:
            The streamed response.
        """
        inputs = (messages, model_settings, model_request_parameters)
        if not seam.in_flow():
            async with self.wrapped.request_stream(*inputs, run_context) as stream:
                yield stream
            return

        async def consume() -> ModelResponse:
            async with self.wrapped.request_stream(*inputs, run_context) as stream:
                async for _ in stream:
                    pass
            return stream.get()

        response = await self._as_unit(inputs, consume, streaming=True)
        yield CompletedStreamedResponse(response, model_request_parameters=model_request_parameters, replay_events=True)

    async def _as_unit(
        self, inputs: tuple[object, ...], request: Callable[[], Awaitable[ModelResponse]], *, streaming: bool
    ) -> ModelResponse:
        ctx = current_run_context() or RunContext(deps=None, model=self.wrapped, usage=RunUsage())

        async def body() -> object:
            return JSON_CODEC.dump(ModelResponse, await request())

        payload = await UnitBackend(self._kitaru, by_position=True).execute(
            operation_id=ModelRequestId(None, streaming=streaming, model_name=self.wrapped.model_name),
            name="model.request",
            body=body,
            cache_key=(None, *inputs, ctx),
            config=self._kitaru.model_config,
        )
        response: ModelResponse = JSON_CODEC.load(ModelResponse, payload)
        return response

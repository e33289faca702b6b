"""Durable calls of models and tools that no LangChain agent middleware sees: raw nodes, other middleware, subagents."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, message_chunk_to_message
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from pydantic import ConfigDict

from kitaru_adapters.langgraph.boundary import durable_model_call, model_name
from kitaru_adapters.langgraph.invocation import active_invocation
from kitaru_adapters.langgraph.steps import Step, drive, drive_async

if TYPE_CHECKING:
    from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
    from langchain_core.language_models import LanguageModelInput
    from langchain_core.messages import ToolCallChunk
    from langchain_core.runnables import Runnable

__all__ = ["DurableChatModel", "durable_model"]


class Asked:
    """What a bare model is asked, in the shape in which the middleware sees a request."""

    def __init__(self, model: BaseChatModel, messages: Sequence[BaseMessage], settings: dict[str, Any]) -> None:
        self.model = model
        self.messages: list[BaseMessage] = list(messages)
        self.system_message: BaseMessage | None = None
        self.tools: Sequence[object] = settings.get("tools") or []
        self.tool_choice: object = settings.get("tool_choice")
        rest = {key: value for key, value in settings.items() if key not in {"tools", "tool_choice"}}
        self.model_settings: dict[str, object] = rest


class DurableChatModel(BaseChatModel):
    """A chat model whose calls are checkpoints while a `KitaruGraphRunner` runs the graph with `"calls"`.

    Attributes:
        inner: The model that really answers.
        unit_name: Name of its checkpoints.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    inner: BaseChatModel
    unit_name: str

    @property
    def _llm_type(self) -> str:
        return f"kitaru-{self.inner._llm_type}"  # noqa: SLF001 - the hook that subclasses of the framework override

    def bind_tools(self, tools: Sequence[Any], **kwargs: Any) -> Runnable[LanguageModelInput, AIMessage]:
        """Bind tools as the inner model does it.

        Args:
            tools: The tools.
            **kwargs: As the inner model takes them.

        Returns:
            This model with the inner model's arguments bound.
        """
        bound = self.inner.bind_tools(tools, **kwargs)
        return self.bind(**getattr(bound, "kwargs", {}))

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        def ask() -> object:
            return _message(self.inner._generate(messages, stop, run_manager, **kwargs))  # noqa: SLF001

        inv = active_invocation()
        if inv is None:
            return self.inner._generate(messages, stop, run_manager, **kwargs)  # noqa: SLF001
        asked = Asked(self.inner, messages, kwargs)
        return _result(drive(durable_model_call(inv, asked, lambda: Step(ask), name=self.unit_name)))

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        async def ask() -> object:
            return _message(await self.inner._agenerate(messages, stop, run_manager, **kwargs))  # noqa: SLF001

        inv = active_invocation()
        if inv is None:
            return await self.inner._agenerate(messages, stop, run_manager, **kwargs)  # noqa: SLF001
        asked = Asked(self.inner, messages, kwargs)
        return _result(
            await drive_async(durable_model_call(inv, asked, lambda: Step(run_async=ask), name=self.unit_name))
        )

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        yield _chunk(self._generate(messages, stop, run_manager, **kwargs))

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        yield _chunk(await self._agenerate(messages, stop, run_manager, **kwargs))


def _message(result: ChatResult) -> AIMessage:
    message = result.generations[0].message
    whole = message_chunk_to_message(message) if isinstance(message, AIMessageChunk) else message
    return whole if isinstance(whole, AIMessage) else AIMessage(content=whole.content)


def _result(message: BaseMessage) -> ChatResult:
    return ChatResult(generations=[ChatGeneration(message=message)])


def _chunk(result: ChatResult) -> ChatGenerationChunk:
    message = result.generations[0].message
    parts = {name: getattr(message, name) for name in ("content", "additional_kwargs", "response_metadata", "id")}
    calls: list[ToolCallChunk] = [
        {
            "name": call["name"],
            "args": json.dumps(call["args"]),
            "id": call["id"],
            "index": index,
            "type": "tool_call_chunk",
        }
        for index, call in enumerate(getattr(message, "tool_calls", ()))
    ]
    used = getattr(message, "usage_metadata", None)
    return ChatGenerationChunk(message=AIMessageChunk(**parts, tool_call_chunks=calls, usage_metadata=used))


def durable_model(model: BaseChatModel, *, name: str | None = None) -> DurableChatModel:
    """Make the calls of a model checkpoints also where no agent middleware surrounds them.

    Use it for models in raw nodes, in the functional API, and in other middleware (summarising, routing). Models that
    are called in parallel within one node need different names.

    Args:
        model: The model.
        name: Name of its checkpoints; the model's own if left out.

    Returns:
        A chat model in its place.
    """
    return DurableChatModel(inner=model, unit_name=name or model_name(model))

"""Anthropic's messages API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from anthropic import Anthropic as Client
from anthropic import AsyncAnthropic
from anthropic.types import Message as Answer
from anthropic.types import Usage

from kitaru.errors import KitaruUsageError
from kitaru.models.api import Message, ModelReply, ModelRequest

__all__ = ["Anthropic"]

_MAX_TOKENS: Final = 4096


class Anthropic:
    """Anthropic.

    Attributes:
        credentials: Names of which one must be found.
        options: Names that are handed over where they are found.
    """

    credentials: tuple[str, ...] = ("ANTHROPIC_API_KEY",)
    options: tuple[str, ...] = ("ANTHROPIC_BASE_URL",)

    def complete(self, request: ModelRequest) -> ModelReply:
        """Call the model.

        Args:
            request: The call.

        Raises:
            KitaruUsageError: A message of the system's does not stand in front.
        """
        arguments = _arguments(request)
        with Client(**_client(request.credentials)) as client:
            return _reply(client.messages.create(**arguments))

    async def complete_async(self, request: ModelRequest) -> ModelReply:
        """Call the model on the caller's event loop.

        Args:
            request: The call.

        Raises:
            KitaruUsageError: A message of the system's does not stand in front.
        """
        arguments = _arguments(request)
        async with AsyncAnthropic(**_client(request.credentials)) as client:
            return _reply(await client.messages.create(**arguments))


def _client(credentials: Mapping[str, str]) -> dict[str, Any]:
    return {"api_key": credentials["ANTHROPIC_API_KEY"], "base_url": credentials.get("ANTHROPIC_BASE_URL")}


def _arguments(request: ModelRequest) -> dict[str, Any]:
    system, messages = _split(request.messages)
    arguments: dict[str, Any] = {
        "model": request.model,
        "messages": messages,
        "max_tokens": request.max_tokens or _MAX_TOKENS,
    }
    if system:
        arguments["system"] = system
    if request.temperature is not None:
        arguments["temperature"] = request.temperature
    return arguments


def _split(messages: Sequence[Message]) -> tuple[list[dict[str, Any]], list[Message]]:
    """Take the system's messages out; this provider has another place for them."""
    first = next((place for place, message in enumerate(messages) if message["role"] != "system"), len(messages))
    rest = list(messages[first:])
    if any(message["role"] == "system" for message in rest):
        msg = "Anthropic takes messages of the system's only before all others; put them first, or use llm(system=...)."
        raise KitaruUsageError(msg)
    return [block for message in messages[:first] for block in _blocks(message["content"])], rest


def _blocks(content: object) -> list[dict[str, Any]]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else list(content)  # type: ignore[call-overload] # what else it may be is the SDK's to judge


def _reply(answer: Answer) -> ModelReply:
    return ModelReply(
        text="".join(block.text for block in answer.content if block.type == "text"),
        model=answer.model,
        finish_reason=answer.stop_reason,
        raw_usage=answer.usage.model_dump(mode="json", exclude_none=True),
        **_figures(answer.usage),
    )


def _figures(usage: Usage) -> dict[str, int | None]:
    cached = usage.cache_read_input_tokens
    # Here `input_tokens` leaves out what went into or came from the cache.
    read = usage.input_tokens + (cached or 0) + (usage.cache_creation_input_tokens or 0)
    return {"input_tokens": read, "output_tokens": usage.output_tokens, "cached_input_tokens": cached}

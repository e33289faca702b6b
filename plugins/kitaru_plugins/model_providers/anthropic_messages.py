"""Anthropic's messages API."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator, Mapping, Sequence
from typing import Final, TypedDict, cast

from anthropic import Anthropic as Client
from anthropic import AsyncAnthropic, Omit, omit, transform_schema
from anthropic.types import Message as Answer
from anthropic.types import MessageParam, OutputConfigParam, TextBlockParam

from kitaru.errors import KitaruUsageError
from kitaru.models.api import Message, ModelReply, ModelRequest, with_schema_in_words
from kitaru_plugins.model_providers.schemas import closed

__all__ = ["Anthropic"]

_MAX_TOKENS: Final = 4096


class _Address(TypedDict):
    """Where to call and as whom."""

    api_key: str
    base_url: str | None


class _Asked(TypedDict):
    """What is asked, in the SDK's parameters; the same whether the answer is streamed or not."""

    model: str
    messages: list[MessageParam]
    max_tokens: int
    system: list[TextBlockParam] | Omit
    output_config: OutputConfigParam | Omit
    extra_body: dict[str, float] | None


class Anthropic:
    """Anthropic.

    Attributes:
        credentials: Names of which one must be found.
        options: Names that are handed over where they are found.
        structured: Models are held to a schema.
    """

    structured: bool = True
    credentials: tuple[str, ...] = ("ANTHROPIC_API_KEY",)
    options: tuple[str, ...] = ("ANTHROPIC_BASE_URL",)

    def complete(self, request: ModelRequest) -> ModelReply:
        """Call the model.

        Args:
            request: The call.

        Raises:
            KitaruUsageError: A message of the system's does not stand in front.
        """
        asked = _asked(request)
        with Client(**_address(request.credentials)) as client:
            return _reply(client.messages.create(**asked))

    async def complete_async(self, request: ModelRequest) -> ModelReply:
        """Call the model on the caller's event loop.

        Args:
            request: The call.

        Raises:
            KitaruUsageError: A message of the system's does not stand in front.
        """
        asked = _asked(request)
        async with AsyncAnthropic(**_address(request.credentials)) as client:
            return _reply(await client.messages.create(**asked))

    def stream(self, request: ModelRequest) -> Generator[str | ModelReply, None, None]:
        """Call the model and hand its text out while it is written.

        Args:
            request: The call.

        Yields:
            The pieces of the text, and at the end the answer.

        Raises:
            KitaruUsageError: A message of the system's does not stand in front.
        """
        asked = _asked(request)
        with Client(**_address(request.credentials)) as client, client.messages.stream(**asked) as answer:
            yield from answer.text_stream
            yield _reply(answer.get_final_message())

    async def stream_async(self, request: ModelRequest) -> AsyncGenerator[str | ModelReply, None]:
        """Hand the text out on the caller's event loop.

        Args:
            request: The call.

        Yields:
            The pieces of the text, and at the end the answer.

        Raises:
            KitaruUsageError: A message of the system's does not stand in front.
        """
        asked = _asked(request)
        async with (
            AsyncAnthropic(**_address(request.credentials)) as client,
            client.messages.stream(**asked) as answer,
        ):
            async for piece in answer.text_stream:
                yield piece
            yield _reply(await answer.get_final_message())


def _address(credentials: Mapping[str, str]) -> _Address:
    return _Address(api_key=credentials["ANTHROPIC_API_KEY"], base_url=credentials.get("ANTHROPIC_BASE_URL"))


def _asked(request: ModelRequest) -> _Asked:
    messages, form = request.messages, _form(request.schema)
    if request.schema is not None and form is None:
        # This provider holds models to closed objects only; for others it is asked in words.
        messages = with_schema_in_words(messages, request.schema)
    system, conversation = _split(messages)
    return _Asked(
        model=request.model,
        messages=conversation,
        max_tokens=request.max_tokens or _MAX_TOKENS,
        system=system or omit,
        output_config=form or omit,
        # The SDK has no parameter for it any more, because newer models refuse it; older ones still take it.
        extra_body=None if request.temperature is None else {"temperature": request.temperature},
    )


def _form(schema: Mapping[str, object] | None) -> OutputConfigParam | None:
    """Return the form of the answer, if one is asked for that this provider can hold a model to."""
    strict = None if schema is None else closed(schema)
    return None if strict is None else {"format": {"type": "json_schema", "schema": transform_schema(strict)}}


def _split(messages: Sequence[Message]) -> tuple[list[TextBlockParam], list[MessageParam]]:
    """Take the system's messages out; this provider has another place for them."""
    first = next((place for place, message in enumerate(messages) if message["role"] != "system"), len(messages))
    rest = messages[first:]
    if any(message["role"] == "system" for message in rest):
        msg = "Anthropic takes messages of the system's only before all others; put them first, or use llm(system=...)."
        raise KitaruUsageError(msg)
    # Whether the others are well formed is the server's to say.
    return [block for message in messages[:first] for block in _blocks(message)], cast("list[MessageParam]", list(rest))


def _blocks(message: Message) -> list[TextBlockParam]:
    content = message["content"]
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    if isinstance(content, list):
        return cast("list[TextBlockParam]", content)
    msg = f"A message of the system's must be a text or a list of blocks, not a {type(content).__name__}."
    raise KitaruUsageError(msg)


def _reply(answer: Answer) -> ModelReply:
    usage = answer.usage
    cached = usage.cache_read_input_tokens
    return ModelReply(
        text="".join(block.text for block in answer.content if block.type == "text"),
        model=answer.model,
        finish_reason=answer.stop_reason,
        # Here `input_tokens` leaves out what went into or came from the cache.
        input_tokens=usage.input_tokens + (cached or 0) + (usage.cache_creation_input_tokens or 0),
        output_tokens=usage.output_tokens,
        cached_input_tokens=cached,
        raw_usage=usage.model_dump(mode="json", exclude_none=True),
    )

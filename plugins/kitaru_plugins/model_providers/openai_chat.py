"""OpenAI's chat completions, and the servers that speak the same: Ollama and OpenRouter."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Generator, Mapping
from typing import Final, TypedDict, cast
from urllib.parse import urlsplit

import msgspec
from openai import AsyncOpenAI, Omit, omit
from openai import OpenAI as Client
from openai.types import CompletionUsage
from openai.types.chat import (
    ChatCompletion,
    ChatCompletionChunk,
    ChatCompletionMessageParam,
    ChatCompletionStreamOptionsParam,
)
from openai.types.shared_params import ResponseFormatJSONSchema

from kitaru.errors import KitaruUsageError
from kitaru.models.api import ModelReply, ModelRequest
from kitaru_plugins.model_providers.schemas import closed

__all__ = ["Ollama", "OpenAI", "OpenRouter"]

_NEWER_LIMIT: Final = re.compile(r"gpt-5|o[134]")
_OLLAMA_PORT: Final = 11434
_WITH_USAGE: Final[ChatCompletionStreamOptionsParam] = {"include_usage": True}


class _Address(TypedDict):
    """Where to call and as whom."""

    api_key: str
    base_url: str | None


class _Asked(TypedDict):
    """What is asked, in the SDK's parameters; the same whether the answer is streamed or not."""

    model: str
    messages: list[ChatCompletionMessageParam]
    temperature: float | Omit
    max_tokens: int | Omit
    max_completion_tokens: int | Omit
    response_format: ResponseFormatJSONSchema | Omit


class OpenAI:
    """OpenAI.

    Attributes:
        credentials: Names of which one must be found.
        options: Names that are handed over where they are found.
        structured: Models are held to a schema.
    """

    structured: bool = True
    credentials: tuple[str, ...] = ("OPENAI_API_KEY",)
    options: tuple[str, ...] = ("OPENAI_BASE_URL",)

    def complete(self, request: ModelRequest) -> ModelReply:
        """Call the model.

        Args:
            request: The call.
        """
        with Client(**self._address(request.credentials)) as client:
            return _reply(client.chat.completions.create(**self._asked(request)))

    async def complete_async(self, request: ModelRequest) -> ModelReply:
        """Call the model on the caller's event loop.

        Args:
            request: The call.
        """
        async with AsyncOpenAI(**self._address(request.credentials)) as client:
            return _reply(await client.chat.completions.create(**self._asked(request)))

    def stream(self, request: ModelRequest) -> Generator[str | ModelReply, None, None]:
        """Call the model and hand its text out while it is written.

        Args:
            request: The call.

        Yields:
            The pieces of the text, and at the end the answer.
        """
        whole = ModelReply(text="")
        with Client(**self._address(request.credentials)) as client:
            asked = self._asked(request)
            with client.chat.completions.create(**asked, stream=True, stream_options=_WITH_USAGE) as answer:
                for chunk in answer:
                    piece = _piece(chunk)
                    whole = _grown(whole, chunk, piece)
                    if piece:
                        yield piece
        yield whole

    async def stream_async(self, request: ModelRequest) -> AsyncGenerator[str | ModelReply, None]:
        """Hand the text out on the caller's event loop.

        Args:
            request: The call.

        Yields:
            The pieces of the text, and at the end the answer.
        """
        whole = ModelReply(text="")
        async with AsyncOpenAI(**self._address(request.credentials)) as client:
            asked = self._asked(request)
            async with await client.chat.completions.create(**asked, stream=True, stream_options=_WITH_USAGE) as answer:
                async for chunk in answer:
                    piece = _piece(chunk)
                    whole = _grown(whole, chunk, piece)
                    if piece:
                        yield piece
        yield whole

    def _asked(self, request: ModelRequest) -> _Asked:
        limit, newer_limit = self._limits(request)
        return _Asked(
            model=request.model,
            messages=_messages(request),
            temperature=omit if request.temperature is None else request.temperature,
            max_tokens=limit,
            max_completion_tokens=newer_limit,
            response_format=_format(request),
        )

    def _address(self, credentials: Mapping[str, str]) -> _Address:
        return _Address(api_key=credentials["OPENAI_API_KEY"], base_url=credentials.get("OPENAI_BASE_URL"))

    def _limits(self, request: ModelRequest) -> tuple[int | Omit, int | Omit]:
        """Return the limit under its older and under its newer name; newer models refuse the older one."""
        limit = omit if request.max_tokens is None else request.max_tokens
        return (omit, limit) if _NEWER_LIMIT.match(request.model) else (limit, omit)


class _Compatible(OpenAI):
    """A server that speaks OpenAI's protocol and takes the limit under its older name."""

    def _limits(self, request: ModelRequest) -> tuple[int | Omit, int | Omit]:
        return omit if request.max_tokens is None else request.max_tokens, omit


class OpenRouter(_Compatible):
    """OpenRouter, which passes calls on to many providers and says what they cost."""

    credentials = ("OPENROUTER_API_KEY",)
    options = ("OPENROUTER_BASE_URL",)

    def _address(self, credentials: Mapping[str, str]) -> _Address:
        base_url = credentials.get("OPENROUTER_BASE_URL", "https://openrouter.ai/api/v1")
        return _Address(api_key=credentials["OPENROUTER_API_KEY"], base_url=base_url)


class Ollama(_Compatible):
    """A model on this machine, or wherever `OLLAMA_HOST` points; it needs no credential."""

    credentials = ()
    options = ("OLLAMA_HOST",)

    def _address(self, credentials: Mapping[str, str]) -> _Address:
        # The SDK insists on a key; the server does not look at it.
        return _Address(api_key="none", base_url=f"{_ollama_address(credentials.get('OLLAMA_HOST', ''))}/v1")


def _ollama_address(host: str) -> str:
    """Complete a host as Ollama's own tools do: the scheme and the port may be missing."""
    given = host if "://" in host else f"http://{host or '127.0.0.1'}"
    try:
        parts = urlsplit(given)
        port = parts.port
    except ValueError as error:
        msg = f"OLLAMA_HOST is no address: {error}. Write it like 127.0.0.1:{_OLLAMA_PORT}."
        raise KitaruUsageError(msg) from error
    if port is None and parts.scheme == "http":
        given = f"http://{parts.netloc}:{_OLLAMA_PORT}{parts.path}"
    return given.rstrip("/").removesuffix("/v1")


def _messages(request: ModelRequest) -> list[ChatCompletionMessageParam]:
    # Whether they are well formed is the server's to say; the user may have given keys of a newer version.
    return cast("list[ChatCompletionMessageParam]", list(request.messages))


def _format(request: ModelRequest) -> ResponseFormatJSONSchema | Omit:
    if request.schema is None:
        return omit
    strict = closed(request.schema)
    name = re.sub(r"\W+", "_", str(request.schema.get("title") or "answer"), flags=re.ASCII)[:64]
    schema = dict(request.schema) if strict is None else strict
    return {"type": "json_schema", "json_schema": {"name": name, "schema": schema, "strict": strict is not None}}


def _piece(chunk: ChatCompletionChunk) -> str:
    return (chunk.choices[0].delta.content or "") if chunk.choices else ""


def _grown(whole: ModelReply, chunk: ChatCompletionChunk, piece: str) -> ModelReply:
    """Take in what a chunk says; the tokens are counted in one of its own, behind the text."""
    reason = chunk.choices[0].finish_reason if chunk.choices else None
    grown = msgspec.structs.replace(
        whole,
        text=whole.text + piece,
        model=chunk.model or whole.model,
        finish_reason=reason or whole.finish_reason,
    )
    return grown if chunk.usage is None else _counted(grown, chunk.usage)


def _reply(answer: ChatCompletion) -> ModelReply:
    choice = answer.choices[0] if answer.choices else None
    reply = ModelReply(
        text=(choice.message.content or "") if choice is not None else "",
        model=answer.model or None,
        finish_reason=choice.finish_reason if choice is not None else None,
    )
    return reply if answer.usage is None else _counted(reply, answer.usage)


def _counted(reply: ModelReply, usage: CompletionUsage) -> ModelReply:
    read, written = usage.prompt_tokens_details, usage.completion_tokens_details
    raw = usage.model_dump(mode="json", exclude_none=True)
    cost = raw.get("cost")  # OpenRouter
    return msgspec.structs.replace(
        reply,
        input_tokens=usage.prompt_tokens,
        output_tokens=usage.completion_tokens,
        total_tokens=usage.total_tokens,
        cached_input_tokens=None if read is None else read.cached_tokens,
        reasoning_tokens=None if written is None else written.reasoning_tokens,
        actual_cost_usd=float(cost) if isinstance(cost, int | float) and not isinstance(cost, bool) else None,
        raw_usage=raw,
    )

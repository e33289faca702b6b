"""OpenAI's chat completions, and the servers that speak the same: Ollama and OpenRouter."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from openai import AsyncOpenAI
from openai import OpenAI as Client
from openai.types import CompletionUsage
from openai.types.chat import ChatCompletion

from kitaru.errors import KitaruUsageError
from kitaru.models.api import ModelReply, ModelRequest

__all__ = ["Ollama", "OpenAI", "OpenRouter"]

# Models that refuse `max_tokens` and take the limit under its newer name.
_NEWER_LIMIT: Final = re.compile(r"gpt-5|o[134]")
_OLLAMA_PORT: Final = 11434


class OpenAI:
    """OpenAI.

    Attributes:
        credentials: Names of which one must be found.
        options: Names that are handed over where they are found.
    """

    credentials: tuple[str, ...] = ("OPENAI_API_KEY",)
    options: tuple[str, ...] = ("OPENAI_BASE_URL",)

    def complete(self, request: ModelRequest) -> ModelReply:
        """Call the model.

        Args:
            request: The call.
        """
        with Client(**self._client(request.credentials)) as client:
            return _reply(client.chat.completions.create(**self._arguments(request)))

    async def complete_async(self, request: ModelRequest) -> ModelReply:
        """Call the model on the caller's event loop.

        Args:
            request: The call.
        """
        async with AsyncOpenAI(**self._client(request.credentials)) as client:
            return _reply(await client.chat.completions.create(**self._arguments(request)))

    def _client(self, credentials: Mapping[str, str]) -> dict[str, Any]:
        return {"api_key": credentials["OPENAI_API_KEY"], "base_url": credentials.get("OPENAI_BASE_URL")}

    def _arguments(self, request: ModelRequest) -> dict[str, Any]:
        arguments: dict[str, Any] = {"model": request.model, "messages": list(request.messages)}
        if request.temperature is not None:
            arguments["temperature"] = request.temperature
        if request.max_tokens is not None:
            arguments[self._limit(request.model)] = request.max_tokens
        return arguments

    def _limit(self, model: str) -> str:
        return "max_completion_tokens" if _NEWER_LIMIT.match(model) else "max_tokens"


class _Compatible(OpenAI):
    """A server that speaks OpenAI's protocol and takes the limit under its older name."""

    def _limit(self, model: str) -> str:
        del model
        return "max_tokens"


class OpenRouter(_Compatible):
    """OpenRouter, which passes calls on to many providers and says what they cost."""

    credentials = ("OPENROUTER_API_KEY",)
    options = ("OPENROUTER_BASE_URL",)

    def _client(self, credentials: Mapping[str, str]) -> dict[str, Any]:
        base_url = credentials.get("OPENROUTER_BASE_URL", "https://openrouter.ai/api/v1")
        return {"api_key": credentials["OPENROUTER_API_KEY"], "base_url": base_url}


class Ollama(_Compatible):
    """A model on this machine, or wherever `OLLAMA_HOST` points; it needs no credential."""

    credentials = ()
    options = ("OLLAMA_HOST",)

    def _client(self, credentials: Mapping[str, str]) -> dict[str, Any]:
        # The SDK insists on a key; the server does not look at it.
        return {"api_key": "none", "base_url": f"{_ollama_address(credentials.get('OLLAMA_HOST', ''))}/v1"}


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


def _reply(answer: ChatCompletion) -> ModelReply:
    choice = answer.choices[0] if answer.choices else None
    figures = _figures(answer.usage) if answer.usage is not None else {}
    return ModelReply(
        text=(choice.message.content or "") if choice is not None else "",
        model=answer.model or None,
        finish_reason=choice.finish_reason if choice is not None else None,
        **figures,
    )


def _figures(usage: CompletionUsage) -> dict[str, Any]:
    read, written = usage.prompt_tokens_details, usage.completion_tokens_details
    raw = usage.model_dump(mode="json", exclude_none=True)
    cost = raw.get("cost")  # OpenRouter
    return {
        "input_tokens": usage.prompt_tokens,
        "output_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens,
        "cached_input_tokens": read.cached_tokens if read is not None else None,
        "reasoning_tokens": written.reasoning_tokens if written is not None else None,
        "actual_cost_usd": float(cost) if isinstance(cost, int | float) and not isinstance(cost, bool) else None,
        "raw_usage": raw,
    }

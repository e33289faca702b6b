"""Google's `generateContent`."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator, Mapping
from typing import Final

import msgspec
from google.genai import Client
from google.genai.types import (
    Content,
    ContentListUnion,
    GenerateContentConfig,
    GenerateContentResponse,
    GenerateContentResponseUsageMetadata,
    HttpOptions,
    Part,
)

from kitaru.errors import KitaruUsageError
from kitaru.models.api import Message, ModelReply, ModelRequest

__all__ = ["Google"]

_ROLES: Final = {"user": "user", "assistant": "model", "model": "model"}


class Google:
    """Google.

    Attributes:
        credentials: Names of which one must be found.
        options: Names that are handed over where they are found.
        structured: Models are held to a schema.
    """

    structured: bool = True

    credentials: tuple[str, ...] = ("GEMINI_API_KEY", "GOOGLE_API_KEY")
    options: tuple[str, ...] = ("GOOGLE_GEMINI_BASE_URL",)

    def complete(self, request: ModelRequest) -> ModelReply:
        """Call the model.

        Args:
            request: The call.

        Raises:
            KitaruUsageError: A message has another role than `system`, `user` or `assistant`, or no text.
        """
        contents, config = _contents(request), _config(request)
        with _client(request.credentials) as client:
            return _reply(client.models.generate_content(model=request.model, contents=contents, config=config))

    async def complete_async(self, request: ModelRequest) -> ModelReply:
        """Call the model on the caller's event loop.

        Args:
            request: The call.

        Raises:
            KitaruUsageError: A message has another role than `system`, `user` or `assistant`, or no text.
        """
        contents, config = _contents(request), _config(request)
        with _client(request.credentials) as client:
            async with client.aio as asynchronous:
                answer = await asynchronous.models.generate_content(
                    model=request.model, contents=contents, config=config
                )
        return _reply(answer)

    def stream(self, request: ModelRequest) -> Generator[str | ModelReply, None, None]:
        """Call the model and hand its text out while it is written.

        Args:
            request: The call.

        Yields:
            The pieces of the text, and at the end the answer.

        Raises:
            KitaruUsageError: A message has another role than `system`, `user` or `assistant`, or no text.
        """
        contents, config = _contents(request), _config(request)
        whole = ModelReply(text="")
        with _client(request.credentials) as client:
            for chunk in client.models.generate_content_stream(model=request.model, contents=contents, config=config):
                piece = _reply(chunk)
                whole = _grown(whole, piece)
                if piece.text:
                    yield piece.text
        yield whole

    async def stream_async(self, request: ModelRequest) -> AsyncGenerator[str | ModelReply, None]:
        """Hand the text out on the caller's event loop.

        Args:
            request: The call.

        Yields:
            The pieces of the text, and at the end the answer.

        Raises:
            KitaruUsageError: A message has another role than `system`, `user` or `assistant`, or no text.
        """
        contents, config = _contents(request), _config(request)
        whole = ModelReply(text="")
        with _client(request.credentials) as client:
            async with client.aio as asynchronous:
                chunks = await asynchronous.models.generate_content_stream(
                    model=request.model, contents=contents, config=config
                )
                async for chunk in chunks:
                    piece = _reply(chunk)
                    whole = _grown(whole, piece)
                    if piece.text:
                        yield piece.text
        yield whole


def _client(credentials: Mapping[str, str]) -> Client:
    key = next(value for name, value in credentials.items() if name in Google.credentials)
    base_url = credentials.get("GOOGLE_GEMINI_BASE_URL")
    return Client(api_key=key, http_options=HttpOptions(base_url=base_url) if base_url else None)


def _contents(request: ModelRequest) -> ContentListUnion:
    return [
        Content(role=_role(message), parts=[Part(text=_text(message))])
        for message in request.messages
        if message["role"] != "system"
    ]


def _config(request: ModelRequest) -> GenerateContentConfig:
    system = [_text(message) for message in request.messages if message["role"] == "system"]
    return GenerateContentConfig(
        temperature=request.temperature,
        max_output_tokens=request.max_tokens,
        system_instruction="\n\n".join(system) or None,
        response_mime_type=None if request.schema is None else "application/json",
        response_json_schema=None if request.schema is None else dict(request.schema),
    )


def _role(message: Message) -> str:
    role = _ROLES.get(message["role"])
    if role is None:
        msg = f"google/... models take messages of `system`, `user` and `assistant`, not of {message['role']!r}."
        raise KitaruUsageError(msg)
    return role


def _text(message: Message) -> str:
    content = message["content"]
    if not isinstance(content, str):
        msg = f"google/... models are called with texts here; a message has a {type(content).__name__} as its content."
        raise KitaruUsageError(msg)
    return content


def _reply(answer: GenerateContentResponse) -> ModelReply:
    candidate = answer.candidates[0] if answer.candidates else None
    parts = (candidate.content.parts or []) if candidate is not None and candidate.content is not None else []
    reason = candidate.finish_reason if candidate is not None else None
    reply = ModelReply(
        text="".join(part.text or "" for part in parts if not part.thought),
        model=answer.model_version,
        finish_reason=None if reason is None else reason.value,
    )
    return reply if answer.usage_metadata is None else _counted(reply, answer.usage_metadata)


def _grown(whole: ModelReply, piece: ModelReply) -> ModelReply:
    """Take in what a chunk says; each one counts all tokens so far."""
    counted = piece if piece.raw_usage else whole
    return msgspec.structs.replace(
        counted,
        text=whole.text + piece.text,
        model=piece.model or whole.model,
        finish_reason=piece.finish_reason or whole.finish_reason,
    )


def _counted(reply: ModelReply, usage: GenerateContentResponseUsageMetadata) -> ModelReply:
    written, thought = usage.candidates_token_count, usage.thoughts_token_count
    return msgspec.structs.replace(
        reply,
        input_tokens=usage.prompt_token_count,
        # Here the tokens written leave out those for thinking.
        output_tokens=None if written is None and thought is None else (written or 0) + (thought or 0),
        total_tokens=usage.total_token_count,
        cached_input_tokens=usage.cached_content_token_count,
        reasoning_tokens=thought,
        raw_usage=usage.model_dump(mode="json", exclude_none=True),
    )

"""What a provider of models is given and what it gives back."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator, Mapping, Sequence
from typing import Protocol

import msgspec

from kitaru.records.plain import JsonMapping

__all__ = [
    "Message",
    "ModelProviderClient",
    "ModelReply",
    "ModelRequest",
    "StreamingModelProviderClient",
    "with_schema_in_words",
]

Message = JsonMapping
"""One message: `role`, `content`, and whatever else the provider takes."""


class ModelRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One call of a model.

    Attributes:
        model: The model, without the provider's prefix.
        messages: The messages; a system text is the first of them.
        temperature: How freely to choose words; the provider's default if `None`.
        max_tokens: How much may be written; the provider's default if `None`.
        credentials: What the provider asked for, by environment name; it goes into the client object and nowhere else.
        schema: JSON schema of an object that the text must be; only providers that are `structured` are given one.
    """

    model: str
    messages: Sequence[Message]
    temperature: float | None = None
    max_tokens: int | None = None
    credentials: Mapping[str, str] = {}
    schema: JsonMapping | None = None

    def __repr__(self) -> str:
        return f"ModelRequest(model={self.model!r}, messages={len(self.messages)})"


class ModelReply(msgspec.Struct, frozen=True, kw_only=True):
    """What a model answered; figures are `None` where the provider says nothing.

    Attributes:
        text: The text; empty when there is none.
        model: The model that answered, as the provider names it.
        finish_reason: Why it stopped, in the provider's word.
        input_tokens: Tokens read, those from a cache included.
        output_tokens: Tokens written, those for thinking included.
        total_tokens: All tokens, where the provider says so.
        cached_input_tokens: Tokens read from the provider's cache.
        reasoning_tokens: Tokens written while thinking.
        actual_cost_usd: What the provider says it cost.
        raw_usage: The provider's own figures.
    """

    text: str
    model: str | None = None
    finish_reason: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    total_tokens: int | None = None
    cached_input_tokens: int | None = None
    reasoning_tokens: int | None = None
    actual_cost_usd: float | None = None
    raw_usage: JsonMapping = {}


class ModelProviderClient(Protocol):
    """What the card of a model provider loads.

    Two things are optional. A provider that hands text out while it is written is a `StreamingModelProviderClient`. One
    whose attribute `structured` is true has models write what fits `ModelRequest.schema`; for the others the schema is
    put into words and goes before the conversation.
    """

    @property
    def credentials(self) -> Sequence[str]:
        """Names of which one must be found, in the environment or in the alias's secret; none if empty."""

    @property
    def options(self) -> Sequence[str]:
        """Further names that are handed over where they are found, such as a base address."""

    def complete(self, request: ModelRequest) -> ModelReply:
        """Call the model and wait for its answer. Whatever is raised is shown to the user without credentials."""

    async def complete_async(self, request: ModelRequest) -> ModelReply:
        """Do the same on the caller's event loop."""


class StreamingModelProviderClient(ModelProviderClient, Protocol):
    """A provider that hands out the text while the model writes it."""

    def stream(self, request: ModelRequest) -> Generator[str | ModelReply, None, None]:
        """Call the model; yield its text piece by piece, and at the end the answer that `complete` would return."""

    def stream_async(self, request: ModelRequest) -> AsyncGenerator[str | ModelReply, None]:
        """Do the same on the caller's event loop."""


def with_schema_in_words(messages: Sequence[Message], schema: JsonMapping) -> list[Message]:
    """Ask for JSON in words, for a model that cannot be held to a schema otherwise.

    Args:
        messages: The messages; they stay as they are.
        schema: The JSON schema.

    Returns:
        The messages, with one of the system's more after those of the system that stand in front.
    """
    words = (
        "Answer with one JSON value and nothing around it. It must fit this JSON schema:\n"
        f"{msgspec.json.encode(dict(schema)).decode()}"
    )
    first = next((place for place, one in enumerate(messages) if one["role"] != "system"), len(messages))
    return [*messages[:first], {"role": "system", "content": words}, *messages[first:]]

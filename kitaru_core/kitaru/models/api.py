"""What a provider of models is given and what it gives back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec

__all__ = ["Message", "ModelProviderClient", "ModelReply", "ModelRequest"]

Message = Mapping[str, Any]
"""One message: `role`, `content`, and whatever else the provider takes."""


class ModelRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One call of a model.

    Attributes:
        model: The model, without the provider's prefix.
        messages: The messages; a system text is the first of them.
        temperature: How freely to choose words; the provider's default if `None`.
        max_tokens: How much may be written; the provider's default if `None`.
        credentials: What the provider asked for, by environment name; it goes into the client object and nowhere else.
    """

    model: str
    messages: Sequence[Message]
    temperature: float | None = None
    max_tokens: int | None = None
    credentials: Mapping[str, str] = {}

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
    raw_usage: Mapping[str, Any] = {}


class ModelProviderClient(Protocol):
    """What the card of a model provider loads."""

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

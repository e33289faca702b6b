"""What behaviour hooks are told and what they answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

import msgspec

__all__ = [
    "CommandGroup",
    "Route",
    "RuntimeConfig",
    "RuntimeInfo",
    "ServerContext",
    "Summary",
    "Tool",
    "Usage",
]


class RuntimeConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The configuration, once it no longer changes in this process.

    Attributes:
        store: Address of the journal, without credentials.
        durability: What a commit survives: `power` or `process`.
        stack: Name of the active stack.
        strict_replay: Whether a drift is an error.
    """

    store: str
    durability: str = "power"
    stack: str | None = None
    strict_replay: bool = False


class RuntimeInfo(msgspec.Struct, frozen=True, kw_only=True):
    """The runtime that closes.

    Attributes:
        version: Version of kitaru.
        pid: The process.
    """

    version: str
    pid: int


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """What came out of a boundary, in a few words for lists and traces.

    Attributes:
        text: One line for people.
        fields: A few named facts.
    """

    text: str = ""
    fields: Mapping[str, str | int | float | bool | None] = {}


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens and cost of one model call; `None` where it is not known.

    Attributes:
        model: The model that answered.
        provider: Who served it.
        input_tokens: Tokens read.
        output_tokens: Tokens written.
        total_tokens: All tokens, where the provider counts more than the two.
        cached_input_tokens: Tokens read from the provider's cache.
        reasoning_tokens: Tokens written while thinking.
        cost_usd: What the provider says it cost.
    """

    model: str | None = None
    provider: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    total_tokens: int | None = None
    cached_input_tokens: int | None = None
    reasoning_tokens: int | None = None
    cost_usd: float | None = None

    def as_record(self) -> dict[str, object]:
        """Return the same in the form of a usage record (`llm_usage_v1`), unknown figures left out."""
        counted = {
            name: count
            for name in ("input_tokens", "output_tokens", "total_tokens", "cached_input_tokens", "reasoning_tokens")
            if (count := getattr(self, name)) is not None
        }
        record: dict[str, object] = {"model": self.model, "provider": self.provider, "usage": counted}
        if self.cost_usd is not None:
            record["cost"] = {"actual_cost_usd": self.cost_usd, "currency": "USD", "source": "provider_reported"}
        return record


class CommandGroup(Protocol):
    """Where commands of the `kitaru` program are added."""

    def command(self, target: object, *, name: str) -> None:
        """Add a command, or a whole group of them.

        Args:
            target: A function, whose parameters become arguments and options; or a command application.
            name: The word that calls it.
        """


class ServerContext(msgspec.Struct, frozen=True, kw_only=True):
    """The server that starts.

    Attributes:
        version: Version of kitaru.
        store: Address of the journal it serves, without credentials.
    """

    version: str
    store: str


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """A route of the HTTP server.

    Attributes:
        path: Its path below the server's root.
        methods: The HTTP methods it answers.
        load: Imports and returns the ASGI application behind it.
    """

    path: str
    load: Callable[[], object]
    methods: tuple[str, ...] = ("GET",)


class Tool(msgspec.Struct, frozen=True, kw_only=True):
    """A tool of the MCP server.

    Attributes:
        name: Its name.
        description: What it does, for the model that reads it.
        load: Imports and returns the function behind it.
        read_only: Whether it changes nothing.
    """

    name: str
    description: str
    load: Callable[[], Callable[..., object]]
    read_only: bool = False

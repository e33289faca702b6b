"""What plugins hand out when they are loaded: small frozen descriptions of what they offer.

A card is cheap. Everything heavy, above all a framework's import, waits behind `load()`, which is called when the thing
is used for the first time and never before. Each card *claims* names; two plugins that claim one name are both refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import ClassVar, Literal, Protocol

import msgspec

from kitaru.errors import KitaruUsageError
from kitaru.records.boundary import BoundaryKind

__all__ = [
    "AdapterCard",
    "ArtifactStoreDriver",
    "Card",
    "CodecCard",
    "JournalDriver",
    "ModelProvider",
    "PluginCard",
    "ResultCache",
    "ResultCacheDriver",
    "SecretStoreDriver",
    "StackKind",
    "TargetDriver",
]


class PluginCard(msgspec.Struct, frozen=True, kw_only=True):
    """Who a plugin is and what it was written for.

    Attributes:
        name: The plugin's name, for people.
        hookspec: The level of the hook specifications it was written for.
        frameworks: Version range by distribution name, such as `{"langgraph": ">=1.2,<2"}`. A framework that is absent
            is no fault; one outside its range keeps the plugin from being used.
        homepage: Where to read more.
        enabled: Whether the plugin has anything to do in this process. One that works only with a certain setting says
            `False` without it, and costs nothing.
        delivery: How records are shown to it, if it watches them. `at_least_once` holds across the death of a process:
            what may not have been shown is shown again by the next one. `best_effort` spares the few bytes that are
            written for that at the beginning and end of a run.
        listens: Whether what the plugin reports reaches anybody; asked when plugins are loaded and before each run.
            While it says `False`, the plugin's `kitaru_checkpoint_scope` and `kitaru_record_committed` are not called
            and cost nothing. Left out, they always are.
    """

    name: str
    hookspec: int
    frameworks: Mapping[str, str] = {}
    homepage: str = ""
    enabled: bool = True
    delivery: Literal["at_least_once", "best_effort"] = "at_least_once"
    listens: Callable[[], bool] | None = None


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all descriptions of something that can be loaded.

    Attributes:
        what: What the claimed names are, in words.
        load: Imports the thing and returns it.
    """

    what: ClassVar[str] = "name"

    load: Callable[[], object]

    @property
    def claims(self) -> tuple[str, ...]:
        """The names that only one plugin may offer; a card that is known by none claims nothing."""
        return ()


class _NamedCard(Card, frozen=True, kw_only=True):
    name: str

    @property
    def claims(self) -> tuple[str, ...]:
        """The card's name."""
        return (self.name,)


class _SchemeCard(Card, frozen=True, kw_only=True):
    what: ClassVar[str] = "address scheme"

    schemes: tuple[str, ...]

    @property
    def claims(self) -> tuple[str, ...]:
        """The address schemes."""
        return self.schemes


class AdapterCard(_NamedCard, frozen=True, kw_only=True):
    """An adapter for an agent framework; `load` imports its public module.

    Attributes:
        name: Name by which its boundaries are recorded, such as `langgraph`.
        framework: Distribution of the framework.
        extra: The extra, or the distribution, to install for it.
        boundaries: The kinds of boundary it opens.
        strategies: The checkpoint strategies it knows.
        default_strategy: The one that is used when none is named.
        capabilities: What it can do beyond the base, in the words of the conformance suite.
    """

    what: ClassVar[str] = "adapter"

    framework: str
    extra: str
    boundaries: tuple[BoundaryKind, ...]
    strategies: tuple[str, ...]
    default_strategy: str
    capabilities: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if self.default_strategy not in self.strategies:
            msg = (
                f"Adapter {self.name!r} says its default strategy is {self.default_strategy!r}, which is not one of "
                f"its strategies: {', '.join(self.strategies)}. Name one of them."
            )
            raise KitaruUsageError(msg)


class JournalDriver(_SchemeCard, frozen=True, kw_only=True):
    """A kind of journal.

    Attributes:
        schemes: The address schemes it serves, such as `("postgresql",)`.
        load: Returns the function that opens one. It is called with the address, the durability level and a function
            to which it hands records once they are durable, and returns a `Journal`.
    """


class ArtifactStoreDriver(_SchemeCard, frozen=True, kw_only=True):
    """A place for very large payloads, used when `KITARU_ARTIFACT_STORE` is an address of one of its schemes.

    Attributes:
        schemes: The address schemes it serves, such as `("s3", "gs")`.
        load: Returns the function that opens one: it is called with the address and returns an `ArtifactStore`
            (`kitaru.artifacts.api`). It is opened when the first payload of 4 MiB or more is met.
    """


class CodecCard(_NamedCard, frozen=True, kw_only=True):
    """A codec for types that kitaru does not know; `load` returns the codec.

    Attributes:
        name: Name and version, such as `acme.tensor/1`; stored values are read by it.
        classes: Qualified names of the classes it writes, such as `("numpy.ndarray",)`; the codec is loaded when one of
            them, or a stored value under its name, is met.
    """

    what: ClassVar[str] = "codec"

    classes: tuple[str, ...] = ()


class TargetDriver(_NamedCard, frozen=True, kw_only=True):
    """A place where a checkpoint's body can run.

    Attributes:
        name: Word for it in `runtime=`, such as `isolated`.
        remote: Whether the body leaves this machine.
        load: Returns the `ExecutionTarget` (`kitaru.targets.api`); it is kept for the life of the process.
    """

    what: ClassVar[str] = "execution target"

    remote: bool = False


class StackKind(_NamedCard, frozen=True, kw_only=True):
    """A kind of stack, for `create_stack(kind=)` and `kitaru stack create --type`.

    Attributes:
        name: Word for it, such as `kubernetes`.
        extra: The extra that brings what it needs, if it needs any.
        fields: Settings it takes, each with a sentence about it.
        remote: Whether the server can run executions on it.
        load: Returns the `StackDriver` (`kitaru.stacks.api`), which checks settings and names the parts of a stack.
    """

    what: ClassVar[str] = "kind of stack"

    extra: str | None = None
    fields: Mapping[str, str] = {}
    remote: bool = False


class ModelProvider(_NamedCard, frozen=True, kw_only=True):
    """A provider of models for `llm()`; `load` returns it.

    Attributes:
        name: The prefix in front of a model's name, as in `acme/large`.
        extra: The extra, or the distribution, to install for it.
    """

    what: ClassVar[str] = "model prefix"

    extra: str | None = None


class SecretStoreDriver(_NamedCard, frozen=True, kw_only=True):
    """A place that keeps secrets, used when `KITARU_SECRET_STORE` names it.

    Attributes:
        name: Word for it, such as `environment`.
        load: Returns the function that opens it; that takes nothing and returns a `SecretStore`
            (`kitaru.secrets.api`).
    """

    what: ClassVar[str] = "secret store"


class ResultCacheDriver(_NamedCard, frozen=True, kw_only=True):
    """A store for results shared between executions (`cache=True`).

    Attributes:
        name: Word for it, such as `diskcache`.
        load: Returns a function that opens a `ResultCache` in a folder of its own.
    """

    what: ClassVar[str] = "result cache"

    load: Callable[[], Callable[[Path], ResultCache]]


class ResultCache(Protocol):
    """Bytes by key, shared between executions; losing an entry only costs the work it saved."""

    def get(self, key: str) -> bytes | None:
        """Return the bytes kept under `key`, or `None`."""

    def put(self, key: str, data: bytes) -> None:
        """Keep `data` under `key`, in place of what was there."""

    def discard(self, key: str) -> bool:
        """Forget `key`; return whether there was anything."""

    def clear(self) -> int:
        """Forget everything; return how many entries there were."""

    def close(self) -> None:
        """Let go of files."""

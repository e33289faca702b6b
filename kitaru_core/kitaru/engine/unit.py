"""What a boundary is asked to do, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import msgspec

from kitaru.engine.retrying import RetryPolicy
from kitaru.records.boundary import BoundaryKind, CacheStatus, Effect

if TYPE_CHECKING:
    from kitaru.artifacts.api import PayloadCodec

__all__ = ["Outcome", "Unit"]

T = TypeVar("T")


class Unit(msgspec.Struct, frozen=True, kw_only=True):
    """Describes one boundary.

    Attributes:
        name: Checkpoint name; invocation ids become `name`, `name_2`, ...
        adapter: Name of the adapter, or `None` for a checkpoint of the flow.
        kind: What sort of work it is.
        type: Label for display, such as `llm_call`.
        key: Stable identity by which the call is found again; `None` finds it by its place in the body. It must not
            contain the execution's id, which differs in a replay; `ScopeInfo.lineage_id` does not.
        id: Explicit invocation id.
        inputs: What is shown of the inputs, kept as far as it can be encoded and is not too long.
        identity: What the digest for drift and for concurrent calls is taken of; the inputs by default.
        history: The messages handed to the model, as JSON-ready values or bytes; stored as a chain, each message once.
        codec: Encodes and decodes the value; kitaru's own typed codec by default.
        retries: Number of retries, or a policy.
        retry_if: An adapter's judgement which errors are worth another attempt.
        cache: Whether the value may come from, and goes to, the result cache.
        cache_key: Replaces the computed cache key.
        code: Names the body and the state of its code, for the computed cache key; without it there is none.
        runtime: `inline`, `isolated`, the word for a target of a plugin, or `None` for inline.
        effect: What running the body twice would mean.
        business_key: Goes into the idempotency key.
        reconcile: For an irreversible unit: called with the call's facts when its outcome is unknown; returns a
            `kitaru.Reconciled`.
        group: Label of parallel siblings; a replay that starts inside a group reuses its siblings.
        timeout: Seconds an attempt may take.
        parents: Call ids of the calls whose values go in.
        validate: Checks an override's value; raises `KitaruUsageError` when it does not fit.
    """

    name: str
    adapter: str | None = None
    kind: BoundaryKind = "function"
    type: str | None = None
    key: str | None = None
    id: str | None = None
    inputs: Mapping[str, object] = {}
    identity: object = None
    history: Sequence[object] | None = None
    codec: PayloadCodec | None = None
    retries: int | RetryPolicy = 0
    retry_if: Callable[[BaseException], bool] | None = None
    cache: bool | None = None
    cache_key: str | None = None
    code: Callable[[], str | None] | None = None
    runtime: str | None = None
    effect: Effect | None = None
    business_key: str | None = None
    reconcile: Callable[..., object] | None = None
    group: str | None = None
    timeout: float | None = None
    parents: Sequence[str] = ()
    validate: Callable[[object], object] | None = None

    @property
    def is_told_again(self) -> bool:
        """Whether the value is likely to come back in what is stored later: frameworks repeat all that was said."""
        return self.adapter is not None or self.history is not None


class Outcome(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """What a boundary gave.

    Attributes:
        value: The value; decoded from what was stored, on the first run as well.
        executed: Whether the body ran just now.
        cache_status: Where the value came from.
        call_id: The call.
        invocation_id: Its readable id.
        attempt: The attempt that succeeded.
        carried: What the body attached with `Call.carry`.
        drifted: Whether the inputs differ from those of the recorded call.
    """

    value: T
    executed: bool
    cache_status: CacheStatus
    call_id: str
    invocation_id: str
    attempt: int = 1
    carried: Any = None
    drifted: bool = False

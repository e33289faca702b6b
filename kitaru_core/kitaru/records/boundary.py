"""What is known about a boundary: the frozen facts that hooks and adapters exchange about one call.

A *boundary* is a call that the runtime records: a checkpoint of the flow, or a unit that an adapter opens around a
model call, a tool call or a whole run.
"""

from __future__ import annotations

from typing import Literal

import msgspec

__all__ = ["Boundary", "BoundaryKind", "CacheStatus", "Effect"]

BoundaryKind = Literal["function", "model", "tool", "mcp", "run", "graph", "invocation", "interaction"]
Effect = Literal["pure", "idempotent", "irreversible"]
CacheStatus = Literal["executed", "hit", "reused", "overridden"]


class Boundary(msgspec.Struct, frozen=True, kw_only=True):
    """The facts about one call at a boundary; never the framework's live objects.

    Attributes:
        execution_id: The execution it belongs to.
        flow: Name of the flow.
        name: Checkpoint name.
        invocation_id: Readable id, unique in the execution: `name`, `name_2`, ...
        call_id: UUID of the call.
        kind: What sort of work it is.
        type: The free label given for display, such as `llm_call`.
        adapter: Name of the adapter that opened it, or `None` for a checkpoint of the flow.
        attempt: Number of this attempt, from 1.
        input_digest: SHA-256 of the encoded inputs in hexadecimal, or `None` when they cannot be encoded.
        target: Where the body runs: `inline`, `isolated`, or the word for a target of a plugin.
        is_replay: Whether the execution is a replay of another one.
        effect: What running the body twice would mean, if it was declared.
        idempotency_key: Stable over every attempt, resume and rerun of the same logical call.
    """

    execution_id: str
    flow: str
    name: str
    invocation_id: str
    call_id: str
    kind: BoundaryKind = "function"
    type: str | None = None
    adapter: str | None = None
    attempt: int = 1
    input_digest: str | None = None
    target: str = "inline"
    is_replay: bool = False
    effect: Effect | None = None
    idempotency_key: str = ""

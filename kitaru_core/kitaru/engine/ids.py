"""Names of flows, checkpoints and calls, and the identifiers made from them."""

from __future__ import annotations

import re
import uuid
from hashlib import sha256

__all__ = ["child_id", "execution_prefix", "idempotency_key", "new_execution_id", "normalise"]

_NOT_WORD = re.compile(r"\W")


def normalise(name: str, fallback: str) -> str:
    """Turn a function's name into one that is safe everywhere.

    Args:
        name: The name.
        fallback: What an empty name becomes, and the prefix of one that begins with a digit.
    """
    cleaned = _NOT_WORD.sub("_", name)
    if not cleaned:
        return fallback
    return f"{fallback}_{cleaned}" if cleaned[0].isdigit() else cleaned


def new_execution_id() -> str:
    """Return a fresh random execution id."""
    return str(uuid.uuid4())


def child_id(execution_id: str, kind: int, generation: int, number: int) -> str:
    """Return the id of something that belongs to an execution.

    The first half repeats the execution's id, so that the journal finds the execution of a call or an artifact without
    an index; the second half counts. The result is a well-formed UUID.

    Args:
        execution_id: The execution.
        kind: 0 for a call, 1 for a wait, 2 for an artifact.
        generation: Generation of the lease under which it was made.
        number: Counts within that generation.
    """
    low = (0b10 << 62) | (kind << 60) | ((generation & 0xFFFFFFF) << 32) | (number & 0xFFFFFFFF)
    tail = f"{low:016x}"
    return f"{execution_id[:18]}-{tail[:4]}-{tail[4:]}"


def execution_prefix(identifier: str) -> str:
    """Return how the id of the execution begins that a call or artifact belongs to."""
    return identifier[:18]


def idempotency_key(lineage_id: str, identity: str, business_key: str | None) -> str:
    """Return the key that every attempt, resume, retry and replay of one logical call shares.

    Args:
        lineage_id: The first execution of the line of replays.
        identity: What makes the call the same call: its stable key or its invocation id.
        business_key: What the user declared.
    """
    text = "\0".join((lineage_id, identity, business_key or ""))
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:40]

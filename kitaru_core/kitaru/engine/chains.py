"""Conversations as chains: a call records the messages that were added since a conversation that is recorded already.

Short messages stand in the record itself, which costs a commit nothing more; long ones go into the blob table. What
stands in a record of the same execution, as a message or as the value of a call, is not stored again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256

import msgspec

from kitaru.engine.payloads import SHARED_BYTES, to_json
from kitaru.records.payload import HistoryRef, PayloadRef

__all__ = ["Chain", "chain_history"]

_SHORT_TOTAL = 8 * 1024
_REMEMBERED = 4096
_START = sha256(b"kitaru history 1").digest()

_as_it_is = msgspec.json.Decoder(msgspec.Raw)


class Chain:
    """What one run knows of its conversations: the digests of the last one, and which messages its records hold."""

    __slots__ = ("_last", "_standing")

    def __init__(self) -> None:
        self._last: tuple[list[bytes], list[bytes], list[bytes]] = ([], [], [_START])
        self._standing: dict[str, None] = {}

    def digests(self, data: list[bytes]) -> tuple[list[bytes], list[bytes]]:
        """Return the digest of each message, and the nodes: the start, and one after each message.

        Args:
            data: The messages; the list is kept.
        """
        # Read once and replaced whole, because concurrent calls share a chain.
        before, hashes, nodes = self._last
        pairs = enumerate(zip(before, data, strict=False))
        same = next((place for place, (old, new) in pairs if old != new), min(len(before), len(data)))
        hashes, nodes = hashes[:same], nodes[: same + 1]
        for item in data[same:]:
            hashes.append(sha256(item).digest())
            nodes.append(sha256(nodes[-1] + hashes[-1]).digest())
        self._last = data, hashes, nodes
        return hashes, nodes

    def holds(self, digest: str) -> bool:
        """Whether a durable record of this execution is known to hold a message, or a value that is equal to it."""
        return digest in self._standing

    def remember(self, history: HistoryRef | None, output: PayloadRef) -> None:
        """Take note of what a durable record holds.

        Args:
            history: What was added to the conversation.
            output: The value; a long one stands elsewhere, and is found there.
        """
        standing = self._standing
        if len(standing) >= _REMEMBERED:
            standing.clear()
        if output.size <= SHARED_BYTES:
            standing[output.hash] = None
        if history is not None:
            standing.update(dict.fromkeys(digest for digest, _ in history.standing_here()))


def chain_history(
    messages: Sequence[object], known: Mapping[str, int], chain: Chain | None = None
) -> tuple[HistoryRef, list[tuple[str, bytes]]]:
    """Describe a conversation as an extension of the longest one that is stored already.

    Args:
        messages: All messages, oldest first, as JSON-ready values or their JSON.
        known: Nodes that are stored already.
        chain: Spares the digests of what the conversation before it began with, and lets short messages stand in the
            record. Without it every message goes into the blob table.

    Returns:
        The node for the whole conversation, and the messages to store beside it.
    """
    data = [item if isinstance(item, bytes) else to_json(item) for item in messages]
    hashes, nodes = (chain or Chain()).digests(data)
    start = next((n for n in range(len(nodes) - 1, 0, -1) if nodes[n].hex() in known), 0)
    added = [(hashes[n].hex(), data[n]) for n in range(start, len(data))]
    new = {digest: message for digest, message in added if chain is None or not chain.holds(digest)}
    short = {} if chain is None else _short(new)
    places = {digest: place for place, (digest, _) in reversed(list(enumerate(added)))}
    ref = HistoryRef(
        node=nodes[-1].hex(),
        added="".join(digest for digest, _ in added),
        length=len(data),
        parent=nodes[start].hex() if start else None,
        short={places[digest]: msgspec.Raw(message) for digest, message in short.items()},
    )
    return ref, [(digest, message) for digest, message in new.items() if digest not in short]


def _short(messages: Mapping[str, bytes]) -> dict[str, bytes]:
    """Choose the messages that stand in the record."""
    found: dict[str, bytes] = {}
    left = _SHORT_TOTAL
    for digest, message in messages.items():
        if len(message) <= min(SHARED_BYTES, left) and _is_json(message):
            found[digest] = message
            left -= len(message)
    return found


def _is_json(message: bytes) -> bool:
    """Tell whether bytes come out of a record of JSON exactly as they go in."""
    try:
        return bytes(_as_it_is.decode(message)) == message and bool(message.isascii() or message.decode())
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False

"""Where the bytes of a stored value are, and how to read them."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

__all__ = ["HistoryRef", "PayloadRef", "payload_refs"]


class PayloadRef(msgspec.Struct, frozen=True, kw_only=True):
    """Names stored bytes by their content.

    The bytes stand in the row of the record, in the journal's blob table or in the artifact store, in this order of
    looking; the reference is the same in each case, so bytes may move without the record changing.

    Attributes:
        codec: Name and version of the codec that reads them, such as `json/1`.
        hash: SHA-256 of the bytes, in hexadecimal.
        size: Their number.
    """

    codec: str
    hash: str
    size: int


_DIGEST = 64


class HistoryRef(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One node of a conversation: the conversation before it, and what was added.

    Attributes:
        node: Digest of the whole conversation up to here, in hexadecimal.
        parent: Node of the conversation it extends, or `None` for a first one.
        added: SHA-256 digests of the messages added, 64 hexadecimal digits each, in order and without a separator.
        length: Number of messages up to here.
        short: The messages among those added that stand here, by their place among them. The others stand in the blob
            table, or in an earlier record of the execution, as such a message or as a value.
    """

    node: str
    added: str
    length: int
    parent: str | None = None
    short: dict[int, msgspec.Raw] = {}

    def digests(self) -> list[str]:
        """Return the digest of each message that was added."""
        return [self.added[start : start + _DIGEST] for start in range(0, len(self.added), _DIGEST)]

    def standing_here(self) -> Iterator[tuple[str, bytes]]:
        """Yield digest and bytes of each message that stands here."""
        for place, message in self.short.items():
            yield self.added[place * _DIGEST : (place + 1) * _DIGEST], bytes(message)


def payload_refs(fact: object) -> Iterator[PayloadRef]:
    """Yield every reference to stored bytes that a fact holds, those of a replay's overrides as well.

    Args:
        fact: The fact of a record.
    """
    for name in getattr(fact, "__struct_fields__", ()):
        value = getattr(fact, name)
        if isinstance(value, PayloadRef):
            yield value
    replay = getattr(fact, "replay", None) or {}
    for ref in replay.get("overrides", {}).values():
        yield msgspec.convert(ref, PayloadRef)

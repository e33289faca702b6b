"""Messages saved as an artifact: each message is kept once, however many artifacts of an execution contain it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING

from kitaru.artifacts.codecs import encode
from kitaru.engine import payloads
from kitaru.engine.chains import chain_history
from kitaru.errors import KitaruJournalError
from kitaru.records.facts import ArtifactSaved
from kitaru.records.payload import HistoryRef, PayloadRef

if TYPE_CHECKING:
    from kitaru.journal.api import Journal
    from kitaru.records.record import Record

__all__ = ["artifact_bytes", "carry_over", "nodes_of", "plain_messages", "store_messages", "told_messages"]

_CODEC = "json/1"


def plain_messages(messages: Sequence[object], *, path: str) -> list[bytes] | None:
    """Encode messages one by one.

    Args:
        messages: The messages.
        path: How an error names them.

    Returns:
        The JSON of each, or `None` when JSON would not give one of them back as it is.

    Raises:
        KitaruEncodingError: One of them cannot be stored at all.
    """
    found = [encode(message, path=f"{path}[{place}]") for place, message in enumerate(messages)]
    return [item.data for item in found] if all(item.codec == _CODEC for item in found) else None


def store_messages(parts: Sequence[bytes], known: Mapping[str, int]) -> tuple[payloads.Stored, HistoryRef]:
    """Describe messages as an extension of those that are stored already.

    Args:
        parts: The JSON of each message, oldest first.
        known: Nodes that are stored already.

    Returns:
        What is to be stored, and the node for these messages.
    """
    node, blobs = chain_history(parts, known)
    data = _joined(parts)
    ref = PayloadRef(codec=_CODEC, hash=sha256(data).hexdigest(), size=len(data))
    return payloads.Stored(ref, blobs=blobs), node


def artifact_bytes(journal: Journal, records: Iterable[Record], seq: int, saved: ArtifactSaved) -> bytes:
    """Return the bytes of a saved artifact, put together anew if its messages are kept one by one.

    Args:
        journal: Where it is recorded.
        records: The execution's records.
        seq: The artifact's place among them.
        saved: The artifact.

    Raises:
        KitaruJournalError: Something of it is missing or was altered.
    """
    records = list(records)
    if saved.history is None:
        return journal.payload(records[0].execution_id, seq, saved.value)
    data = _joined([journal.blob(digest) for digest in _digests(records, saved.history)])
    if sha256(data).hexdigest() != saved.value.hash:
        msg = (
            f"The messages of artifact {saved.name!r} are not all in {journal.url}. Restore the journal from a backup."
        )
        raise KitaruJournalError(msg, url=journal.url, reason="corrupt")
    return data


def nodes_of(records: Iterable[Record]) -> dict[str, HistoryRef]:
    """Return the nodes of all messages an execution has saved, by their digest.

    Args:
        records: The execution's records.
    """
    return {
        record.fact.history.node: record.fact.history
        for record in records
        if isinstance(record.fact, ArtifactSaved) and record.fact.history is not None
    }


def carry_over(
    journal: Journal, nodes: Mapping[str, HistoryRef], last: HistoryRef, known: Mapping[str, int]
) -> tuple[HistoryRef, list[tuple[str, bytes]]]:
    """Describe messages of one execution as an extension of those that another one has stored already.

    Args:
        journal: Where both are recorded.
        nodes: The nodes of the execution they come from.
        last: Their node there.
        known: Nodes the other execution has stored already.

    Returns:
        Their node in the other execution, and the messages to store.
    """
    chain, parent = _walk(nodes, last, known)
    ref = HistoryRef(node=last.node, added="".join(node.added for node in chain), length=last.length, parent=parent)
    return ref, [(digest, journal.blob(digest)) for digest in ref.digests()]


def told_messages(journal: Journal, records: Iterable[Record], last: HistoryRef) -> list[bytes]:
    """Return the messages of a conversation that a call was asked with, oldest first, as their JSON.

    Args:
        journal: Where it is recorded.
        records: The execution's records.
        last: The node that the call's record names.

    Raises:
        KitaruJournalError: One is missing or was altered.
    """
    nodes: dict[str, HistoryRef] = {}
    here: dict[str, bytes] = {}
    values: dict[str, tuple[Record, PayloadRef]] = {}
    for record in records:
        history, output = getattr(record.fact, "history", None), getattr(record.fact, "output", None)
        if isinstance(output, PayloadRef):
            values[output.hash] = record, output
        if isinstance(history, HistoryRef) and not isinstance(record.fact, ArtifactSaved):
            nodes[history.node] = history
            here.update(history.standing_here())
    found = []
    for digest in (digest for node in _walk(nodes, last, {})[0] for digest in node.digests()):
        if digest in here:
            found.append(here[digest])
        elif digest in values:
            record, ref = values[digest]
            found.append(journal.payload(record.execution_id, record.seq, ref))
        else:
            found.append(journal.blob(digest))
    return found


def _digests(records: Iterable[Record], last: HistoryRef) -> list[str]:
    chain, _ = _walk(nodes_of(records), last, {})
    return [digest for node in chain for digest in node.digests()]


def _walk(
    nodes: Mapping[str, HistoryRef], last: HistoryRef, known: Mapping[str, int]
) -> tuple[list[HistoryRef], str | None]:
    """Go back from a node to the first message, or to a node that is known; return what was added on the way."""
    chain: list[HistoryRef] = []
    node: HistoryRef | None = last
    while node is not None and len(chain) <= len(nodes):
        chain.append(node)
        if node.parent is not None and node.parent in known:
            return chain[::-1], node.parent
        node = None if node.parent is None else nodes.get(node.parent)
    return chain[::-1], None


def _joined(parts: Sequence[bytes]) -> bytes:
    return b"[" + b",".join(parts) + b"]"

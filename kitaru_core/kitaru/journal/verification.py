"""Proving that a history is complete and unaltered."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

import msgspec

from kitaru.errors import KitaruJournalError
from kitaru.records.facts import ArtifactSaved, UnknownFact, decode_fact
from kitaru.records.payload import PayloadRef

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kitaru.journal.api import Journal
    from kitaru.records.facts import Known
    from kitaru.records.payload import HistoryRef

__all__ = ["Verification", "verify_execution"]


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """What checking a history found.

    Attributes:
        execution_id: The execution.
        records: Number of records checked.
        payloads: Number of values checked.
        head: Hash of the last record, in hexadecimal; equal heads mean equal histories.
        fault: The first fault found, in words, or `None`.
        seq: Place of the record that is at fault.
    """

    execution_id: str
    records: int
    payloads: int
    head: str
    fault: str | None = None
    seq: int | None = None

    @property
    def is_intact(self) -> bool:
        """Whether no fault was found."""
        return self.fault is None


def verify_execution(journal: Journal, execution_id: str) -> Verification:
    """Check the chain of hashes of an execution and the content of every value it names.

    Args:
        journal: Where it is recorded.
        execution_id: The execution.

    Raises:
        KitaruNotFoundError: There is no such execution.
    """
    head = b"\0" * 32
    checked = payloads = 0
    values = _Values(journal, execution_id)
    for expected, record in enumerate(journal.stored(execution_id)):

        def fault(
            what: str, seq: int = expected, n: int = checked, m: int = payloads, last: bytes = head
        ) -> Verification:
            return Verification(execution_id=execution_id, records=n, payloads=m, head=last.hex(), fault=what, seq=seq)

        if record.seq != expected:
            return fault(f"record {expected} is missing")
        if sha256(head + record.body).digest() != record.hash:
            return fault(f"record {expected} or the one before it was altered")
        try:
            fact = decode_fact(record.body)
        except msgspec.DecodeError as error:
            return fault(f"record {expected} cannot be read: {error}")
        try:
            payloads += 0 if isinstance(fact, UnknownFact) else values.check(record.seq, fact)
        except KitaruJournalError as error:
            return fault(f"a value of record {expected}: {error}")
        head = record.hash
        checked += 1
    return Verification(execution_id=execution_id, records=checked, payloads=payloads, head=head.hex())


class _Values:
    """Checks the values that the records of one execution name, in their order."""

    def __init__(self, journal: Journal, execution_id: str) -> None:
        self._journal = journal
        self._execution_id = execution_id
        self._standing: set[str] = set()

    def check(self, seq: int, fact: Known) -> int:
        """Check the values of one record.

        Returns:
            Their number.

        Raises:
            KitaruJournalError: One is missing or was altered.
        """
        journal, execution_id = self._journal, self._execution_id
        refs = list(_references(fact))
        for ref in refs:
            journal.payload(execution_id, seq, ref)
            self._standing.add(ref.hash)
        history = _history(fact)
        if history is None:
            return len(refs)
        for digest, message in history.standing_here():
            if sha256(message).hexdigest() != digest:
                msg = f"The message {digest} does not have this digest."
                raise KitaruJournalError(msg, reason="corrupt")
            self._standing.add(digest)
        told = history.digests()
        for digest in told:
            if digest not in self._standing or isinstance(fact, ArtifactSaved):
                journal.payload(execution_id, seq, PayloadRef(codec="bytes/1", hash=digest, size=0))
        return len(refs) + len(told)


def _history(fact: Known) -> HistoryRef | None:
    found: HistoryRef | None = getattr(fact, "history", None)
    return found


def _references(fact: Known) -> Iterator[PayloadRef]:
    for name in ("inputs", "output", "value", "answer", "result"):
        ref = getattr(fact, name, None)
        # The value of saved messages is put together from those of its history.
        if isinstance(ref, PayloadRef) and not (name == "value" and _history(fact) is not None):
            yield ref

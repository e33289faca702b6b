"""Values: in a record's own row or beside it, found by their content."""

from __future__ import annotations

import random
import zlib

import pytest

from kitaru.errors import KitaruJournalError
from kitaru.journal.api import Journal
from kitaru_conformance.contracts.journals.cases import JournalCases
from kitaru_conformance.contracts.journals.drafts import begin, completed, digest, reference
from kitaru_conformance.requirements import requirement

__all__ = ["Payloads"]

_SIZES = (0, 1, 511, 512, 513, 4096, 32 * 1024, 32 * 1024 + 1, 1 << 20)


class Payloads(JournalCases):
    """Cases about the bytes that records name."""

    @requirement("J-22")
    @pytest.mark.parametrize("size", [0, 5, 1 << 20])
    def test_a_value_in_its_row_comes_back(self, journal: Journal, size: int) -> None:
        """Bytes that stand in a record's own row come back by the record's reference.

        If this fails: repair J-05 first; then look at `payload`.
        """
        data = b"v" * size
        journal.append(begin(journal), completed(data))
        assert journal.payload("e1", 1, reference(data)) == data

    @requirement("J-23")
    def test_a_value_beside_its_record_comes_back(self, journal: Journal) -> None:
        """Bytes that stand beside a record come back by reference and by digest, long or short, dense or not.

        If this fails: look at what is done to blobs of that size, such as packing them.
        """
        lease = begin(journal)
        for place, data in enumerate((make(size) for size in _SIZES for make in (_dense, _plain)), start=1):
            journal.append(lease, completed(data, inline=False))
            assert journal.payload("e1", place, reference(data)) == data
            assert journal.blob(digest(data)) == data

    @requirement("J-24")
    def test_equal_bytes_are_kept_once_and_serve_all(self, journal: Journal) -> None:
        """Bytes that two executions use are kept for both.

        If this fails: repair J-23 first; storing what is there already must not fail.
        """
        for name in ("e1", "e2"):
            lease = begin(journal, name)
            journal.append(lease, completed(b"shared", inline=False))
            journal.append(lease, completed(b"shared", inline=False))
            assert journal.payload(name, 2, reference(b"shared")) == b"shared"

    @requirement("J-25")
    def test_a_value_that_is_not_there_is_an_error(self, journal: Journal) -> None:
        """Asking for bytes that are nowhere raises KitaruJournalError, and never gives other bytes out.

        If this fails: look whether the bytes found are compared with the digest asked for.
        """
        journal.append(begin(journal), completed(b"here"))
        with pytest.raises(KitaruJournalError):
            journal.payload("e1", 1, reference(b"elsewhere"))
        with pytest.raises(KitaruJournalError):
            journal.blob(digest(b"elsewhere"))

    @requirement("J-26")
    def test_bytes_that_look_packed_are_left_alone(self, journal: Journal) -> None:
        """Bytes that happen to be in a packed format themselves come back as they were.

        If this fails: whether a blob was packed must be noted beside it, not guessed from its bytes.
        """
        data = zlib.compress(b"looks packed " * 500)
        journal.append(begin(journal), completed(data, inline=False))
        assert journal.blob(digest(data)) == data


def _dense(size: int) -> bytes:
    return random.Random(size).randbytes(size)  # noqa: S311 - only has to be hard to pack


def _plain(size: int) -> bytes:
    return (b"the same again. " * (size // 16 + 1))[:size]

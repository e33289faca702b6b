"""What the cases of the journal contract have in common."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from typing import ClassVar

import pytest

from kitaru.journal.api import Journal
from kitaru.records.facts import Fact, UnknownFact
from kitaru_conformance.contract import Contract, must_be_given
from kitaru_conformance.contracts.journals.desk import Desk

__all__ = ["JournalCases", "assert_chain", "facts", "numbers"]


class JournalCases(Contract):
    """Base of the groups of cases.

    Attributes:
        opener: `module:function` of the function that opens an address, for a journal that no installed plugin offers;
            child processes import it by that name.
    """

    opener: ClassVar[str | None] = None

    @pytest.fixture
    def address(self) -> str:
        """Give the address of an empty journal; the author of a journal overrides this."""
        must_be_given("address", "the address of an empty journal")

    @pytest.fixture
    def desk(self, address: str) -> Iterator[Desk]:
        """Give what opens the address."""
        desk = Desk(address, self.opener)
        yield desk
        desk.close()

    @pytest.fixture
    def journal(self, desk: Desk) -> Journal:
        """Give the empty journal, open."""
        return desk.open()


def facts(journal: Journal, execution_id: str = "e1") -> list[Fact | UnknownFact]:
    """Return what is recorded of an execution, in order."""
    return [record.fact for record in journal.records(execution_id)]


def numbers(journal: Journal, execution_id: str = "e1") -> list[object]:
    """Return the numbers in the records that `logged` made, in order."""
    return [getattr(fact, "values", {})["n"] for fact in facts(journal, execution_id) if hasattr(fact, "values")]


def assert_chain(journal: Journal, execution_id: str = "e1") -> None:
    """Check that an execution's records are complete, in order and chained by their hashes."""
    head = b"\0" * 32
    for place, record in enumerate(journal.stored(execution_id)):
        assert record.seq == place
        head = sha256(head + record.body).digest()
        assert record.hash == head

"""A fact at its place in an execution's journal."""

from __future__ import annotations

import msgspec

from kitaru.records.facts import Known, UnknownFact

__all__ = ["Record"]


class Record(msgspec.Struct, frozen=True):
    """One record as readers and observers see it.

    Attributes:
        execution_id: The execution.
        seq: Position in its journal, from 0, without gaps.
        fact: What happened.
        hash: SHA-256 over the hash before it and the stored bytes, in hexadecimal.
    """

    execution_id: str
    seq: int
    fact: Known | UnknownFact
    hash: str = ""

    @property
    def kind(self) -> str:
        """The fact's kind, such as `checkpoint.completed`."""
        if isinstance(self.fact, UnknownFact):
            return self.fact.kind
        return str(self.fact.__struct_config__.tag)

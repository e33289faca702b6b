"""Totals of an execution, written when it comes to rest, so that lists need no second look."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kitaru.engine.usage import summarise_usage
from kitaru.records.facts import (
    ArtifactSaved,
    CheckpointCompleted,
    CheckpointFailed,
    CheckpointReused,
    CheckpointStarted,
    MetadataLogged,
    UsageRecorded,
    usage_in,
)
from kitaru.records.plain import JsonObject

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kitaru.engine.call import Call
    from kitaru.records.record import Record

__all__ = ["Totals", "merge_metadata", "totals_of"]


class Totals:
    """Counts what an execution did while its records are written, or reads it from them.

    Attributes:
        calls: Ids of its calls; only counted, not kept, while `keep` is false.
        metadata: Metadata logged in the flow's body.
    """

    __slots__ = ("artifacts", "calls", "metadata", "reused", "usage")

    def __init__(self) -> None:
        self.calls: int = 0
        self.artifacts: int = 0
        self.metadata: JsonObject = {}
        self.usage: list[UsageRecorded] = []
        self.reused: set[str] = set()

    def usage_of(self, call: Call) -> list[JsonObject]:
        """Return what the present attempt of a call has used."""
        return [one.usage for one in self.usage if one.call_id == call.call_id and one.attempt == call.attempt]

    def as_dict(self) -> JsonObject:
        """Return the totals as they are recorded."""
        found: JsonObject = {"checkpoints": self.calls, "artifacts": self.artifacts, "metadata": self.metadata}
        if self.usage:
            found["usage"] = summarise_usage(self.usage, self.reused)
        return found


def totals_of(records: Iterable[Record]) -> Totals:
    """Return the totals of an execution's records."""
    totals = Totals()
    calls: set[str] = set()
    for record in records:
        fact = record.fact
        if isinstance(fact, CheckpointStarted | CheckpointFailed | CheckpointCompleted | CheckpointReused):
            calls.add(fact.call_id)
            totals.artifacts += isinstance(fact, CheckpointCompleted | CheckpointReused)
            if isinstance(fact, CheckpointReused):
                totals.reused.add(fact.call_id)
        elif isinstance(fact, ArtifactSaved):
            totals.artifacts += 1
        elif isinstance(fact, MetadataLogged) and fact.call_id is None:
            merge_metadata(totals.metadata, fact.values)
        totals.usage += usage_in(fact)
    totals.calls = len(calls)
    return totals


def merge_metadata(into: JsonObject, values: JsonObject) -> None:
    """Merge logged values: two dicts are merged key by key, anything else is replaced."""
    for key, value in values.items():
        known = into.get(key)
        into[key] = {**known, **value} if isinstance(known, dict) and isinstance(value, dict) else value

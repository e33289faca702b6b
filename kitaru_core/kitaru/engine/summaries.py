"""Totals of an execution, written when it comes to rest, so that lists need no second look."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kitaru.engine.usage import summarise_usage
from kitaru.records.facts import (
    ArtifactSaved,
    CheckpointCompleted,
    CheckpointFailed,
    CheckpointReused,
    CheckpointStarted,
    MetadataLogged,
    UsageRecorded,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kitaru.engine.run import Run
    from kitaru.records.record import Record

__all__ = ["merge_metadata", "summarise", "summary_of"]


def summarise(run: Run) -> dict[str, Any]:
    """Return the totals of a run from its journal."""
    if run.is_small:
        return {"checkpoints": run.ledger.next_index, "artifacts": run.ledger.next_index, "metadata": {}}
    return summary_of(run.journal.records(run.execution_id))


def summary_of(records: Iterable[Record]) -> dict[str, Any]:
    """Return the totals of an execution's records: calls, artifacts, metadata, usage."""
    calls: set[str] = set()
    reused: set[str] = set()
    outputs: set[str] = set()
    saved = 0
    metadata: dict[str, Any] = {}
    usage: list[UsageRecorded] = []
    for record in records:
        fact = record.fact
        if isinstance(fact, CheckpointStarted | CheckpointFailed | CheckpointCompleted | CheckpointReused):
            calls.add(fact.call_id)
            if isinstance(fact, CheckpointCompleted | CheckpointReused):
                outputs.add(fact.call_id)
            if isinstance(fact, CheckpointReused):
                reused.add(fact.call_id)
        elif isinstance(fact, ArtifactSaved):
            saved += 1
        elif isinstance(fact, MetadataLogged) and fact.call_id is None:
            merge_metadata(metadata, fact.values)
        elif isinstance(fact, UsageRecorded):
            usage.append(fact)
    return {
        "checkpoints": len(calls),
        "artifacts": len(outputs) + saved,
        "metadata": metadata,
        **({"usage": summarise_usage(usage, reused)} if usage else {}),
    }


def merge_metadata(into: dict[str, Any], values: dict[str, Any]) -> None:
    """Merge logged values: two dicts are merged key by key, anything else is replaced."""
    for key, value in values.items():
        known = into.get(key)
        into[key] = {**known, **value} if isinstance(known, dict) and isinstance(value, dict) else value

"""Finding values of an execution by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kitaru.engine import payloads
from kitaru.engine.histories import artifact_bytes
from kitaru.engine.ledger import fold
from kitaru.errors import KitaruRuntimeError
from kitaru.records.facts import ArtifactSaved, CheckpointCompleted, CheckpointReused

if TYPE_CHECKING:
    from kitaru.engine.ledger import RecordedCall
    from kitaru.journal.api import Journal
    from kitaru.records.record import Record

__all__ = ["find_value", "visible_artifacts"]


def visible_artifacts(records: list[Record], calls: dict[str, RecordedCall]) -> list[tuple[int, ArtifactSaved]]:
    """Return the saved artifacts a reader is shown, with their places.

    Of each name only the last version counts, and only attempts that led to the call's value.

    Args:
        records: The execution's records.
        calls: Its calls, by call id.
    """
    found: dict[tuple[str, str], tuple[int, ArtifactSaved]] = {}
    for record in records:
        fact = record.fact
        if not isinstance(fact, ArtifactSaved):
            continue
        call = calls.get(fact.call_id)
        if call is not None and call.completed and call.fact.attempt != fact.attempt:
            continue
        found[fact.call_id, fact.name] = (record.seq, fact)
    return list(found.values())


def find_value(journal: Journal, execution_id: str, name: str) -> object:
    """Return the value of a saved artifact, or a checkpoint's output, by name.

    Args:
        journal: Where the execution is recorded.
        execution_id: The execution.
        name: Name of an artifact, of a checkpoint, or an invocation id.

    Raises:
        KitaruNotFoundError: There is no such execution.
        KitaruRuntimeError: Nothing has that name, or several things have.
    """
    records = journal.records(execution_id)
    calls, _ = fold(records)
    saved = [item for item in visible_artifacts(records, calls) if item[1].name == name]
    if len(saved) == 1:
        seq, artifact = saved[0]
        return payloads.decode_stored(artifact.value, artifact_bytes(journal, records, seq, artifact))
    outputs = [call for call in calls.values() if call.completed and name in {call.fact.name, call.fact.invocation_id}]
    exact = [call for call in outputs if call.fact.invocation_id == name]
    if len(outputs) > 1 and len({call.fact.name for call in outputs}) > 1 and len(exact) == 1:
        outputs = exact
    if not saved and len(outputs) == 1:
        fact = outputs[0].fact
        if isinstance(fact, CheckpointCompleted | CheckpointReused):
            return payloads.load(journal, execution_id, outputs[0].seq, fact.output)
    raise _not_one(execution_id, name, saved, outputs, calls)


def _not_one(
    execution_id: str,
    name: str,
    saved: list[tuple[int, ArtifactSaved]],
    outputs: list[RecordedCall],
    calls: dict[str, RecordedCall],
) -> KitaruRuntimeError:
    candidates = [f"artifact {fact.name!r} ({fact.artifact_id})" for _, fact in saved]
    candidates += [f"output of {call.fact.invocation_id!r} ({call.fact.call_id})" for call in outputs]
    if candidates:
        return KitaruRuntimeError(
            f"{name!r} names {len(candidates)} values of execution {execution_id}: {'; '.join(candidates)}. Load one "
            "by its "
            "invocation id, or give artifacts names of their own."
        )
    known = ", ".join(dict.fromkeys(call.fact.invocation_id for call in calls.values() if call.completed)) or "none"
    return KitaruRuntimeError(f"Execution {execution_id} has no value named {name!r}; its outputs are: {known}.")

"""Deriving an execution from another one: which calls are reused, which are replaced, where work begins anew."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import msgspec

from kitaru.engine import payloads
from kitaru.engine.ledger import RecordedCall, fold
from kitaru.engine.selecting import select_call
from kitaru.errors import KitaruStateError, KitaruUsageError
from kitaru.records.facts import CheckpointReused
from kitaru.records.payload import PayloadRef
from kitaru.records.plain import JsonMapping

if TYPE_CHECKING:
    from kitaru.journal.api import Journal

__all__ = ["ReplayPlan", "build_replay_plan", "plan_calls"]


class ReplayPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What a replay will do, before it does it.

    Attributes:
        source: The execution it derives from.
        from_: The selector as given.
        anchor: Body index at which work begins anew.
        reused: Invocation ids of the calls that give their recorded value.
        overridden: Invocation ids of the calls whose value is replaced.
        runs: Invocation ids of the recorded calls that will run again.
        reuse_waits: Whether answers of the source count.
    """

    source: str
    from_: str
    anchor: int
    reused: list[str]
    overridden: list[str]
    runs: list[str]
    reuse_waits: bool = False


def _selected(calls: Iterable[RecordedCall], selector: str) -> RecordedCall:
    known = {call.fact.call_id: call for call in calls}
    return known[select_call([call.fact for call in known.values()], selector).call_id]


def build_replay_plan(
    calls: Mapping[str, RecordedCall],
    *,
    source: str,
    from_: str,
    overrides: Mapping[str, object] | None = None,
    reuse_waits: bool = False,
) -> ReplayPlan:
    """Decide what a replay reuses, replaces and runs.

    Every completed call before the anchor is reused; the anchor is the earliest of the selected and the overridden
    calls. Siblings of a selected call in the same parallel group are reused as well.

    Args:
        calls: The calls of the source, by call id.
        source: The source execution.
        from_: Selector of the call from which to run.
        overrides: Values by `checkpoint.<selector>`.
        reuse_waits: Whether answers of the source count.

    Raises:
        KitaruUsageError: A selector is blank, or an override's key is none.
        KitaruStateError: A selector names no call or several, or the source has no calls.
    """
    if not calls:
        msg = f"Execution {source} has no checkpoints to replay from; start the flow anew with `.run(...)`."
        raise KitaruStateError(msg)
    known = list(calls.values())
    selected = _selected(known, from_)
    replaced = [_selected(known, _override_selector(key)) for key in overrides or {}]
    anchors = [selected, *replaced]
    anchor = min(call.fact.index for call in anchors)
    first = next(call for call in anchors if call.fact.index == anchor)
    replaced_ids = {call.fact.invocation_id for call in replaced}
    group = first.fact.group
    reused: list[str] = []
    runs: list[str] = []
    for call in sorted(known, key=lambda item: item.fact.index):
        name = call.fact.invocation_id
        if name in replaced_ids:
            continue
        sibling = group is not None and call.fact.group == group and call is not selected
        before = call.fact.index < anchor
        (reused if call.completed and (before or sibling) else runs).append(name)
    return ReplayPlan(
        source=source,
        from_=from_,
        anchor=anchor,
        reused=reused,
        overridden=[call.fact.invocation_id for call in replaced],
        runs=runs,
        reuse_waits=reuse_waits,
    )


def _override_selector(key: str) -> str:
    namespace, dot, selector = key.partition(".")
    if namespace == "wait" and dot:
        msg = (
            f"{key!r}: the answer of a wait cannot be overridden. The replay asks again; answer it with "
            "`client.executions.input(...)` or `kitaru executions input`."
        )
        raise KitaruUsageError(msg)
    if namespace != "checkpoint" or not selector.strip():
        msg = f"{key!r} is no override; write `checkpoint.<name, invocation id or call id>` and the value."
        raise KitaruUsageError(msg)
    return selector


def override_values(
    calls: Mapping[str, RecordedCall], overrides: Mapping[str, object]
) -> tuple[dict[str, PayloadRef], list[tuple[str, bytes]]]:
    """Encode the values of overrides.

    Returns:
        The references by invocation id, and the bytes to store.

    Raises:
        KitaruEncodingError: A value cannot be stored.
    """
    refs: dict[str, PayloadRef] = {}
    blobs: list[tuple[str, bytes]] = []
    for key, value in overrides.items():
        call = _selected(calls.values(), _override_selector(key))
        encoded = payloads.encoded(value, None, f"overrides[{key!r}]")
        stored = payloads.place(encoded)
        refs[call.fact.invocation_id] = stored.ref
        blobs.append((stored.ref.hash, encoded.data))
    return refs, blobs


def plan_calls(journal: Journal, execution_id: str, plan: JsonMapping) -> tuple[list[RecordedCall], list[RecordedCall]]:
    """Return the recorded calls a replay starts with, as its first record names them.

    Args:
        journal: The journal that holds both executions.
        execution_id: The replay.
        plan: The plan as recorded.

    Returns:
        The calls that give a value (reused and overridden), and all calls of the source, for their notes.
    """
    calls, _ = fold(journal.records(plan["source"]))
    reused = set(plan["reused"])
    overrides = {name: msgspec.convert(ref, PayloadRef) for name, ref in plan.get("overrides", {}).items()}
    given: list[RecordedCall] = []
    for call in calls.values():
        name = call.fact.invocation_id
        if name in overrides:
            given.append(_overridden(execution_id, call, overrides[name]))
        elif name in reused and call.completed:
            call.adopt = True
            given.append(call)
    return given, list(calls.values())


def _overridden(execution_id: str, call: RecordedCall, ref: PayloadRef) -> RecordedCall:
    fact = call.fact
    facts = {name: getattr(fact, name) for name in _CALL_FIELDS}
    reused = CheckpointReused(
        at=fact.at,
        output=ref,
        source=[call.execution_id, fact.call_id],
        cache_status="overridden",
        original_output=getattr(fact, "output", None),
        **facts,
    )
    # The value is a blob of the replay's own first record, which has place 0.
    return RecordedCall(reused, execution_id, seq=0, adopt=True)


_CALL_FIELDS = (
    "call_id",
    "invocation_id",
    "name",
    "index",
    "kind_of_work",
    "type",
    "adapter",
    "key",
    "group",
)

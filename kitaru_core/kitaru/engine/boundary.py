"""One call at a boundary, from the first look into the journal to the durable record.

The synchronous and the asynchronous form share everything but the two places where time passes: the body and the
commit.
"""

from __future__ import annotations

import inspect
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, cast

import msgspec

from kitaru.crash_points import hit
from kitaru.deferred import asyncio
from kitaru.engine import failures, histories, payloads
from kitaru.engine.attempts import Attempts
from kitaru.engine.bodies import run_body, run_body_async
from kitaru.engine.call import Call
from kitaru.engine.hooking import identified
from kitaru.engine.scope import flow_scope
from kitaru.engine.signals import BodyRerun
from kitaru.engine.unit import Outcome, Unit
from kitaru.errors import KitaruDecodingError, KitaruDivergenceError
from kitaru.handover import settle
from kitaru.journal.api import Draft
from kitaru.records.facts import (
    NOTHING,
    ArtifactSaved,
    CheckpointCompleted,
    CheckpointFailed,
    CheckpointReused,
    MetadataLogged,
    UsageRecorded,
)

if TYPE_CHECKING:
    from concurrent.futures import Future

    from kitaru.engine.ledger import RecordedCall
    from kitaru.engine.run import Run

__all__ = ["Entry", "commit_unit", "enter", "finish_entered", "leave_out", "peek_unit", "run_unit", "run_unit_async"]

T = TypeVar("T")


def run_unit(unit: Unit, body: Callable[[Call], T]) -> Outcome[T]:
    """Run a synchronous body at a boundary, on the caller's thread.

    Args:
        unit: Describes the boundary.
        body: Called with the `Call` only if the journal does not hold the outcome already.

    Returns:
        The outcome, with the value decoded from what was stored.

    Raises:
        KitaruContextError: No flow is running here, or the caller is inside another boundary.
        KitaruEncodingError: The value cannot be stored.
        Exception: Whatever the body raised in its last attempt, unchanged.
    """
    run = flow_scope(f"The boundary {unit.name!r}")
    entry = enter(run, unit)
    return run_entered(entry, body)


def run_entered(entry: Entry, body: Callable[[Call], T]) -> Outcome[T]:
    """Finish a call that has its place already, with a synchronous body."""
    known = entry.recorded_outcome()
    if known is not None:
        return cast("Outcome[T]", known)
    attempts = Attempts(entry)
    run = entry.run
    if _is_settled_early(attempts):
        return cast("Outcome[T]", attempts.outcome())
    run.write(*_attempted(attempts, body))
    hit("boundary.after_commit")
    if run.reruns:
        entry.run_body_again()
    return cast("Outcome[T]", attempts.outcome())


def finish_entered(entry: Entry, body: Callable[[Call], T], result: Future[Outcome[T]]) -> None:
    """Finish a call that runs beside the flow's body, without waiting for its record to become durable.

    Args:
        entry: The call, which has its place already.
        body: The body.
        result: Is given the outcome, or why there is none, once the record is durable.

    Raises:
        Exception: Whatever the body raised in its last attempt, unchanged; `result` is left as it is.
    """
    known = entry.recorded_outcome()
    if known is not None:
        result.set_result(cast("Outcome[T]", known))
        return
    attempts = Attempts(entry)
    if _is_settled_early(attempts):
        result.set_result(cast("Outcome[T]", attempts.outcome()))
        return
    drafts = _attempted(attempts, body)

    def acknowledged() -> Outcome[T]:
        hit("boundary.after_commit")
        return cast("Outcome[T]", attempts.outcome())

    def recorded(error: BaseException | None) -> None:
        if error is not None:
            result.set_exception(error)
            return
        settle(result, acknowledged)

    if attempts.is_shared:
        # Other executions are given the value as well, which may take a while and must keep nobody else waiting.
        entry.run.write(*drafts)
        recorded(None)
    else:
        entry.run.write_then(drafts, recorded)


def _attempted(attempts: Attempts, body: Callable[[Call], T]) -> Sequence[Draft]:
    """Run a body until an attempt succeeds, and return the records that make its call complete."""
    run = attempts.entry.run
    while True:
        call, intent = attempts.begin()
        if intent:
            run.write(*intent)
        try:
            return attempts.completed(run_body(call, body))
        except BaseException as error:
            record, pause = attempts.failed(error)
            if record:
                run.write(*record)
            if pause is None:
                raise
            call.sleep(pause)


def _is_settled_early(attempts: Attempts) -> bool:
    """Find out whether a call needs no attempt: its outcome was in doubt and is known now, or is in the cache."""
    entry = attempts.entry
    if attempts.in_doubt:
        found = entry.unit.reconcile(attempts.call) if entry.unit.reconcile is not None else None
        entry.run.write(*attempts.reconciled(found))
        if attempts.is_settled:
            return True
    shared = attempts.cached() if attempts.takes_part() else ()
    if shared:
        entry.run.write(*shared)
    return bool(shared)


async def run_unit_async(unit: Unit, body: Callable[[Call], Awaitable[T]]) -> Outcome[T]:
    """Run a coroutine body at a boundary, on the caller's own event loop and task.

    Args:
        unit: Describes the boundary.
        body: Called with the `Call`, and awaited, only if the journal does not hold the outcome already.

    Returns:
        The outcome, with the value decoded from what was stored.

    Raises:
        KitaruContextError: No flow is running here, or the caller is inside another boundary.
        KitaruEncodingError: The value cannot be stored.
        Exception: Whatever the body raised in its last attempt, unchanged.
    """
    run = flow_scope(f"The boundary {unit.name!r}")
    return await run_entered_async(enter(run, unit), body)


async def run_entered_async(entry: Entry, body: Callable[[Call], Awaitable[T]]) -> Outcome[T]:
    """Finish a call that has its place already, with a coroutine body."""
    known = entry.recorded_outcome()
    if known is not None:
        return cast("Outcome[T]", known)
    attempts = Attempts(entry)
    run = entry.run
    if await _is_settled_early_async(attempts):
        return cast("Outcome[T]", attempts.outcome())
    while True:
        call, intent = attempts.begin()
        if intent:
            await run.write_async(*intent)
        try:
            value = await run_body_async(call, body)
            drafts = attempts.completed(value)
        except BaseException as error:
            record, pause = attempts.failed(error)
            if record:
                await run.write_async(*record)
            if pause is None:
                raise
            await call.sleep_async(pause)
            continue
        await run.write_async(*drafts)
        hit("boundary.after_commit")
        if run.reruns:
            entry.run_body_again()
        if attempts.is_shared:
            await asyncio.to_thread(attempts.share)
        return cast("Outcome[T]", attempts.outcome())


async def _is_settled_early_async(attempts: Attempts) -> bool:
    """Find out as `_is_settled_early` does; a `reconcile=` function may be a coroutine here."""
    entry = attempts.entry
    if attempts.in_doubt:
        found = entry.unit.reconcile(attempts.call) if entry.unit.reconcile is not None else None
        records = attempts.reconciled(await found if inspect.isawaitable(found) else found)
        await entry.run.write_async(*records)
        if attempts.is_settled:
            return True
    shared = await asyncio.to_thread(attempts.cached) if attempts.takes_part() else ()
    if shared:
        await entry.run.write_async(*shared)
    return bool(shared)


def peek_unit(unit: Unit) -> Outcome[Any] | None:
    """Return the recorded outcome of a unit without running or recording anything.

    The unit must have a stable key; it is not used up, and can be run or peeked at again.

    Args:
        unit: Describes the boundary.

    Returns:
        The outcome, or `None` when the journal holds none (in a replay: none that may be reused).

    Raises:
        KitaruContextError: No flow is running here, or the caller is inside a boundary.
        KitaruUsageError: The unit has no key.
    """
    run = flow_scope(f"peek({unit.name!r})")
    recorded = run.ledger.peek(unit.key)
    if recorded is None or not isinstance(recorded.fact, CheckpointCompleted | CheckpointReused):
        return None
    return _read(run, unit, recorded, drifted=False)


def leave_out(prefix: str) -> None:
    """Say that recorded calls need not be met again, because the framework itself still holds what they gave.

    They keep their places before whatever follows. Where code is held against an execution, they are not missed.

    Args:
        prefix: What the stable keys of these calls begin with.

    Raises:
        KitaruContextError: No flow is running here, or the caller is inside a boundary.
    """
    flow_scope("leave_out()").ledger.leave_out(prefix)


def commit_unit(unit: Unit, value: T, *, carry: object = None) -> Outcome[T]:
    """Record a unit whose body ran elsewhere; if it is recorded already, return that outcome.

    Args:
        unit: Describes the boundary.
        value: The value it gave.
        carry: Small JSON-ready data to give back with it.

    Returns:
        The outcome; the value is the decoded one.

    Raises:
        KitaruContextError: No flow is running here, or the caller is inside a boundary.
        KitaruEncodingError: The value cannot be stored.
    """

    def body(call: Call) -> T:
        if carry is not None:
            call.carry(carry)
        return value

    return run_unit(unit, body)


def enter(run: Run, unit: Unit) -> Entry:
    """Give a call its place in the body and find what the journal holds of it.

    Raises:
        ExecutionCancelled: The execution was cancelled.
        KitaruUsageError: The explicit id was used before.
        KitaruDivergenceError: The explicit id belongs to another checkpoint.
    """
    run.check()
    shown, digest = payloads.describe(unit.inputs, unit.identity)
    digest = identified(run, unit, digest)
    concurrent = _is_concurrent(run)
    invocation_id, recorded, place = run.ledger.enter(
        unit.name, key=unit.key, explicit=unit.id, digest=digest, concurrent=concurrent
    )
    entry = Entry(run, unit, invocation_id, place, digest)
    entry.shown, entry.recorded = shown, recorded
    entry.concurrent = entry.uncertain = concurrent
    return entry


def _is_concurrent(run: Run) -> bool:
    if threading.get_ident() != run.home_thread:
        return True
    return run.home_task is not None and asyncio.current_task() is not run.home_task


class Entry:
    """A call with its place in the body, before any attempt.

    Attributes:
        recorded: What the journal holds of it.
        shown: Its inputs as they are kept for people.
        concurrent: Whether it runs beside other work of the body.
        uncertain: Whether its place in the order of calls is not certain.
    """

    __slots__ = (
        "call_id",
        "concurrent",
        "digest",
        "index",
        "invocation_id",
        "parents",
        "recorded",
        "run",
        "shown",
        "uncertain",
        "unit",
    )

    def __init__(self, run: Run, unit: Unit, invocation_id: str, index: int, digest: str | None) -> None:
        self.run: Run = run
        self.unit: Unit = unit
        self.invocation_id: str = invocation_id
        self.index: int = index
        self.digest: str | None = digest
        self.shown: msgspec.Raw = NOTHING
        self.concurrent: bool = False
        self.uncertain: bool = False
        self.recorded: RecordedCall | None = None
        self.call_id: str = ""
        self.parents: list[str] = list(unit.parents)

    def recorded_outcome(self) -> Outcome[Any] | None:
        """Return the outcome the journal holds, or `None` when an attempt has to be made.

        Raises:
            Exception: The recorded failure, if the flow went on after it the first time.
        """
        recorded = self.recorded
        if recorded is None:
            return None
        run = self.run
        fact = recorded.fact
        if fact.history is not None and not recorded.adopt:
            # A replay builds only on messages that it keeps itself, so that its source may be deleted.
            run.histories[fact.history.node] = 1
            if isinstance(fact, CheckpointCompleted):
                run.chain.remember(fact.history, fact.output)
        own = not recorded.adopt
        drifted = fact.digest is not None and self.digest is not None and fact.digest != self.digest
        if drifted and recorded.completed:
            run.note_drift(
                f"Boundary {self.invocation_id!r} has other inputs than when it was recorded.",
                call_id=fact.call_id,
                facts={"invocation_id": self.invocation_id, "recorded": fact.digest, "now": self.digest},
            )
        if isinstance(fact, CheckpointCompleted | CheckpointReused):
            outcome = _read(run, self.unit, recorded, drifted=drifted)
            if not own:
                outcome = self._adopt(recorded, fact, outcome)
            run.last_call_id = outcome.call_id
            return outcome
        if isinstance(fact, CheckpointFailed) and recorded.handled and own:
            error = failures.rebuild(fact.failure)
            run.blame(error, self.invocation_id, fact.call_id)
            raise error
        return None

    def _adopt(
        self, recorded: RecordedCall, fact: CheckpointCompleted | CheckpointReused, outcome: Outcome[Any]
    ) -> Outcome[Any]:
        """Record in a replay that this call takes its value from the source."""
        run = self.run
        data = run.journal.payload(recorded.execution_id, recorded.seq, fact.output)
        placed = payloads.place(payloads.Encoded(fact.output.codec, data), shared=self.unit.is_told_again)
        overridden = isinstance(fact, CheckpointReused) and fact.cache_status == "overridden"
        call_id = run.new_id(0)
        reused = CheckpointReused(
            at=time.time(),
            output=fact.output,
            source=[recorded.execution_id, fact.call_id] if not overridden else cast("CheckpointReused", fact).source,
            cache_status="overridden" if overridden else "reused",
            original_output=fact.original_output if isinstance(fact, CheckpointReused) else None,
            carried=fact.carried,
            **self.identity(call_id, fact.attempt),
        )
        run.write_later(Draft(reused, placed.inline, placed.blobs, packed=self.unit.is_told_again))
        if not overridden:
            for spent in recorded.usage:
                self._report_reused(spent, call_id)
            for seq, left in recorded.left:
                if left.attempt == fact.attempt:
                    self._keep(recorded.execution_id, seq, left, call_id)
        return msgspec.structs.replace(outcome, call_id=call_id, cache_status=reused.cache_status)

    def _keep(self, source_id: str, seq: int, left: ArtifactSaved | MetadataLogged, call_id: str) -> None:
        """Record in a replay what a reused call saved and logged, so that readers of the replay find it."""
        if isinstance(left, MetadataLogged):
            self.run.write_later(Draft(msgspec.structs.replace(left, call_id=call_id)))
            return
        kept = msgspec.structs.replace(left, call_id=call_id, artifact_id=self.run.new_id(2))
        self.run.totals.artifacts += 1
        if left.history is not None:
            history, blobs = histories.carry_over(
                self.run.journal, self.run.source_nodes(source_id), left.history, self.run.prompts
            )
            self.run.write_later(Draft(msgspec.structs.replace(kept, history=history), None, blobs, packed=True))
            self.run.prompts[history.node] = 1
            return
        data = self.run.journal.payload(source_id, seq, left.value)
        placed = payloads.place(payloads.Encoded(left.value.codec, data))
        self.run.write_later(Draft(kept, placed.inline, placed.blobs, packed=True))

    def _report_reused(self, spent: UsageRecorded, call_id: str) -> None:
        """Record what a reused call once used, as not paid for now."""
        told = {"billing_effect": "reused_not_incurred", "cache_status": "replay_reused", "checkpoint_id": call_id}
        fact = UsageRecorded(at=time.time(), call_id=call_id, attempt=spent.attempt, usage={**spent.usage, **told})
        self.run.totals.usage.append(fact)
        self.run.write_later(Draft(fact))

    def run_body_again(self) -> None:
        """Leave the body so that it runs again from its top, unless it goes on beside this call.

        Raises:
            BodyRerun: Always, when the body waits for this call.
        """
        if not self.concurrent:
            raise BodyRerun(execution_id=self.run.execution_id)

    def identity(self, call_id: str, attempt: int) -> dict[str, Any]:
        """Return the fields by which every record about this call names it."""
        unit = self.unit
        return {
            "call_id": call_id,
            "invocation_id": self.invocation_id,
            "name": unit.name,
            "index": self.index,
            "kind_of_work": unit.kind,
            "type": unit.type,
            "adapter": unit.adapter,
            "key": unit.key,
            "digest": self.digest,
            "attempt": attempt,
            "concurrent": self.concurrent,
            "group": unit.group,
            "effect": unit.effect,
            "parents": self.parents,
            "inputs": self.shown,
        }


def _read(run: Run, unit: Unit, recorded: RecordedCall, *, drifted: bool) -> Outcome[Any]:
    fact = recorded.fact
    if not isinstance(fact, CheckpointCompleted | CheckpointReused):
        msg = f"{fact.invocation_id} has no value"
        raise TypeError(msg)
    overridden = fact.cache_status == "overridden"
    try:
        value = payloads.load(run.journal, recorded.execution_id, recorded.seq, fact.output, unit.codec)
    except KitaruDecodingError as error:
        msg = f"The stored value of {fact.invocation_id!r} does not fit the present code: {error}"
        raise KitaruDivergenceError(msg, exec_id=run.execution_id) from error
    if overridden and unit.validate is not None:
        value = unit.validate(value)
    return Outcome(
        value=value,
        executed=False,
        cache_status="overridden" if overridden else "reused",
        call_id=fact.call_id,
        invocation_id=fact.invocation_id,
        attempt=fact.attempt,
        carried=msgspec.json.decode(fact.carried) if bytes(fact.carried) else None,
        drifted=drifted,
    )

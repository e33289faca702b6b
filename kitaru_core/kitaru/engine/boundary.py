"""One call at a boundary, from the first look into the journal to the durable record.

The synchronous and the asynchronous form share everything but the two places where time passes: the body and the
commit.
"""

from __future__ import annotations

import asyncio
import inspect
import threading
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar, cast

import msgspec

from kitaru.crash_points import hit
from kitaru.engine import cache, failures, payloads
from kitaru.engine.bodies import run_body, run_body_async
from kitaru.engine.call import Call
from kitaru.engine.hooking import identified, summarised
from kitaru.engine.irreversible import ask_person, checked, reconciled_draft
from kitaru.engine.retrying import as_policy
from kitaru.engine.scope import flow_scope
from kitaru.engine.signals import ControlSignal
from kitaru.engine.unit import Outcome, Unit
from kitaru.errors import (
    FailureOrigin,
    KitaruDecodingError,
    KitaruEncodingError,
    KitaruPluginError,
    KitaruRuntimeError,
)
from kitaru.journal.api import Draft
from kitaru.records.facts import (
    NOTHING,
    CheckpointCompleted,
    CheckpointFailed,
    CheckpointReused,
    CheckpointStarted,
    UsageRecorded,
)

if TYPE_CHECKING:
    from kitaru.engine.ledger import RecordedCall
    from kitaru.engine.run import Run
    from kitaru.records.boundary import CacheStatus
    from kitaru.records.payload import HistoryRef

__all__ = ["Attempts", "Entry", "enter", "read_outcome", "run_unit", "run_unit_async"]

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
    cache.offer_unit(entry)
    return run_entered(entry, body)


def run_entered(entry: Entry, body: Callable[[Call], T]) -> Outcome[T]:
    """Finish a call that has its place already, with a synchronous body."""
    known = entry.recorded_outcome()
    if known is not None:
        return cast("Outcome[T]", known)
    attempts = Attempts(entry)
    run = entry.run
    if attempts.in_doubt:
        found = entry.unit.reconcile(attempts.call) if entry.unit.reconcile is not None else None
        records = attempts.reconciled(found)
        run.write(*records)
        if attempts.is_settled:
            return cast("Outcome[T]", attempts.outcome())
    if entry.cache_key is not None and (records := attempts.cached()):
        run.write(*records)
        return cast("Outcome[T]", attempts.outcome())
    while True:
        call, intent = attempts.begin()
        if intent:
            run.write(*intent)
        try:
            value = run_body(call, body)
            drafts = attempts.completed(value)
        except BaseException as error:
            record, pause = attempts.failed(error)
            if record:
                run.write(*record)
            if pause is None:
                raise
            call.sleep(pause)
            continue
        run.write(*drafts)
        hit("boundary.after_commit")
        attempts.keep()
        return cast("Outcome[T]", attempts.outcome())


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
    entry = enter(run, unit)
    cache.offer_unit(entry)
    return await run_entered_async(entry, body)


async def run_entered_async(entry: Entry, body: Callable[[Call], Awaitable[T]]) -> Outcome[T]:
    """Finish a call that has its place already, with a coroutine body."""
    known = entry.recorded_outcome()
    if known is not None:
        return cast("Outcome[T]", known)
    attempts = Attempts(entry)
    run = entry.run
    if attempts.in_doubt:
        found = entry.unit.reconcile(attempts.call) if entry.unit.reconcile is not None else None
        records = attempts.reconciled(await found if inspect.isawaitable(found) else found)
        await run.write_async(*records)
        if attempts.is_settled:
            return cast("Outcome[T]", attempts.outcome())
    if entry.cache_key is not None and (records := await asyncio.to_thread(attempts.cached)):
        await run.write_async(*records)
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
        await attempts.keep_async()
        return cast("Outcome[T]", attempts.outcome())


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
    ledger = run.ledger
    concurrent = _is_concurrent(run)
    invocation_id, recorded = ledger.find(
        unit.name, key=unit.key, explicit=unit.id, digest=digest, concurrent=concurrent
    )
    ledger.next_index += 1
    entry = Entry(run, unit, invocation_id, ledger.next_index - 1, digest)
    entry.shown, entry.concurrent, entry.recorded = shown, concurrent, recorded
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
        concurrent: Whether its place in the order of calls is not certain.
        cache_key: What its value is shared by with other executions, if it may be.
    """

    __slots__ = (
        "cache_key",
        "call_id",
        "concurrent",
        "digest",
        "index",
        "invocation_id",
        "parents",
        "recorded",
        "run",
        "shown",
        "unit",
    )

    def __init__(self, run: Run, unit: Unit, invocation_id: str, index: int, digest: str | None) -> None:
        self.run = run
        self.unit = unit
        self.invocation_id = invocation_id
        self.index = index
        self.digest = digest
        self.shown = NOTHING
        self.concurrent = False
        self.cache_key: str | None = None
        self.recorded: RecordedCall | None = None
        self.call_id = ""
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
        if fact.history is not None:
            run.histories[fact.history.node] = 1
        own = not recorded.adopt
        drifted = fact.digest is not None and self.digest is not None and fact.digest != self.digest
        if drifted and recorded.completed:
            run.note_drift(
                f"Boundary {self.invocation_id!r} has other inputs than when it was recorded.",
                call_id=fact.call_id,
                facts={"invocation_id": self.invocation_id, "recorded": fact.digest, "now": self.digest},
            )
        if isinstance(fact, CheckpointCompleted | CheckpointReused):
            outcome = read_outcome(run, self.unit, recorded, drifted=drifted)
            if not own:
                outcome = self._adopt(recorded, fact, outcome)
            run.last_call_id = outcome.call_id
            return outcome
        if isinstance(fact, CheckpointFailed) and recorded.handled and own:
            error = failures.rebuild(fact.failure)
            run.blame(error, self.invocation_id)
            raise error
        return None

    def _adopt(
        self, recorded: RecordedCall, fact: CheckpointCompleted | CheckpointReused, outcome: Outcome[Any]
    ) -> Outcome[Any]:
        """Record in a replay that this call takes its value from the source."""
        run = self.run
        data = run.journal.payload(recorded.execution_id, recorded.seq, fact.output)
        placed = payloads.place(payloads.Encoded(fact.output.codec, data))
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
        run.write_later(Draft(reused, placed.inline, placed.blobs))
        if not overridden:
            for spent in recorded.usage:
                self.report_reused(spent.usage, call_id, spent.attempt or 1, "replay_reused")
        return msgspec.structs.replace(outcome, call_id=call_id, cache_status=reused.cache_status)

    def report_reused(self, usage: dict[str, Any], call_id: str, attempt: int, why: str) -> None:
        """Record what a reused call once used, as not paid for now."""
        told = {"billing_effect": "reused_not_incurred", "cache_status": why, "checkpoint_id": call_id}
        fact = UsageRecorded(at=time.time(), call_id=call_id, attempt=attempt, usage={**usage, **told})
        self.run.totals.usage.append(fact)
        self.run.write_later(Draft(fact))

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


class Attempts:
    """The attempts of one call.

    Args:
        entry: The call.
    """

    __slots__ = (
        "_cache_status",
        "_history",
        "_output",
        "_policy",
        "_retries",
        "_started_at",
        "_value",
        "call",
        "entry",
        "is_settled",
    )

    def __init__(self, entry: Entry) -> None:
        run, unit, recorded = entry.run, entry.unit, entry.recorded
        known = recorded if recorded is not None and not recorded.adopt else None
        entry.call_id = run.new_id(0) if known is None else known.fact.call_id
        self.entry = entry
        self.call = Call(
            run,
            unit,
            invocation_id=entry.invocation_id,
            call_id=entry.call_id,
            index=entry.index,
            digest=entry.digest,
        )
        self.call.attempt = 0
        if known is not None:
            self.call.attempt = known.attempts
            self.call.remember(run.read_notes(known))
        self.is_settled = False
        self._cache_status: CacheStatus = "executed"
        self._policy = as_policy(unit.retries)
        self._retries = 0
        self._history: HistoryRef | None = None
        if run.last_call_id is not None:
            entry.parents.append(run.last_call_id)

    @property
    def in_doubt(self) -> bool:
        """Whether an irreversible call was begun by a runner that died, so that nobody knows whether it happened."""
        recorded = self.entry.recorded
        return (
            self.entry.unit.effect == "irreversible"
            and recorded is not None
            and recorded.in_doubt
            and recorded.reconciled != "not_executed"
        )

    def reconciled(self, found: object) -> tuple[Draft, ...]:
        """Take in what became of a call that was in doubt.

        Args:
            found: What the `reconcile=` function returned, or `None` to have a person say it.

        Returns:
            The records to write.

        Raises:
            Suspension: Nobody knows yet; the execution waits for a person.
            KitaruUsageError: The function returned something else than a `Reconciled`.
            KitaruRuntimeError: The call is known to have failed.
        """
        entry, call, recorded = self.entry, self.call, self.entry.recorded
        if found is None and recorded is not None:
            told, surface = ask_person(entry.run, call, recorded), "wait"
        else:
            told, surface = checked(found, call.name), "reconcile"
        record = reconciled_draft(call.call_id, told, surface)
        if told.outcome == "failed":
            entry.run.write(record)
            msg = f"Checkpoint {call.invocation_id!r} is known to have failed: {told.reason or 'no reason was given'}."
            raise KitaruRuntimeError(msg)
        if told.outcome == "not_executed":
            return (record,)
        self._started_at = time.time() if recorded is None else recorded.fact.at
        self.is_settled = True
        return (record, *self.completed(told.value))

    def begin(self) -> tuple[Call, tuple[Draft, ...]]:
        """Begin an attempt.

        Returns:
            The call, and what has to be durable before the body may run: the start of an irreversible call. Other
            starts are written a little later.
        """
        entry, run, call = self.entry, self.entry.run, self.call
        run.check()
        call.attempt += 1
        self._started_at = time.time()
        hit("boundary.before_body")
        if entry.unit.effect == "irreversible":
            return call, (self.started(),)
        run.lease.starting[entry.call_id] = (time.monotonic(), self.started)
        return call, ()

    def started(self) -> Draft:
        """Return the record that the attempt began; made only if it is written before the attempt ends."""
        entry = self.entry
        return Draft(CheckpointStarted(at=self._started_at, **entry.identity(entry.call_id, self.call.attempt)))

    def completed(self, value: object) -> tuple[Draft, ...]:
        """Encode the value and return the records that make the call complete.

        Raises:
            KitaruEncodingError: The value cannot be stored.
        """
        hit("boundary.after_body")
        unit = self.entry.unit
        self._output = payloads.store(value, codec=unit.codec, shared=unit.history is not None)
        self._value = payloads.copy_of(value, self._output, unit.codec)
        return self._complete(
            started_at=self._started_at,
            carried=self.call.carried or NOTHING,
            summary=summarised(self.call, value),
        )

    def _complete(self, **facts: Any) -> tuple[Draft, ...]:  # noqa: ANN401 - fields of the record
        """Return the record of the encoded value, with the messages that were handed to the model."""
        entry, unit, output = self.entry, self.entry.unit, self._output
        blobs = [*output.blobs]
        history = None
        if unit.history is not None:
            history, added = payloads.chain_history(unit.history, entry.run.histories)
            blobs += added
            self._history = history
        fact = CheckpointCompleted(
            at=time.time(),
            output=output.ref,
            history=history,
            **facts,
            **entry.identity(entry.call_id, self.call.attempt),
        )
        return (Draft(fact, output.inline, blobs),)

    def cached(self) -> tuple[Draft, ...]:
        """Take the value another execution has kept.

        Returns:
            The record of it, or nothing when there is none and the body has to run.
        """
        entry, call = self.entry, self.call
        found = cache.look_up(entry)
        if found is None:
            return ()
        output = payloads.place(payloads.Encoded(found.codec, found.data), shared=entry.unit.history is not None)
        try:
            self._value = payloads.decode_stored(output.ref, found.data, entry.unit.codec)
        except KitaruDecodingError:
            return ()
        self._output = output
        self._cache_status = "hit"
        call.attempt += 1
        if found.carried:
            call.carry(msgspec.Raw(found.carried))
        for usage in found.usage:
            entry.report_reused(usage, entry.call_id, call.attempt, "checkpoint_cache_hit")
        return self._complete(
            started_at=time.time(),
            carried=call.carried or NOTHING,
            cache_status="hit",
            source=[found.execution_id, found.call_id],
        )

    def keep(self) -> None:
        """Keep the value that was just recorded for other executions, unless the call left more than its value."""
        if self.entry.cache_key is not None and not self.call.has_saved:
            cache.keep(self.entry, self._output, bytes(self.call.carried or b""))

    async def keep_async(self) -> None:
        """Keep the value as `keep` does, without blocking the event loop."""
        if self.entry.cache_key is not None:
            await asyncio.to_thread(self.keep)

    def failed(self, error: BaseException) -> tuple[tuple[Draft, ...], float | None]:
        """Take note that the attempt failed.

        Args:
            error: What the body raised.

        Returns:
            The record of the failure, and the seconds to wait before the next attempt, or `None` when there is none and
            the error goes to the caller.
        """
        entry, run, call = self.entry, self.entry.run, self.call
        if isinstance(error, ControlSignal | asyncio.CancelledError | GeneratorExit):
            # Nobody's failure: the attempt is simply not there.
            run.lease.starting.pop(entry.call_id, None)
            return (), None
        hit("boundary.failed")
        is_ours = isinstance(error, KitaruEncodingError | KitaruPluginError)
        # What a plugin refuses or breaks it will refuse or break again.
        again = not isinstance(error, KitaruPluginError) and self._policy.allows(
            error, self._retries, entry.unit.retry_if
        )
        origin = FailureOrigin.RUNTIME if is_ours else FailureOrigin.USER_CODE
        fact = CheckpointFailed(
            at=time.time(),
            started_at=self._started_at,
            failure=failures.describe(error, origin, call_id=entry.call_id),
            final=not again,
            **entry.identity(entry.call_id, call.attempt),
        )
        run.blame(error, entry.invocation_id)
        if not again:
            return (Draft(fact),), None
        self._retries += 1
        return (Draft(fact),), self._policy.pause(error, self._retries - 1)

    def outcome(self) -> Outcome[Any]:
        """Return the outcome of the attempt that completed."""
        call, run = self.call, self.entry.run
        run.last_call_id = call.call_id
        run.totals.artifacts += 1
        if self._history is not None:
            # Only what is durable may be built on.
            run.histories[self._history.node] = 1
        return Outcome(
            value=self._value,
            executed=self._cache_status == "executed",
            cache_status=self._cache_status,
            call_id=call.call_id,
            invocation_id=call.invocation_id,
            attempt=call.attempt,
            carried=None if call.carried is None else msgspec.json.decode(call.carried),
        )


def read_outcome(run: Run, unit: Unit, recorded: RecordedCall, *, drifted: bool) -> Outcome[Any]:
    """Return the outcome that the journal holds of a completed call."""
    fact = recorded.fact
    if not isinstance(fact, CheckpointCompleted | CheckpointReused):
        msg = f"{fact.invocation_id} has no value"
        raise TypeError(msg)
    overridden = fact.cache_status == "overridden"
    value = payloads.load(run.journal, recorded.execution_id, recorded.seq, fact.output, unit.codec)
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

"""The attempts of one call: from the start of a body to the record of what became of it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import msgspec

from kitaru.crash_points import hit
from kitaru.deferred import is_cancellation
from kitaru.engine import failures, payloads
from kitaru.engine.caching import CachedValue, cache_key, look_up, remember
from kitaru.engine.call import Call
from kitaru.engine.chains import chain_history
from kitaru.engine.hooking import summarised
from kitaru.engine.irreversible import ask_person, checked, reconciled_draft
from kitaru.engine.retrying import as_policy
from kitaru.engine.signals import ControlSignal
from kitaru.engine.unit import Outcome
from kitaru.errors import (
    FailureOrigin,
    KitaruEncodingError,
    KitaruPluginError,
    KitaruRuntimeError,
    KitaruWorkerDiedError,
)
from kitaru.journal.api import Draft
from kitaru.records.facts import (
    NOTHING,
    CheckpointCompleted,
    CheckpointFailed,
    CheckpointStarted,
    UsageRecorded,
    shortened_usage,
    usage_defaults,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kitaru.engine.boundary import Entry
    from kitaru.records.boundary import CacheStatus
    from kitaru.records.payload import HistoryRef

__all__ = ["Attempts"]


class Attempts:
    """The attempts of one call.

    Args:
        entry: The call.
    """

    __slots__ = (
        "_cache_key",
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
        run.admit(entry)
        known = recorded if recorded is not None and not recorded.adopt else None
        entry.call_id = run.new_id(0) if known is None else known.fact.call_id
        self.entry: Entry = entry
        self.call: Call = Call(
            run,
            unit,
            invocation_id=entry.invocation_id,
            call_id=entry.call_id,
            digest=entry.digest,
        )
        self.call.attempt = 0
        if known is not None:
            self.call.attempt = known.attempts
            self.call.remember(run.read_notes(known))
        self.is_settled: bool = False
        self._policy = as_policy(unit.retries)
        self._retries = 0
        self._history: HistoryRef | None = None
        self._cache_key: str | None = None
        self._cache_status: CacheStatus = "executed"
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

    def reconciled(self, found: object) -> Sequence[Draft]:
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

    def begin(self) -> tuple[Call, Sequence[Draft]]:
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
            return call, self.started()
        run.lease.starting[entry.call_id] = (time.monotonic(), self.started, entry.uncertain)
        return call, ()

    def started(self) -> Sequence[Draft]:
        """Return the records that the attempt began and what it told so far; made only if written before it ends."""
        entry = self.entry
        began = CheckpointStarted(at=self._started_at, **entry.identity(entry.call_id, self.call.attempt))
        return [Draft(began), *self.call.take_held()]

    def abandon(self) -> None:
        """Leave the attempt as nobody's failure: it is simply not there, unless it has told something."""
        began, *told = self.call.started_now() or (None,)
        told += self.call.take_held()  # what was told while the start was being written
        if told:
            self.entry.run.write_later(*([] if began is None else [began]), *told)

    def completed(self, value: object) -> Sequence[Draft]:
        """Encode the value and return the records that make the call complete.

        Raises:
            KitaruEncodingError: The value cannot be stored.
        """
        hit("boundary.after_body")
        entry, unit = self.entry, self.entry.unit
        self._output = payloads.store(value, codec=unit.codec, shared=unit.is_told_again)
        self._value = payloads.copy_of(value, self._output, unit.codec)
        blobs = [*self._output.blobs]
        history = None
        if unit.history is not None:
            history, added = chain_history(unit.history, entry.run.histories, entry.run.chain)
            blobs += added
            self._history = history
        summary = summarised(self.call, value)
        held = self.call.take_held()
        known = usage_defaults(entry.call_id, entry.invocation_id, unit.name) if held else {}
        fact = CheckpointCompleted(
            at=time.time(),
            started_at=self._started_at,
            output=self._output.ref,
            carried=self.call.carried or NOTHING,
            history=history,
            summary=summary,
            usage=[shortened_usage(told.fact.usage, known) for told in held if isinstance(told.fact, UsageRecorded)],
            **entry.identity(entry.call_id, self.call.attempt),
        )
        ended = Draft(fact, self._output.inline, blobs, packed=unit.is_told_again)
        return [ended, *(told for told in held if not isinstance(told.fact, UsageRecorded))]

    def takes_part(self) -> bool:
        """Find out whether the call takes part in the result cache."""
        entry = self.entry
        self._cache_key = cache_key(entry.run, entry.unit, entry.digest)
        return self._cache_key is not None

    def cached(self) -> tuple[Draft, ...]:
        """Take the value from the result cache, if another execution left one there; see `takes_part`.

        Returns:
            The records that make the call complete, or nothing.
        """
        entry, unit = self.entry, self.entry.unit
        found = None if self._cache_key is None else look_up(entry.run, unit, self._cache_key)
        if found is None:
            return ()
        shared, self._value = found
        self.call.attempt += 1
        self.call.restore_carried(shared.carried)
        self._output = payloads.place(payloads.Encoded(shared.codec, shared.data), shared=unit.is_told_again)
        self._cache_status, now = "hit", time.time()
        fact = CheckpointCompleted(
            at=now,
            started_at=now,
            output=self._output.ref,
            carried=self.call.carried or NOTHING,
            cache_status="hit",
            source=[shared.execution_id, shared.call_id],
            **entry.identity(entry.call_id, self.call.attempt),
        )
        spent = [Draft(self._not_incurred(usage)) for usage in shared.usage]
        return (Draft(fact, self._output.inline, self._output.blobs, packed=unit.is_told_again), *spent)

    def _not_incurred(self, usage: dict[str, Any]) -> UsageRecorded:
        """Return what the shared value once cost, as not paid for now."""
        call = self.call
        told = {"billing_effect": "reused_not_incurred", "cache_status": "checkpoint_cache_hit"}
        told |= {"checkpoint_id": call.call_id, "call_name": call.invocation_id}
        fact = UsageRecorded(at=time.time(), call_id=call.call_id, attempt=call.attempt, usage={**usage, **told})
        self.entry.run.totals.usage.append(fact)
        return fact

    @property
    def is_shared(self) -> bool:
        """Whether the value goes to other executions once it is durable here."""
        return self._cache_key is not None

    def share(self) -> None:
        """Leave the value to other executions, once it is durable here; a call that saved artifacts keeps it."""
        key, self._cache_key = self._cache_key, None
        if key is not None and self._cache_status == "executed" and not self.call.has_saved:
            data = self._output.inline if self._output.inline is not None else self._output.blobs[0][1]
            run, call = self.entry.run, self.call
            spent = run.totals.usage_of(call)
            shared = CachedValue(self._output.ref.codec, data, run.execution_id, call.call_id, call.carried, spent)
            remember(run, key, shared)

    def failed(self, error: BaseException) -> tuple[Sequence[Draft], float | None]:
        """Take note that the attempt failed.

        Args:
            error: What the body raised.

        Returns:
            The record of the failure, and the seconds to wait before the next attempt, or `None` when there is none and
            the error goes to the caller.
        """
        entry, run, call = self.entry, self.entry.run, self.call
        if isinstance(error, ControlSignal | GeneratorExit) or is_cancellation(error):
            self.abandon()
            return (), None
        hit("boundary.failed")
        is_ours = isinstance(error, KitaruEncodingError | KitaruPluginError | KitaruWorkerDiedError)
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
        run.blame(error, entry.invocation_id, entry.call_id)
        records = (Draft(fact), *call.take_held())
        if not again:
            return records, None
        self._retries += 1
        return records, self._policy.pause(error, self._retries - 1)

    def outcome(self) -> Outcome[Any]:
        """Return the outcome of the attempt that completed."""
        call, run = self.call, self.entry.run
        run.last_call_id = call.call_id
        run.totals.artifacts += 1
        late = call.take_held()  # told by another thread while the end was being written
        if late:
            run.write_later(*late)
        if self._history is not None:
            # Only what is durable may be built on.
            run.histories[self._history.node] = 1
            run.chain.remember(self._history, self._output.ref)
        self.share()
        return Outcome(
            value=self._value,
            executed=self._cache_status == "executed",
            cache_status=self._cache_status,
            call_id=call.call_id,
            invocation_id=call.invocation_id,
            attempt=call.attempt,
            carried=None if call.carried is None else msgspec.json.decode(call.carried),
        )

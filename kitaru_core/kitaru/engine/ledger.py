"""Finding a call again: what the journal already holds of an execution, matched with the calls the body makes.

A call is found by its stable key if it has one, else by its explicit id, else by its place: the n-th call of a name.
Places are handed out in the order in which the body makes its calls. Where that order is not certain (calls made from
tasks or threads of the user's own), a recorded call with the same input digest goes before the place, and one that was
recorded with other inputs at an uncertain place of its own is left to the call it belongs to.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field

from kitaru.errors import KitaruDivergenceError, KitaruUsageError
from kitaru.records.facts import (
    ArtifactSaved,
    CheckpointCompleted,
    CheckpointFailed,
    CheckpointReused,
    CheckpointStarted,
    ExecutionFinished,
    MetadataLogged,
    NoteWritten,
    OutcomeReconciled,
    RunnerStarted,
    UsageRecorded,
    WaitOpened,
    usage_in,
)
from kitaru.records.record import Record

__all__ = ["Ledger", "RecordedCall", "fold"]

CallFact = CheckpointStarted | CheckpointCompleted | CheckpointFailed | CheckpointReused

_SUFFIXED = re.compile(r"(.+)_(\d+)\Z", re.DOTALL)


@dataclass(slots=True)
class RecordedCall:
    """What the journal holds of one call.

    Attributes:
        fact: The last record of the call.
        execution_id: Execution in whose journal that record stands.
        seq: Its place there.
        attempts: Highest attempt number seen.
        handled: For a failed call: whether the flow went on after it, so that its failure is an outcome.
        reconciled: What somebody said became of it, if its outcome was unknown.
        notes: Its notes, with their places.
        left: What it saved and logged, with their places.
        adopt: Whether it stands in another execution's journal, or in a plan, and is to be recorded in this one.
    """

    fact: CallFact
    execution_id: str
    seq: int
    attempts: int = 1
    handled: bool = False
    reconciled: str | None = None
    notes: list[tuple[int, NoteWritten]] = field(default_factory=list)
    usage: list[UsageRecorded] = field(default_factory=list)
    left: list[tuple[int, ArtifactSaved | MetadataLogged]] = field(default_factory=list)
    adopt: bool = False

    @property
    def completed(self) -> bool:
        """Whether the call has a value."""
        return isinstance(self.fact, CheckpointCompleted | CheckpointReused)

    @property
    def settled(self) -> bool:
        """Whether the body is given an outcome, a value or a failure, without another attempt."""
        return self.completed or self.handled

    @property
    def in_doubt(self) -> bool:
        """Whether the call began and nothing says how it ended."""
        return isinstance(self.fact, CheckpointStarted)


class Ledger:
    """The calls of one execution: recorded ones that wait to be met, and the ids handed out so far.

    Attributes:
        next_index: Place of the next call, unless an outcome on record has it.
        taken: Places of the outcomes on record.
        peeked: Ids of the recorded calls that were peeked at.
    """

    def __init__(self) -> None:
        self.next_index: int = 0
        self.taken: set[int] = set()
        self._lock = threading.Lock()
        self._by_id: dict[str, RecordedCall] = {}
        self._by_key: dict[str, str] = {}
        self._counts: dict[str, int] = {}
        self._explicit: set[str] = set()
        self._claimed: set[str] = set()
        self.peeked: set[str] = set()
        self._peeked_and_met: dict[str, RecordedCall] = {}
        self._left_out: set[str] = set()
        self._by_digest: dict[tuple[str, str], list[str]] | None = None

    @property
    def pending(self) -> int:
        """Number of recorded calls that the body has not met again yet."""
        return len(self._by_id)

    def remaining(self) -> dict[str, RecordedCall]:
        """Return the recorded calls that the body has neither met again nor peeked at yet, by invocation id."""
        with self._lock:
            return {name: call for name, call in self._by_id.items() if name not in self.peeked}

    def add(self, call: RecordedCall) -> None:
        """Take in a recorded call."""
        fact = call.fact
        self._by_id[fact.invocation_id] = call
        if fact.key is not None:
            self._by_key[fact.key] = fact.invocation_id
        if call.settled and not call.adopt:
            self.taken.add(fact.index)

    def peek(self, key: str | None) -> RecordedCall | None:
        """Return what is recorded under a stable key, without using it up.

        Raises:
            KitaruUsageError: There is no key.
        """
        if key is None:
            msg = "Only a unit with a stable key can be peeked at; give the Unit a key=."
            raise KitaruUsageError(msg)
        with self._lock:
            found = self._by_key.get(key)
            if found is None:
                return self._peeked_and_met.get(key)
            self.peeked.add(found)
            return self._by_id.get(found)

    def leave_out(self, prefix: str) -> None:
        """Note that the body may leave out the recorded calls whose keys begin in some way."""
        self._left_out.add(prefix)

    def is_left_out(self, call: RecordedCall) -> bool:
        """Say whether the body may leave a recorded call out."""
        return call.fact.key is not None and call.fact.key.startswith((*self._left_out,))

    def find(self, name: str) -> str:
        """Give something that is no call itself, such as a group of them, its invocation id.

        Args:
            name: Its name.
        """
        with self._lock:
            return self._by_place(name, keyed=False, uncertain=None)[0]

    def enter(
        self,
        name: str,
        *,
        key: str | None = None,
        explicit: str | None = None,
        digest: str | None = None,
        concurrent: bool = False,
    ) -> tuple[str, RecordedCall | None, int]:
        """Give a call its invocation id, what is recorded of it, and its place among the calls.

        Args:
            name: Checkpoint name.
            key: Stable key.
            explicit: Explicit invocation id.
            digest: Digest of the inputs.
            concurrent: Whether the order of calls is not certain.

        Returns:
            The invocation id, the recorded call if there is one, and the place.

        Raises:
            KitaruUsageError: The explicit id was used before in this run.
            KitaruDivergenceError: The explicit id belongs to a different checkpoint in the journal.
        """
        with self._lock:
            invocation_id, recorded = self._found(
                name, key=key, explicit=explicit, digest=digest, concurrent=concurrent
            )
            return invocation_id, recorded, self._placed(recorded, concurrent=concurrent)

    def _found(
        self, name: str, *, key: str | None, explicit: str | None, digest: str | None, concurrent: bool
    ) -> tuple[str, RecordedCall | None]:
        if explicit is not None:
            return explicit, self._explicitly(name, explicit)
        if key is not None and key in self._by_key:
            found = self._by_key.pop(key)
            self._claimed.add(found)
            recorded = self._by_id.pop(found, None)
            if recorded is not None and found in self.peeked:
                self._peeked_and_met[key] = recorded
            return found, recorded
        uncertain = digest if concurrent and key is None else None
        if uncertain is not None and self._by_id:
            alike = self._alike(name, uncertain)
            if alike is not None:
                self._claimed.add(alike)
                return alike, self._by_id.pop(alike)
        return self._by_place(name, keyed=key is not None, uncertain=uncertain)

    def _placed(self, recorded: RecordedCall | None, *, concurrent: bool) -> int:
        """Return the place of a call, behind all that came before it.

        The body may leave calls out whose outcomes are on record: an adapter, those that a later one sums up; a graph
        that goes on where its thread stands, those of the steps before. They keep their places.
        """
        if recorded is not None and recorded.settled and not recorded.adopt:
            place = recorded.fact.index
            self.next_index = (self.next_index if concurrent else max(self.next_index, place)) + 1
            return place
        while self.next_index in self.taken:
            self.next_index += 1
        self.next_index += 1
        return self.next_index - 1

    def _explicitly(self, name: str, explicit: str) -> RecordedCall | None:
        if explicit in self._explicit:
            msg = f"The id {explicit!r} is used by two calls of this flow; give each call an id of its own, or none."
            raise KitaruUsageError(msg)
        self._explicit.add(explicit)
        recorded = self._by_id.pop(explicit, None)
        if recorded is not None and recorded.fact.name != name:
            msg = (
                f"The call {explicit!r} was recorded for checkpoint {recorded.fact.name!r}, but the flow now makes "
                "it for "
                f"{name!r}. Give the new call another id, or start a new execution."
            )
            raise KitaruDivergenceError(msg)
        return recorded

    def _alike(self, name: str, digest: str) -> str | None:
        """Return the first recorded call of a name that has these inputs and was not met yet."""
        if self._by_digest is None:
            self._by_digest = {}
            for call in sorted(self._by_id.values(), key=lambda call: call.fact.index, reverse=True):
                if call.fact.key is None and call.fact.digest is not None:
                    self._by_digest.setdefault((call.fact.name, call.fact.digest), []).append(call.fact.invocation_id)
        waiting = self._by_digest.get((name, digest), [])
        while waiting:
            found = waiting.pop()
            if found in self._by_id:
                return found
        return None

    def _by_place(self, name: str, *, keyed: bool, uncertain: str | None) -> tuple[str, RecordedCall | None]:
        while True:
            n = self._counts[name] = self._counts.get(name, 0) + 1
            candidate = name if n == 1 else f"{name}_{n}"
            if candidate in self._claimed or self._clashes(name, candidate):
                continue
            recorded = self._by_id.get(candidate)
            if recorded is None:
                return candidate, None
            if keyed or recorded.fact.key is not None:
                # Recorded for another key, which will ask for it; this call is a new one.
                continue
            if uncertain is not None and recorded.fact.concurrent and recorded.fact.digest not in {uncertain, None}:
                continue
            return candidate, self._by_id.pop(candidate)

    def _clashes(self, name: str, candidate: str) -> bool:
        """Say whether another checkpoint's numbered calls already use an id, or an explicit id does."""
        if candidate in self._explicit:
            return True
        if candidate != name:
            return candidate in self._counts
        split = _SUFFIXED.match(candidate) if candidate[-1].isdigit() else None
        return split is not None and self._counts.get(split[1], 0) >= int(split[2]) > 1


def fold(records: Iterable[Record]) -> tuple[dict[str, RecordedCall], list[WaitOpened]]:
    """Sum up an execution's records by call.

    Args:
        records: All records, in order.

    Returns:
        The calls by call id, in the order in which they were first recorded; and the waits in their order.
    """
    calls: dict[str, RecordedCall] = {}
    waits: list[WaitOpened] = []
    failed: set[str] = set()
    for record in records:
        fact = record.fact
        if isinstance(fact, CheckpointCompleted | CheckpointStarted | CheckpointReused | CheckpointFailed):
            if _is_late(calls.get(fact.call_id), fact):
                continue
            _settle_failures(calls, failed, fact)
            _take(calls, record, fact)
            calls[fact.call_id].usage += usage_in(fact)
            if isinstance(fact, CheckpointFailed):
                failed.add(fact.call_id)
        elif isinstance(fact, WaitOpened):
            _settle_failures(calls, failed, None)
            waits.append(fact)
        elif isinstance(fact, ExecutionFinished) or (isinstance(fact, RunnerStarted) and fact.reason == "flow-retry"):
            _settle_end(calls, failed, set(fact.culprits))
        else:
            _attach(calls, record.seq, fact)
    return calls, waits


def _attach(calls: dict[str, RecordedCall], seq: int, fact: object) -> None:
    """Put a record about a call with that call."""
    call = calls.get(getattr(fact, "call_id", None) or "")
    if call is None:
        return
    if isinstance(fact, NoteWritten):
        call.notes.append((seq, fact))
    elif isinstance(fact, ArtifactSaved | MetadataLogged):
        call.left.append((seq, fact))
    elif isinstance(fact, OutcomeReconciled):
        call.reconciled = fact.outcome
    call.usage += usage_in(fact)


def _is_late(known: RecordedCall | None, fact: CallFact) -> bool:
    """Say whether this is the start of an attempt whose outcome stands before it: starts are written lazily."""
    if known is None or not isinstance(fact, CheckpointStarted) or isinstance(known.fact, CheckpointStarted):
        return False
    return fact.attempt <= known.fact.attempt


def _take(calls: dict[str, RecordedCall], record: Record, fact: CallFact) -> None:
    known = calls.get(fact.call_id)
    if known is None:
        calls[fact.call_id] = RecordedCall(fact, record.execution_id, record.seq, attempts=fact.attempt)
        return
    if isinstance(fact, CheckpointStarted) and not known.in_doubt and fact.attempt <= known.attempts:
        # A start that was written after the end of the same attempt says nothing new.
        return
    known.fact, known.seq, known.handled = fact, record.seq, False
    known.attempts = max(known.attempts, fact.attempt)


def _settle_failures(calls: dict[str, RecordedCall], failed: set[str], fact: CallFact | None) -> None:
    """A boundary recorded after a failure shows that the flow went on: the failure is an outcome."""
    if failed and not (fact is not None and (fact.call_id in failed or fact.concurrent)):
        for call_id in failed:
            calls[call_id].handled = True
        failed.clear()
    elif fact is not None:
        failed.discard(fact.call_id)


def _settle_end(calls: dict[str, RecordedCall], failed: set[str], culprits: set[str]) -> None:
    for call in calls.values():
        if isinstance(call.fact, CheckpointFailed):
            call.handled = call.handled and call.fact.invocation_id not in culprits
    failed.clear()

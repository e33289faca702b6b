"""The living state of one execution in this process."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from kitaru.artifacts.redaction import redact
from kitaru.engine import payloads
from kitaru.engine.call import Note
from kitaru.engine.chains import Chain
from kitaru.engine.events import EventPublisher
from kitaru.engine.histories import nodes_of
from kitaru.engine.hooking import boundary_hooks
from kitaru.engine.ids import child_id
from kitaru.engine.ledger import Ledger
from kitaru.engine.signals import ExecutionCancelled, RunnerFenced
from kitaru.engine.summaries import Totals, merge_metadata, totals_of
from kitaru.errors import KitaruDivergenceError, KitaruEncodingError, KitaruLeaseLostError, KitaruUsageError
from kitaru.journal.api import Draft
from kitaru.records.facts import DriftNoted, MetadataLogged
from kitaru.records.failure import BLAMED
from kitaru.records.plain import JsonMapping, JsonObject

if TYPE_CHECKING:
    import asyncio

    from kitaru.engine.boundary import Entry
    from kitaru.engine.call import Call
    from kitaru.engine.fanout import AnyFuture
    from kitaru.engine.ledger import RecordedCall
    from kitaru.engine.pool import CallPool
    from kitaru.engine.waits import WaitState
    from kitaru.hooks.manager import HookManager
    from kitaru.journal.api import Journal, Lease
    from kitaru.records.payload import HistoryRef

__all__ = ["Run", "RunFacts"]

_log = logging.getLogger("kitaru")


class RunFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What stays the same for the life of an execution.

    Attributes:
        flow: Name of the flow.
        lineage_id: First execution of the line of replays.
        original_execution_id: Source of a replay.
        settings: The frozen settings.
        strict: Whether drift is an error.
    """

    flow: str
    lineage_id: str
    original_execution_id: str | None = None
    settings: JsonMapping = {}
    strict: bool = False


class Run:
    """One execution while this process drives it.

    Args:
        journal: Where it is recorded.
        lease: The right to record.
        facts: What does not change.
        ledger: Recorded calls.
        waits: Recorded waits, by name.
        source: In a replay: the source's calls.
    """

    def __init__(
        self,
        journal: Journal,
        lease: Lease,
        facts: RunFacts,
        *,
        ledger: Ledger | None = None,
        waits: dict[str, WaitState] | None = None,
        source: list[RecordedCall] | None = None,
    ) -> None:
        self.journal = journal
        self.lease = lease
        self.facts = facts
        self.execution_id: str = lease.execution_id
        self.flow: str = facts.flow
        self.lineage_id: str = facts.lineage_id
        self.original_execution_id: str | None = facts.original_execution_id
        self.is_replay: bool = facts.original_execution_id is not None
        self.ledger: Ledger = ledger or Ledger()
        self.waits: dict[str, WaitState] = waits or {}
        self.wait_counts: dict[str, int] = {}
        self.asked: dict[str, WaitState] = {}
        self.asking: threading.Lock = threading.Lock()
        self.histories: dict[str, int] = {}
        self.chain: Chain = Chain()
        self.prompts: dict[str, int] = {}
        self._source_nodes: dict[str, dict[str, HistoryRef]] = {}
        self.futures: list[AnyFuture] = []
        self.tidy_futures_at = 4096
        self.tasks: set[asyncio.Task[None]] = set()
        self.pool: CallPool | None = None
        self.home_thread: int = threading.get_ident()
        self.home_task: object | None = None
        self.changed: threading.Event = threading.Event()
        self.last_call_id: str | None = None
        self.is_continued: bool = ledger is not None
        self.keeps_logs = False
        self.totals: Totals = Totals()
        self.events: EventPublisher = EventPublisher(self)
        self.hooks: HookManager | None = boundary_hooks()
        self.reruns = False
        self._source = source or []
        self._lock = threading.Lock()
        self._counts: dict[str, int] = {}
        self._warned = False
        lease.on_change.append(self.changed.set)

    def check(self) -> None:
        """Raise the signal that ends this run, if there is one: another runner took over, or somebody cancelled."""
        lease = self.lease
        if lease.lost:
            raise RunnerFenced(execution_id=self.execution_id)
        if lease.cancelled:
            raise ExecutionCancelled(execution_id=self.execution_id)

    def admit(self, entry: Entry) -> None:
        """Let a call that has no recorded outcome begin; a rehearsal ends here instead."""

    def window(self, seconds: float) -> float:
        """Return how long to stay for an answer, of the seconds that were asked for."""
        return seconds

    def write(self, *drafts: Draft) -> None:
        """Record durably."""
        try:
            self.journal.append(self.lease, *drafts)
        except KitaruLeaseLostError as error:
            raise RunnerFenced(execution_id=self.execution_id) from error

    def write_then(self, drafts: Sequence[Draft], done: Callable[[BaseException | None], None]) -> None:
        """Record durably without waiting for it.

        Args:
            drafts: The records.
            done: Called once they are durable, with `None`, or with why they never will be. It may be called by another
                thread, which commits for others as well: it must be quick and must not raise.
        """
        append_then = getattr(self.journal, "append_then", None)
        if append_then is not None and not any(draft.blobs for draft in drafts):
            append_then(self.lease, drafts, lambda error: done(self._fenced(error)))
            return
        self.write(*drafts)
        done(None)

    def _fenced(self, error: Exception | None) -> BaseException | None:
        if not isinstance(error, KitaruLeaseLostError):
            return error
        fenced = RunnerFenced(execution_id=self.execution_id)
        fenced.__cause__ = error
        return fenced

    async def write_async(self, *drafts: Draft) -> None:
        """Record durably without blocking the event loop."""
        try:
            await self.journal.append_async(self.lease, *drafts)
        except KitaruLeaseLostError as error:
            raise RunnerFenced(execution_id=self.execution_id) from error

    def write_later(self, *drafts: Draft) -> None:
        """Record together with the next durable record."""
        self.journal.append_later(self.lease, *drafts)

    def new_id(self, kind: int) -> str:
        """Return a fresh id for a call (0), a wait (1) or an artifact (2) of this execution."""
        with self._lock:
            self.lease.made[kind] += 1
            return child_id(self.execution_id, kind, self.lease.generation, self.lease.made[kind])

    def count(self, label: str) -> int:
        """Count a label within this run of the body."""
        with self._lock:
            self._counts[label] = self._counts.get(label, 0) + 1
            return self._counts[label]

    def summary(self) -> JsonObject:
        """Return the totals of the execution so far, for lists."""
        if self.is_continued:
            return totals_of(self.journal.records(self.execution_id)).as_dict()
        self.totals.calls = self.ledger.next_index
        return self.totals.as_dict()

    def log(self, metadata: Mapping[str, object], *, call: Call | None) -> None:
        """Attach metadata to a call's attempt, or to the execution."""
        try:
            values = msgspec.json.decode(payloads.to_json(redact(dict(metadata))))
        except KitaruEncodingError as error:
            msg = f"log() takes JSON-ready values, and nothing was written: {error}"
            raise KitaruUsageError(msg) from error
        if call is not None:
            call.attach(values)
        else:
            merge_metadata(self.totals.metadata, values)
            self.write_later(Draft(MetadataLogged(at=time.time(), values=values)))

    def note_drift(self, message: str, *, call_id: str | None, facts: Mapping[str, object]) -> None:
        """Note that something differs from what was recorded; an error in strict mode, one warning otherwise.

        Raises:
            KitaruDivergenceError: Strict replay is on.
        """
        if self.facts.strict:
            msg = (
                f"{message} Strict replay is on (KITARU_STRICT_REPLAY), so the execution stops here; nothing "
                "recorded is "
                "lost. Put the program back as it was, or switch strict replay off to go on with the recorded values."
            )
            raise KitaruDivergenceError(msg, exec_id=self.execution_id)
        plain = msgspec.json.decode(payloads.to_json(dict(facts)))
        self.write_later(Draft(DriftNoted(at=time.time(), message=message, call_id=call_id, facts=plain)))
        if not self._warned:
            self._warned = True
            _log.warning("Execution %s: %s The recorded values are used. (Said once.)", self.execution_id, message)

    def notes_of_source(self, invocation_id: str, key: str | None) -> list[Note]:
        """In a replay, return the notes of the source's call with the same identity."""
        for call in self._source:
            if (call.fact.key == key) if key is not None else (call.fact.invocation_id == invocation_id):
                return self.read_notes(call)
        return []

    def source_nodes(self, execution_id: str) -> dict[str, HistoryRef]:
        """In a replay, return the nodes of the messages that an earlier execution saved; they are read once."""
        if execution_id not in self._source_nodes:
            self._source_nodes[execution_id] = nodes_of(self.journal.records(execution_id))
        return self._source_nodes[execution_id]

    def read_notes(self, call: RecordedCall) -> list[Note]:
        """Return the notes of a recorded call."""
        return [
            Note(
                fact.name,
                payloads.load(self.journal, call.execution_id, seq, fact.value),
                fact.attempt,
                fact.at,
            )
            for seq, fact in call.notes
        ]

    def blame(self, error: BaseException, invocation_id: str, call_id: str) -> None:
        """Remember which call an exception came from, for as long as there is the exception."""
        vars(error)[BLAMED] = (self.execution_id, invocation_id, call_id)

    def culprits(self, error: BaseException) -> list[tuple[str, str]]:
        """Return invocation and call id of the calls whose failure led to an exception, the nearest one first."""
        found: list[tuple[str, str]] = []
        seen: set[int] = set()
        pending: list[BaseException | None] = [error]
        while pending:
            here = pending.pop()
            if here is None or id(here) in seen:
                continue
            seen.add(id(here))
            execution_id, *call = vars(here).get(BLAMED, ("", "", ""))
            if execution_id == self.execution_id:
                found.append((call[0], call[1]))
            pending += [here.__cause__, here.__context__]
            if isinstance(here, BaseExceptionGroup):
                pending += here.exceptions
        return found

"""Holding an execution against the present code, without running a body and without recording anything.

The flow's own code runs from its top, as it does when an execution continues. Recorded calls give their outcomes back
and recorded answers are read; the first call or question that the journal knows nothing of ends the rehearsal.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextvars import copy_context
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, NoReturn, cast

from kitaru.engine.executions import flow_inputs, rebuilt_run, started_fact
from kitaru.engine.fanout import close_pool, settle_futures
from kitaru.engine.run import Run
from kitaru.engine.runner import call_body
from kitaru.engine.scope import current_boundary, current_run
from kitaru.engine.signals import RehearsalEnded, Suspension
from kitaru.errors import KitaruError, KitaruStateError, KitaruTimeoutError
from kitaru.journal.api import Lease
from kitaru.records.facts import CheckpointFailed, WaitAborted, WaitOpened

if TYPE_CHECKING:
    from kitaru.engine.boundary import Entry
    from kitaru.engine.ledger import RecordedCall
    from kitaru.journal.api import Draft, ExecutionRow, Journal

__all__ = ["Rehearsal", "Stop", "StopState", "rehearse"]

StopState = Literal["new", "open", "failed", "begun", "in doubt"]

_READING: Final = frozenset(
    {"blob", "events", "execution", "executions", "find_by_prefix", "payload", "records", "stored", "url", "waits"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """Where a rehearsal ended.

    Attributes:
        kind: `call`, `wait`, or `end` when the flow returned.
        name: Invocation id of the call, or name of the wait; empty at the end.
        state: `new` to the journal, `open` for a wait nobody has answered, `failed` or `begun` for a call that is to be
            tried again, `in doubt` for an irreversible one that had begun.
        place: Place of a call in the order of calls.
    """

    kind: Literal["call", "wait", "end"]
    name: str = ""
    state: StopState = "new"
    place: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    """What a rehearsal found.

    Attributes:
        stop: Where it ended; `None` when the flow's code raised or did not come to an end.
        error: What the flow's code raised.
        began: Whether the flow's code began; it does not when its inputs or records cannot be read.
        missed: Recorded calls and questions that the code did not ask for, in the order of the records.
        displaced: The recorded call that stands in the place of the new one that ended the rehearsal.
        drifted: What differs from what was recorded, without changing what happens.
    """

    stop: Stop | None
    error: BaseException | None = None
    began: bool = True
    missed: tuple[str, ...] = ()
    displaced: str | None = None
    drifted: tuple[str, ...] = ()


class _ReadOnly:
    """A journal of which only the reading half is there."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def __getattr__(self, name: str) -> object:
        if name not in _READING:
            msg = f"A rehearsal records nothing, and the journal's {name}() was asked for."
            raise KitaruStateError(msg)
        return getattr(self._journal, name)


class _RehearsedRun(Run):
    """A run that ends where a real one would begin to do something."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - those of a run
        super().__init__(*args, **kwargs)
        self.recorded = self.ledger.remaining()
        self.ledger.taken.clear()  # a new call is to be seen in the place of the recorded one that it displaces
        self.questions = [name for name, state in self.waits.items() if not state.aborted]
        self.stops: list[Stop] = []
        self.drifted: list[str] = []
        self._reached: set[str] = set()
        self._void: set[str] = set()

    def admit(self, entry: Entry) -> NoReturn:
        self._reached.add(entry.unit.name)
        self._end(Stop(kind="call", name=entry.invocation_id, state=_state(entry.recorded), place=entry.index))

    def window(self, seconds: float) -> float:
        del seconds
        return 0.0

    def write(self, *drafts: Draft) -> None:
        for draft in drafts:
            if isinstance(draft.fact, WaitAborted):
                self._void.add(draft.fact.name)
            elif isinstance(draft.fact, WaitOpened):
                self._end(Stop(kind="wait", name=draft.fact.name, place=self.ledger.next_index))

    async def write_async(self, *drafts: Draft) -> None:
        self.write(*drafts)

    def write_later(self, *drafts: Draft) -> None:
        del drafts

    def note_drift(self, message: str, *, call_id: str | None, facts: Mapping[str, object]) -> None:
        self.drifted.append(message)
        if self.facts.strict:
            super().note_drift(message, call_id=call_id, facts=facts)

    def _end(self, stop: Stop) -> NoReturn:
        self.stops.append(stop)
        raise RehearsalEnded(execution_id=self.execution_id, boundary=stop.name)

    def missed_calls(self) -> list[RecordedCall]:
        """Return the recorded outcomes that the code did not ask for.

        Where calls run beside each other the rehearsal may end before all were asked for; those of a name that was
        reached are excused. So are those that an adapter recorded before one that it peeked at, which sums them up,
        and those that it leaves to its framework.
        """
        left = self.ledger.remaining()
        summed_up: dict[str | None, int] = {}
        for name in self.ledger.peeked:
            fact = self.recorded[name].fact
            summed_up[fact.adapter] = max(fact.index, summed_up.get(fact.adapter, 0))
        reached = self._reached | {call.fact.name for name, call in self.recorded.items() if name not in left}
        calls = [call for call in left.values() if call.settled]
        missed = [
            call
            for call in calls
            if not (call.fact.concurrent and call.fact.name in reached)
            and call.fact.index >= summed_up.get(call.fact.adapter, 0)
            and not self.ledger.is_left_out(call)
        ]
        return sorted(missed, key=lambda call: call.fact.index)

    def missed_questions(self) -> list[str]:
        """Return the questions on record that the code did not ask, or that an answer no longer counts for."""
        asked = {_numbered(base, n) for base, count in self.wait_counts.items() for n in range(1, count + 1)}
        return [name for name in self.questions if name not in asked or name in self._void]


def _state(recorded: RecordedCall | None) -> StopState:
    if recorded is None:
        return "new"
    if isinstance(recorded.fact, CheckpointFailed):
        return "failed"
    return "in doubt" if recorded.fact.effect == "irreversible" else "begun"


def _numbered(base: str, n: int) -> str:
    return base if n == 1 else f"{base}_{n}"


def rehearse(
    journal: Journal, row: ExecutionRow, bind: Callable[[Mapping[str, Any]], Callable[[], object]], *, timeout: float
) -> Rehearsal:
    """Hold an execution against the present code; no body runs and nothing is recorded.

    Args:
        journal: Where it is recorded; only read.
        row: The execution.
        bind: Checks the recorded inputs and returns a call of the flow's function with them.
        timeout: Seconds the flow's own code may take.

    Returns:
        Where the code leaves the recorded path, or what keeps it from following that path.
    """
    reader = cast("Journal", _ReadOnly(journal))
    try:
        known = reader.records(row.id)
        body = bind(flow_inputs(reader, started_fact(known)))
        lease = Lease(row.id, no=row.no, generation=row.generation, next_seq=len(known), head=b"")
        run = cast("_RehearsedRun", rebuilt_run(reader, lease, known, kind=_RehearsedRun))
    except KitaruError as error:
        return Rehearsal(stop=None, error=error, began=False)
    ended: list[BaseException | None] = []
    work = threading.Thread(
        target=copy_context().run, args=(_follow, run, body, ended), name=f"kitaru-{run.flow}", daemon=True
    )
    work.start()
    work.join(timeout)
    if not ended:
        msg = f"The code of the flow did not come to a boundary or to its end within {timeout:g} seconds."
        return Rehearsal(stop=None, error=KitaruTimeoutError(msg))
    return _found(run, ended[0])


def _follow(run: _RehearsedRun, body: Callable[[], object], ended: list[BaseException | None]) -> None:
    run.home_thread = threading.get_ident()
    current_run.set(run)
    current_boundary.set(None)
    left: BaseException | None = None
    try:
        call_body(run, body)
        settle_futures(run)
    except BaseException as error:  # noqa: BLE001 - whatever leaves a user's flow is what the rehearsal found
        left = error
        settle_futures(run, observe=True)
    finally:
        close_pool(run)
        ended.append(left)


def _found(run: _RehearsedRun, error: BaseException | None) -> Rehearsal:
    stop = min(run.stops, key=lambda one: one.place, default=None)
    if stop is None and isinstance(error, Suspension):
        stop = Stop(kind="wait", name=error.waits[0], state="open", place=run.ledger.next_index)
    if stop is None and error is None:
        stop = Stop(kind="end", place=run.ledger.next_index)
    calls = run.missed_calls()
    here = [call for call in calls if stop is not None and stop.kind == "call" and call.fact.index == stop.place]
    return Rehearsal(
        stop=stop,
        error=None if stop is not None else error,
        missed=(*(call.fact.invocation_id for call in calls), *run.missed_questions()),
        displaced=here[0].fact.invocation_id if here and stop is not None and stop.state == "new" else None,
        drifted=tuple(dict.fromkeys(run.drifted)),
    )

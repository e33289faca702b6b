"""Driving the body of a flow to its end, its pause, or its failure, and recording which."""

from __future__ import annotations

import inspect
import logging
import os
import threading
import time
from collections.abc import Callable, Coroutine, Mapping
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

from kitaru.crash_points import hit
from kitaru.deferred import asyncio
from kitaru.engine import failures, payloads
from kitaru.engine.fanout import close_pool, settle_futures
from kitaru.engine.scope import current_boundary, current_run
from kitaru.engine.signals import BodyRerun, ExecutionAborted, ExecutionCancelled, RunnerFenced, Suspension
from kitaru.engine.staying import start_and_stay
from kitaru.errors import (
    FailureOrigin,
    KitaruBackendError,
    KitaruDivergenceError,
    KitaruEncodingError,
    KitaruWorkerDiedError,
)
from kitaru.journal.api import Draft
from kitaru.records.facts import DriftNoted, ExecutionFinished, ExecutionPaused, RunnerStarted
from kitaru.settings.environment import replays_every_step

if TYPE_CHECKING:
    from kitaru.engine.run import Run

__all__ = [
    "LiveRun",
    "bind_body",
    "call_body",
    "conclude",
    "drive",
    "drive_here",
    "live_run",
    "settle_body",
    "start_thread",
]

_log = logging.getLogger("kitaru")
_live: dict[str, LiveRun] = {}
_live_lock = threading.Lock()
_KEPT = 64
"""Of so many failed runs the exception itself is kept, for whoever waits for their results in this process."""

Body = Callable[[], object]


class LiveRun:
    """An execution this process is driving, or has driven.

    Attributes:
        run: Its state.
        done: Set when the runner has left.
        error: The exception that left the body, if the execution failed.
        suspended: Whether the runner left because of an open wait.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self.done: threading.Event = threading.Event()
        self.error: BaseException | None = None
        self.suspended = False


def live_run(execution_id: str) -> LiveRun | None:
    """Return the run of an execution that this process drives or drove last."""
    with _live_lock:
        return _live.get(execution_id)


def start_thread(run: Run, body: Body, *, retries: int = 0, rebuild: Callable[[], Run] | None = None) -> LiveRun:
    """Drive a run in a thread of its own, with a copy of the caller's context.

    Args:
        run: The execution.
        body: Calls the flow function.
        retries: How often a failure of the body is retried at once.
        rebuild: Makes the run anew from the journal, for such a retry.

    Returns:
        The live run.
    """
    live = _register(run)
    context = copy_context()

    def work() -> None:
        # The caller may stand in a scope of its own; the new execution does not.
        current_run.set(None)
        current_boundary.set(None)
        drive(live, body, retries=retries, rebuild=rebuild)

    start_and_stay(threading.Thread(target=context.run, args=(work,), name=f"kitaru-{run.flow}"))
    return live


def _forget_the_parents() -> None:
    # Their threads are not in a forked child, which would wait for them for ever.
    global _live_lock  # noqa: PLW0603 - the parent may have held the lock while it forked
    _live_lock = threading.Lock()
    _live.clear()


os.register_at_fork(after_in_child=_forget_the_parents)


def _register(run: Run) -> LiveRun:
    live = LiveRun(run)
    with _live_lock:
        done = [key for key, known in _live.items() if known.done.is_set()]
        failed = [key for key in done if _live[key].error is not None]
        for execution_id in {*done} - {*failed[-_KEPT:]}:
            del _live[execution_id]
        _live[run.execution_id] = live
    return live


def drive_here(run: Run, body: Body, *, retries: int = 0, rebuild: Callable[[], Run] | None = None) -> LiveRun:
    """Drive a run on the caller's thread."""
    live = _register(run)
    copy_context().run(drive, live, body, retries=retries, rebuild=rebuild)
    return live


def drive(live: LiveRun, body: Body, *, retries: int = 0, rebuild: Callable[[], Run] | None = None) -> None:
    """Run a flow's body and record how it ended; nothing the body raises leaves this function."""
    try:
        while True:
            run = live.run
            run.home_thread = threading.get_ident()
            run.reruns = rebuild is not None and replays_every_step()
            current_run.set(run)
            error = _attempt(live, body)
            if error is None:
                return
            if isinstance(error, BodyRerun) and rebuild is not None:
                live.run = rebuild()
                continue
            if retries <= 0 or rebuild is None or not _retriable(error):
                _finish_failed(run, error)
                live.error = error
                return
            retries -= 1
            _log.warning("Execution %s failed and is retried: %s", run.execution_id, error)
            live.run = _again(run, error, rebuild)
    except RunnerFenced:
        _log.warning("Execution %s: this runner stopped, another one took over.", live.run.execution_id)
    except Exception as error:  # noqa: BLE001 - the journal itself failed: there is nowhere to record it
        live.error = error
        _log.exception("Execution %s: its end could not be recorded.", live.run.execution_id)
    finally:
        current_run.set(None)
        close_pool(live.run)
        live.run.journal.release(live.run.lease)
        live.done.set()


def _attempt(live: LiveRun, body: Body) -> BaseException | None:
    """Run the body once; return what it raised if that is a failure."""
    run = live.run
    try:
        value = call_body(run, body)
        settle_futures(run)
        hit("flow.body_done")
        run.check()
        _finish_completed(run, value)
    except Suspension as signal:
        live.suspended = True
        _pause(live, signal)
    except (ExecutionAborted, ExecutionCancelled) as signal:
        _finish_cancelled(run, signal)
    except RunnerFenced:
        raise
    except BaseException as error:  # noqa: BLE001 - whatever leaves a user's flow is recorded, not propagated
        settle_futures(run, observe=True)
        return error
    return None


def call_body(run: Run, body: Body) -> object:
    """Call a flow's body on this thread, and await it if it is asynchronous.

    Args:
        run: The execution.
        body: Calls the flow function.
    """
    value = body()
    if inspect.iscoroutine(value):
        return asyncio.run(_awaited(run, value))
    return value


async def _awaited(run: Run, coroutine: Coroutine[Any, Any, object]) -> object:
    """Await an asynchronous body; a cancellation of the execution interrupts it where it stands."""
    task = asyncio.current_task()
    loop = asyncio.get_running_loop()
    run.home_task = task

    def interrupt() -> None:
        if run.lease.cancelled and task is not None:
            loop.call_soon_threadsafe(task.cancel)

    run.lease.on_change.append(interrupt)
    try:
        value = await coroutine
        while run.tasks:
            await asyncio.wait(run.tasks)
    except asyncio.CancelledError:
        run.check()
        raise
    else:
        return value
    finally:
        run.lease.on_change.remove(interrupt)


def _pause(live: LiveRun, signal: Suspension) -> None:
    run = live.run
    settle_futures(run, observe=True)
    with run.journal.transact(run.execution_id) as transaction:
        if transaction.row.generation != run.lease.generation:
            raise RunnerFenced(execution_id=run.execution_id)
        transaction.append(Draft(ExecutionPaused(at=time.time(), waits=list(signal.waits))))


def settle_body(run: Run) -> None:
    """Do what follows a body that returned: wait for its calls, and leave if the execution was cancelled."""
    settle_futures(run)
    run.check()


def conclude(run: Run, error: BaseException | None) -> None:
    """Record how a body ended that was run by somebody else, and let go of the execution.

    Args:
        run: The execution.
        error: What left the body, or `None`.
    """
    live = _register(run)
    try:
        if error is None:
            _finish_completed(run, None)
        elif isinstance(error, Suspension):
            _pause(live, error)
        elif isinstance(error, ExecutionAborted | ExecutionCancelled):
            _finish_cancelled(run, error)
        elif not isinstance(error, RunnerFenced):
            settle_futures(run, observe=True)
            _finish_failed(run, error)
    finally:
        close_pool(run)
        run.journal.release(run.lease)
        live.done.set()


def _retriable(error: BaseException) -> bool:
    return isinstance(error, Exception) and not isinstance(error, KitaruDivergenceError)


def _again(run: Run, error: BaseException, rebuild: Callable[[], Run]) -> Run:
    run.write(
        Draft(
            RunnerStarted(
                at=time.time(),
                generation=run.lease.generation,
                reason="flow-retry",
                culprits=[name for name, _ in run.culprits(error)],
            )
        )
    )
    close_pool(run)
    return rebuild()


def _finish_completed(run: Run, value: object) -> None:
    stored = payloads.store(value, path="flow result")
    fact = ExecutionFinished(at=time.time(), status="completed", result=stored.ref, summary=run.summary())
    run.write(*_unused_overrides(run), Draft(fact, stored.inline, stored.blobs))


def _unused_overrides(run: Run) -> list[Draft]:
    """Note which overrides of a replay had no effect, because the body did not come to their calls."""
    # What is adopted from a source stands in that one's journal; only an override stands in the plan of this one.
    left = run.ledger.remaining().items()
    names = [name for name, call in left if call.adopt and call.execution_id == run.execution_id]
    if not names:
        return []
    message = f"Nothing asked for what was to be overridden: {', '.join(names)}. Those values had no effect."
    _log.warning("Execution %s: %s", run.execution_id, message)
    return [Draft(DriftNoted(at=time.time(), message=message, facts={"overrides": names}))]


def _finish_cancelled(run: Run, signal: ExecutionAborted | ExecutionCancelled) -> None:
    # Calls that have begun end first: once the end is recorded, somebody else may take the execution over.
    close_pool(run)
    reason = f"wait aborted: {signal.wait}" if isinstance(signal, ExecutionAborted) else "cancelled on request"
    _finish(run, "cancelled", reason=reason)


def _finish_failed(run: Run, error: BaseException) -> None:
    origin = origin_of(error)
    culprits = run.culprits(error)
    failure = failures.describe(error, origin, call_id=culprits[0][1] if culprits else None)
    names = [name for name, _ in culprits]
    _finish(run, "failed", reason=failure.message or failure.type, failure=failure, culprits=names)


def origin_of(error: BaseException) -> FailureOrigin:
    """Say where an exception that left a flow came from, by what it is."""
    if isinstance(error, KitaruDivergenceError):
        return FailureOrigin.DIVERGENCE
    if isinstance(error, KitaruEncodingError | KitaruWorkerDiedError):
        return FailureOrigin.RUNTIME
    if isinstance(error, KitaruBackendError):
        return FailureOrigin.BACKEND
    return FailureOrigin.USER_CODE


def _finish(run: Run, status: str, *, reason: str, **facts: Any) -> None:  # noqa: ANN401 - fields of the record
    fact = ExecutionFinished(at=time.time(), status=status, reason=reason, summary=run.summary(), **facts)
    run.write(Draft(fact))


def bind_body(function: Callable[..., object], arguments: Mapping[str, Any]) -> Body:
    """Return a call of a flow function with recorded arguments.

    Args:
        function: The flow function.
        arguments: `args` and `kwargs`, as `Flow.bind` made them.
    """
    return lambda: function(*arguments["args"], **arguments["kwargs"])

"""Starting, continuing and deriving executions."""

from __future__ import annotations

import inspect
import platform
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import msgspec

from kitaru.crash_points import hit
from kitaru.engine import payloads
from kitaru.engine.hooking import prepare_plugins
from kitaru.engine.ids import new_execution_id
from kitaru.engine.ledger import Ledger, RecordedCall, fold
from kitaru.engine.log_capture import capture_if_asked
from kitaru.engine.replay import ReplayPlan, build_replay_plan, override_values, plan_calls
from kitaru.engine.run import Run, RunFacts
from kitaru.engine.runner import LiveRun, bind_body, drive_here, start_thread
from kitaru.engine.waits import WaitState
from kitaru.errors import KitaruJournalError, KitaruStateError
from kitaru.journal.api import Draft
from kitaru.records.facts import ExecutionStarted, RunnerStarted, WaitAborted, WaitOpened, WaitResolved
from kitaru.settings.environment import captures_logs, is_strict
from kitaru.version import __version__

if TYPE_CHECKING:
    from kitaru.journal.api import ExecutionRow, Journal, Lease
    from kitaru.records.payload import PayloadRef
    from kitaru.records.record import Record

__all__ = [
    "FlowCode",
    "StartOptions",
    "continue_execution",
    "create_run",
    "flow_inputs",
    "plan_replay",
    "rebuilt_run",
    "start_execution",
    "start_replay",
    "started_fact",
]


class FlowCode(msgspec.Struct, frozen=True, kw_only=True):
    """The code of a flow, as the engine needs it.

    Attributes:
        name: Flow name.
        function: The function.
        module: Module it was defined in.
        qualname: Qualified name there.
        file: Source file.
        source_digest: Digest of its source text.
    """

    name: str
    function: Callable[..., object]
    module: str
    qualname: str
    file: str | None = None
    source_digest: str | None = None


class StartOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How an execution is to run.

    Attributes:
        spec: The frozen settings, JSON-ready.
        stack: Stack name.
        retries: Flow-level retries.
        inline: Whether the body runs on the caller's thread.
        strict: Whether drift is an error.
    """

    spec: Mapping[str, Any] = {}
    stack: str | None = None
    retries: int = 0
    inline: bool = False
    strict: bool = False


def start_execution(journal: Journal, code: FlowCode, arguments: Mapping[str, Any], options: StartOptions) -> LiveRun:
    """Record a new execution and drive it.

    Args:
        journal: Where it is recorded.
        code: The flow.
        arguments: `args` and `kwargs`.
        options: How it is to run.

    Returns:
        The live run; the body runs in a thread of its own unless the options say inline.

    Raises:
        KitaruEncodingError: An argument cannot be stored; nothing was recorded.
    """
    run, given = create_run(journal, code, arguments, options)
    with _let_go_on_failure(journal, run.lease):
        return _drive(run, code, given, options)


@contextmanager
def _let_go_on_failure(journal: Journal, lease: Lease) -> Iterator[None]:
    """Let go of an execution that cannot be driven after all, so that it can be retried instead of running for ever."""
    try:
        yield
    except BaseException:
        journal.release(lease)
        raise


def create_run(
    journal: Journal, code: FlowCode, arguments: Mapping[str, Any], options: StartOptions
) -> tuple[Run, Any]:
    """Record a new execution without driving it; see `start_execution`.

    Returns:
        The run, and the arguments as they will be read back.
    """
    stored = payloads.store(dict(arguments), path="inputs")
    given = payloads.copy_of(dict(arguments), stored, None)
    captures_logs()  # a setting that cannot be is said before anything is recorded
    execution_id = new_execution_id()
    fact = _started(journal, execution_id, code, stored.ref, options)
    lease = journal.create(Draft(fact, stored.inline, stored.blobs), flow=code.name, stack=options.stack)
    hit("flow.created")
    facts = RunFacts(flow=code.name, lineage_id=execution_id, settings=options.spec, strict=options.strict)
    return Run(journal, lease, facts), given


def _started(
    journal: Journal,
    execution_id: str,
    code: FlowCode,
    inputs: PayloadRef,
    options: StartOptions,
    **facts: Any,  # noqa: ANN401 - fields of the record
) -> ExecutionStarted:
    return ExecutionStarted(
        at=time.time(),
        execution_id=execution_id,
        flow=code.name,
        module=code.module,
        qualname=code.qualname,
        file=code.file,
        source_digest=code.source_digest,
        spec=dict(options.spec),
        inputs=inputs,
        versions={
            "kitaru": __version__,
            "python": platform.python_version(),
            **prepare_plugins(journal.url, stack=options.stack, strict=options.strict),
        },
        **{"lineage_id": execution_id, **facts},
    )


def _drive(run: Run, code: FlowCode, arguments: Any, options: StartOptions) -> LiveRun:  # noqa: ANN401 - decoded arguments
    capture_if_asked(run)
    body = bind_body(code.function, arguments)

    def rebuild() -> Run:
        again = rebuilt_run(run.journal, run.lease)
        again.keeps_logs = run.keeps_logs
        return again

    drive = drive_here if options.inline else start_thread
    return drive(run, body, retries=options.retries, rebuild=rebuild)


def started_fact(records: list[Record]) -> ExecutionStarted:
    """Return the first record of an execution.

    Raises:
        KitaruJournalError: It is not there.
    """
    first = records[0].fact if records else None
    if isinstance(first, ExecutionStarted):
        return first
    msg = "An execution's first record is missing; restore the journal from a backup."
    raise KitaruJournalError(msg, reason="corrupt")


def flow_inputs(journal: Journal, started: ExecutionStarted) -> dict[str, Any]:
    """Return the recorded arguments of an execution, `args` and `kwargs`.

    Raises:
        KitaruDecodingError: A class they need is not loaded.
    """
    if started.inputs is None:
        return {"args": [], "kwargs": {}}
    found = payloads.load(journal, started.execution_id, 0, started.inputs)
    return dict(found) if isinstance(found, dict) else {"args": [], "kwargs": {}}


def continue_execution(
    journal: Journal,
    execution_id: str,
    code: Callable[[ExecutionStarted], FlowCode],
    *,
    reason: str,
    allowed: Callable[[ExecutionRow], None],
    inline: bool = False,
) -> LiveRun:
    """Go on with an execution that nobody runs, from its last completed boundary.

    Args:
        journal: Where it is recorded.
        execution_id: The execution.
        code: Finds the flow's present code.
        reason: `retry` or `resume`.
        allowed: Sees the execution with nobody else able to change it; raises to refuse.
        inline: Whether the body runs on the caller's thread.

    Returns:
        The live run.

    Raises:
        KitaruNotFoundError: There is no such execution.
        KitaruStateError: It cannot be continued in its present state.
        KitaruPluginError: A plugin is broken; nothing has changed.
    """
    allowed(journal.execution(execution_id))
    known = journal.records(execution_id)
    started = started_fact(known)
    prepare_plugins(journal.url, stack=None, strict=_facts(started).strict)
    found = code(started)
    arguments = flow_inputs(journal, started)

    def decide(row: ExecutionRow) -> Draft:
        allowed(row)
        return Draft(RunnerStarted(at=time.time(), generation=0, reason=reason, lost=row.runner_lost))

    retries = int(started.spec.get("retries") or 0)
    options = StartOptions(spec=started.spec, retries=retries, inline=inline)
    lease = journal.acquire(execution_id, decide)
    with _let_go_on_failure(journal, lease):
        return _drive(rebuilt_run(journal, lease, known), found, arguments, options)


def rebuilt_run(journal: Journal, lease: Lease, known: Sequence[Record] = (), *, kind: type[Run] = Run) -> Run:
    """Make the state of an execution from its journal.

    Args:
        journal: Where it is recorded.
        lease: The right to record.
        known: Records that were read before; they are not read again.
        kind: What to make; a rehearsal is a kind of its own.
    """
    records = [*known, *journal.records(lease.execution_id, after=known[-1].seq if known else -1)]
    started = started_fact(records)
    calls, _ = fold(records)
    ledger = Ledger()
    source: list[RecordedCall] = []
    waits: dict[str, WaitState] = {}
    if started.replay is not None:
        given, source = plan_calls(journal, started.execution_id, started.replay)
        for call in given:
            ledger.add(call)
        if started.replay.get("reuse_waits"):
            waits = _waits(journal.records(started.replay["source"]), answered_only=True)
    for call in calls.values():
        ledger.add(call)
    waits |= _waits(records)
    return kind(journal, lease, _facts(started), ledger=ledger, waits=waits, source=source)


def _facts(started: ExecutionStarted) -> RunFacts:
    return RunFacts(
        flow=started.flow,
        lineage_id=started.lineage_id or started.execution_id,
        original_execution_id=started.original_exec_id,
        settings=started.spec,
        strict=is_strict(),
    )


def _waits(records: list[Record], *, answered_only: bool = False) -> dict[str, WaitState]:
    found: dict[str, WaitState] = {}
    for record in records:
        fact = record.fact
        if isinstance(fact, WaitOpened):
            found[fact.name] = WaitState(fact, execution_id=record.execution_id)
        elif isinstance(fact, WaitResolved):
            found[fact.name].resolved, found[fact.name].seq = fact, record.seq
        elif isinstance(fact, WaitAborted):
            found[fact.name].aborted = True
    return {name: state for name, state in found.items() if not answered_only or state.resolved is not None}


def plan_replay(
    journal: Journal,
    source_id: str,
    *,
    from_: str,
    overrides: Mapping[str, object] | None = None,
    reuse_waits: bool = False,
) -> ReplayPlan:
    """Say what a replay would reuse, replace and run, without starting it.

    Args:
        journal: Where the source is recorded.
        source_id: The source execution.
        from_: Selector of the call from which to run.
        overrides: Values by `checkpoint.<selector>`.
        reuse_waits: Whether answers of the source count.

    Raises:
        KitaruNotFoundError: There is no such execution.
        KitaruStateError: It is running, or the selector names no call or several.
        KitaruUsageError: A selector or key cannot be.
    """
    row = journal.execution(source_id)
    if row.status == "running" and not row.runner_lost:
        msg = (
            f"Execution {source_id} is running; a replay derives from one that has come to rest. Wait for it or cancel "
            "it."
        )
        raise KitaruStateError(msg)
    calls, _ = fold(journal.records(source_id))
    return build_replay_plan(calls, source=source_id, from_=from_, overrides=overrides, reuse_waits=reuse_waits)


def start_replay(
    journal: Journal,
    plan: ReplayPlan,
    code: FlowCode,
    options: StartOptions,
    *,
    overrides: Mapping[str, object] | None = None,
    arguments: Mapping[str, Any] | None = None,
) -> LiveRun:
    """Record and drive a new execution that derives from another one.

    Args:
        journal: Where both are recorded.
        plan: What to reuse, replace and run.
        code: The flow's present code.
        options: How it is to run.
        overrides: Values by `checkpoint.<selector>`, as the plan was made with.
        arguments: `args` and `kwargs`; the source's by default.

    Returns:
        The live run.

    Raises:
        KitaruEncodingError: An override or an argument cannot be stored; nothing was recorded.
    """
    records = journal.records(plan.source)
    source = started_fact(records)
    calls, _ = fold(records)
    given = dict(arguments) if arguments is not None else flow_inputs(journal, source)
    stored = payloads.store(given, path="inputs")
    refs, blobs = override_values(calls, overrides or {})
    recorded = {**msgspec.to_builtins(plan), "overrides": msgspec.to_builtins(refs)}
    fact = _started(
        journal,
        new_execution_id(),
        code,
        stored.ref,
        options,
        original_exec_id=plan.source,
        lineage_id=source.lineage_id or source.execution_id,
        replay=recorded,
    )
    draft = Draft(fact, stored.inline, [*stored.blobs, *blobs])
    lease = journal.create(draft, flow=code.name, stack=options.stack)
    with _let_go_on_failure(journal, lease):
        hit("flow.created")
        return _drive(rebuilt_run(journal, lease), code, payloads.copy_of(given, stored, None), options)


def source_digest(function: Callable[..., object]) -> str | None:
    """Return the digest of a function's source text, or `None` where there is none."""
    try:
        return sha256(inspect.getsource(function).encode()).hexdigest()
    except (OSError, TypeError):
        return None

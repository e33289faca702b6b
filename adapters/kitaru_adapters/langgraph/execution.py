"""One run of a graph from request to result, in a flow, in a checkpoint or outside both."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from langgraph.errors import is_invalid_resume
from langgraph.types import Command

from kitaru.errors import KitaruStateError, KitaruUsageError
from kitaru.seam import Unit, current_call, current_scope, in_checkpoint, in_flow, occurrence, peek
from kitaru_adapters.kit.configs import with_config
from kitaru_adapters.langgraph.boundary import ADAPTER, SuspendedInGraph
from kitaru_adapters.langgraph.capture import structure
from kitaru_adapters.langgraph.driving import GraphResult, merge_config, saver_in_effect, with_invocation
from kitaru_adapters.langgraph.invocation import Invocation, Watch
from kitaru_adapters.langgraph.memory import Answered, AnsweredRuns
from kitaru_adapters.langgraph.outcomes import interrupts_of, pack_result, run_result, unpack_result
from kitaru_adapters.langgraph.reports import Report
from kitaru_adapters.langgraph.steps import Procedure, plain, unit_step
from kitaru_adapters.langgraph.streams import StreamPublisher
from kitaru_adapters.langgraph.threads import Base, Thread, entry_of, snapshot_step
from kitaru_adapters.langgraph.types import LangGraphRunRequest, LangGraphRunResult
from kitaru_adapters.langgraph.usage import cost_of, record_tokens, summarize

if TYPE_CHECKING:
    from kitaru.seam import Call, Outcome
    from kitaru_adapters.langgraph.driving import Driver
    from kitaru_adapters.langgraph.runner import KitaruGraphRunner
    from kitaru_adapters.langgraph.types import LangGraphInterruptSummary

__all__ = ["Run"]

Factories = tuple[
    Callable[[LangGraphRunRequest], object] | None,
    Callable[[LangGraphRunRequest], object] | None,
]


@dataclass(frozen=True)
class Leg:
    """What one drive of the graph belongs to.

    Attributes:
        inv: The invocation.
        base: Where the thread stood before it.
        identity: Id of the invocation, which LangGraph writes into every checkpoint.
        call: The checkpoint around it, if there is one.
    """

    inv: Invocation
    base: Base
    identity: str = ""
    call: Call | None = None


@dataclass
class Run:
    """One call of a runner.

    Attributes:
        runner: The runner.
        driver: Calls the graph.
        request: What is asked.
        factories: The runner's factories of configuration and context.
        calculator: The runner's cost calculator.
        answered: What the journal answered before.
        config: The merged configuration.
        thread: The thread.
    """

    runner: KitaruGraphRunner
    driver: Driver
    request: LangGraphRunRequest
    factories: Factories
    calculator: Callable[..., object] | None
    answered: AnsweredRuns
    config: dict[str, Any] = field(init=False)
    thread: Thread = field(init=False)

    def __post_init__(self) -> None:
        """Merge the configuration and find the saver."""
        self.config = self._merged()
        saver = saver_in_effect(self.driver.graph, self.config)
        if saver is None and self.runner.durability.require_checkpointer:
            msg = (
                f"{self.runner.name!r} requires a checkpointer and the graph has none. Compile it with one, or leave "
                "LangGraphDurabilityPolicy(require_checkpointer=False)."
            )
            raise KitaruUsageError(msg)
        ns = self.config["configurable"].get("checkpoint_ns") or ""
        self.thread = Thread(self.driver.graph, saver, self.request.thread_id, ns)

    def _merged(self) -> dict[str, Any]:
        factory = self.factories[0]
        own = merge_config(self.request)
        if factory is None:
            return own
        made = factory(self.request)
        if not isinstance(made, dict):
            msg = f"config_factory returned {type(made).__name__}; it must return a dict."
            raise KitaruUsageError(msg)
        return {**made, **own, "configurable": {**(made.get("configurable") or {}), **own["configurable"]}}

    def procedure(self) -> Procedure[LangGraphRunResult]:
        """Run the graph, durable as far as the surroundings allow.

        Returns:
            The result.
        """
        if in_flow():
            chosen = self._granular if self.runner.checkpoint_strategy == "calls" else self._in_unit
            return (yield from chosen())
        return (yield from self._transparent())

    # Outside a flow, or inside a checkpoint that somebody else opened.

    def _transparent(self) -> Procedure[LangGraphRunResult]:
        nested = in_checkpoint()
        policy = self.runner.call_checkpoint_policy.nested_checkpoint_policy
        if nested and self.runner.checkpoint_strategy == "calls" and policy == "error":
            msg = (
                f"{self.runner.name!r} makes a checkpoint of each call and cannot do so inside another one. Call "
                "it in the flow's body, use checkpoint_strategy='graph_call', or allow it to run without checkpoints "
                "with nested_checkpoint_policy='metadata_only'."
            )
            raise KitaruUsageError(msg)
        inv = self._invocation("r1", granular=False)
        head = yield from self.thread.head(self.request.thread_id)
        base = Base.of(head, execution="", thread_id=self.request.thread_id)
        call = current_call()
        result = yield from self._finished(Leg(inv, base, call=call), self._input(), pinned=True)
        if call is not None:
            self._report(inv, call, result)
        return result

    # One checkpoint around the call.

    def _in_unit(self) -> Procedure[LangGraphRunResult]:
        name = f"{self.runner.name}_langgraph_call"
        unit = Unit(
            name=name,
            adapter=ADAPTER,
            kind="graph",
            type="graph_call",
            inputs={"input": self._shown_input()},
            identity=self._identity(),
            cache=False,
            retry_if=lambda error: not isinstance(error, (KitaruUsageError, KitaruStateError)),
        )
        outcome: Outcome[Any] = yield unit_step(with_config(unit, self.runner.run_checkpoint_config), self._unit_body)
        result = unpack_result(outcome.value, self.request)
        if not outcome.executed:
            scope = current_scope()
            self.answered.add(
                scope.execution_id if scope else "", Answered(outcome.invocation_id, self.request, result)
            )
        return result

    def _unit_body(self, call: Call) -> Procedure[object]:
        inv = self._invocation(_label_of(call.invocation_id), granular=False)
        base = yield from self._noted(call)
        identity = f"{call.execution_id}/{call.invocation_id}"
        result = yield from self._entered(Leg(inv, base, identity, call))
        if self.runner.capture.save_usage:
            cost = cost_of(summarize(inv.usage.total), self.calculator)
            record_tokens(call, inv.usage.total, surface="graph_call", cost=cost, status=_usage_status(result))
        return pack_result(self._report(inv, call, result))

    # One checkpoint for each model and tool call, and one for the finished invocation.

    def _granular(self) -> Procedure[LangGraphRunResult]:
        label = f"r{occurrence(f'langgraph:{self.runner.name}')}"
        scope = current_scope()
        execution = scope.execution_id if scope else ""
        unit = self._summary_unit(label)
        found: Outcome[Any] | None = yield plain(lambda: peek(unit))
        if found is not None:
            result = unpack_result(found.value, self.request)
            self.answered.add(execution, Answered(label, self.request, result))
            return result
        policy = self.runner.call_checkpoint_policy
        inv = self._invocation(
            label, granular=not self.driver.is_async or policy.async_checkpoint_policy == "checkpoint"
        )
        old = yield from self._rebuilt(inv, execution)
        base = yield from self._base(label, execution)
        identity = f"{execution}/{self.runner.name}/{label}"
        if old is None:
            result = yield from self._entered(Leg(inv, base, identity))
        else:
            result = yield from self._resumed_on_rebuilt(inv, identity, old)
        outcome = yield unit_step(unit, lambda call: self._summary_body(call, inv, result))
        return unpack_result(outcome.value, self.request)

    def _summary_unit(self, label: str) -> Unit:
        unit = Unit(
            name=f"langgraph_summary__{self.runner.name}",
            adapter=ADAPTER,
            kind="graph",
            type="langgraph_summary",
            key=f"{self.runner.name}/{label}/summary",
            inputs={"input": self._shown_input()},
            identity=self._identity(),
            cache=False,
        )
        return with_config(unit, self.runner.call_checkpoint_policy.summary_checkpoint_config or {})

    def _summary_body(self, call: Call, inv: Invocation, result: LangGraphRunResult) -> Procedure[object]:
        if self.runner.capture.save_usage:
            record_tokens(call, inv.usage.outside, surface="graph_call", status=_usage_status(result))
        return (yield plain(lambda: pack_result(self._report(inv, call, result))))

    def _base(self, label: str, execution: str) -> Procedure[Base]:
        """Note the thread's head durably; without a saver there is nothing to note."""
        if self.thread.saver is None:
            return Base(execution, self.request.thread_id)

        def body(call: Call) -> Procedure[object]:
            return (yield from self._noted(call)).as_note()

        unit = Unit(
            name=f"langgraph_thread__{self.runner.name}",
            adapter=ADAPTER,
            kind="graph",
            type="langgraph_thread",
            key=f"{self.runner.name}/{label}/thread",
            identity=self.request.thread_id,
            cache=False,
        )
        outcome: Outcome[Any] = yield unit_step(unit, body)
        base = Base(**outcome.value)
        if base.execution != execution and self.runner.durability.replay_thread == "fork":
            return (yield from self.thread.forked(base, execution=execution))
        return base

    def _noted(self, call: Call) -> Procedure[Base]:
        policy = self.runner.durability
        if self.thread.saver is None:
            return Base(call.execution_id, self.request.thread_id)
        self._refuse_lost_history(call, (yield from self.thread.head(self.request.thread_id)))
        return (
            yield from self.thread.noted(
                call,
                fork=call.is_replay and policy.replay_thread == "fork",
                resuming=getattr(self.request.command, "resume", None) is not None,
                refuse_other=policy.on_existing_run == "error",
            )
        )

    # Entering the thread: begin, go on, or stop.

    def _entered(self, leg: Leg) -> Procedure[LangGraphRunResult]:
        base = leg.base
        head = yield from self.thread.head(base.thread_id)
        entry = entry_of(base, head, leg.identity)
        if entry == "lost":
            raise _lost(self.request.thread_id)
        if entry == "foreign":
            msg = (
                f"Thread {self.request.thread_id!r} has moved on since this invocation began: its head is "
                f"{head.checkpoint['id']}, noted was {base.checkpoint_id}. Somebody else used the thread. Give "
                "each flow its own thread, or replay this execution on a copy."
            )
            raise KitaruStateError(msg)
        if entry == "input":
            return (yield from self._finished(leg, self._input(), pinned=True))
        snapshot = yield snapshot_step(self.driver.graph, self.thread.config(base.thread_id))
        if waiting := list(snapshot.interrupts):
            return self._result(leg.inv, GraphResult(None, waiting), snapshot)
        return (yield from self._finished(leg, None, pinned=False))

    def _finished(self, leg: Leg, value: object, *, pinned: bool) -> Procedure[LangGraphRunResult]:
        """Drive the graph once and read what its thread holds afterwards."""
        driven = yield from self._driven(leg, value, pinned=pinned)
        snapshot = None
        if self.thread.saver is not None and self.runner.durability.inspect_state_after_run:
            snapshot = yield snapshot_step(self.driver.graph, self.thread.config(leg.base.thread_id))
        return self._result(leg.inv, driven, snapshot)

    def _driven(self, leg: Leg, value: object, *, pinned: bool) -> Procedure[GraphResult]:
        inv = leg.inv
        inv.tracker.base_step = leg.base.step
        config = with_invocation(
            self.config,
            thread_id=leg.base.thread_id,
            invocation=leg.identity,
            handlers=(inv.tracker, inv.usage),
            pinned=pinned,
        )
        publisher = self._publisher(leg.call)
        watch = Watch()
        inv.events.add("graph_call_started", source="runner")
        publisher.started()
        try:
            with inv.active():
                result = yield from self.driver.call(value, config, self._options(), publisher.part)
        except BaseException as error:
            inv.events.add("graph_call_failed", source="runner", **watch.fields("failed", error))
            publisher.failed(error)
            outside = self._outside(error, leg)
            if outside is error:
                raise
            raise outside from error
        interrupted = bool(result.interrupts)
        kind = "graph_interrupted" if interrupted else "graph_call_completed"
        inv.events.add(kind, source="runner", **watch.fields("interrupted" if interrupted else "completed"))
        publisher.completed("interrupted" if interrupted else "completed")
        return result

    def _outside(self, error: BaseException, leg: Leg) -> BaseException:
        """Return what leaves the runner for an exception that left the graph."""
        if isinstance(error, SuspendedInGraph):
            return error.signal
        if isinstance(error, Exception) and is_invalid_resume(error):
            msg = f"The graph refuses this answer; the thread stays interrupted and can be answered again: {error}"
            return KitaruUsageError(msg)
        if leg.call is not None and self.runner.capture.save_usage:
            record_tokens(leg.call, leg.inv.usage.total, surface="graph_call", status="failed")
        return error

    def _result(self, inv: Invocation, driven: GraphResult, snapshot: Any) -> LangGraphRunResult:  # noqa: ANN401
        self._warn(inv)
        used = summarize(inv.usage.total) if self.runner.capture.save_usage else None
        cost = cost_of(used, self.calculator) if used else None
        return run_result(
            driven,
            snapshot,
            self.request,
            self.runner.capture,
            usage=used,
            estimated_cost_usd=cost.estimated_cost_usd if cost else None,
            warnings=[*inv.warnings, *(cost.warnings if cost else ())],
            invocation=inv.label,
        )

    def _warn(self, inv: Invocation) -> None:
        policy = self.runner.durability
        if self.thread.saver is None and policy.warn_without_checkpointer:
            inv.warn("The graph has no checkpointer: it cannot be resumed after an interrupt.")
        elif self.thread.saver is not None and self.thread.ephemeral and policy.warn_ephemeral_checkpointer:
            inv.warn("The graph's checkpointer keeps threads in memory only: they do not outlive this process.")
        if inv.granular and inv.usage.outside:
            inv.warn(
                f"{len(inv.usage.outside)} model calls were made outside checkpoints and are made again on a rerun; "
                "pass durable_model(...) to what makes them."
            )

    # Threads that vanished with the process.

    def _refuse_lost_history(self, call: Call, head: object) -> None:
        if head is None and self.runner.checkpoint_strategy == "graph_call":
            earlier = self.answered.on(call.execution_id, self.request.thread_id)
            if earlier and not call.is_replay:
                raise _lost(self.request.thread_id)

    def _rebuilt(self, inv: Invocation, execution: str) -> Procedure[LangGraphRunResult | None]:
        """Bring back a thread that vanished, by driving the earlier invocations once more from the journal."""
        earlier = self.answered.on(execution, self.request.thread_id)
        scope = current_scope()
        if not earlier or self.thread.saver is None or (scope is not None and scope.is_replay):
            return None
        if (yield from self.thread.head(self.request.thread_id)) is not None:
            return None
        if not inv.granular or not self.thread.ephemeral:
            raise _lost(self.request.thread_id)
        for run in earlier:
            yield from self._driven_again(run, execution)
        return earlier[-1].result

    def _driven_again(self, run: Answered, execution: str) -> Procedure[None]:
        again = replace(self, request=run.request)
        inv = again._invocation(run.label, granular=True)  # noqa: SLF001 - another run of the same class
        head = yield from self.thread.head(self.request.thread_id)
        base = Base.of(head, execution=execution, thread_id=self.request.thread_id)
        pending = (yield from self._pending()) if head is not None else []
        value = _translated(again._input(), pending, pending)  # noqa: SLF001
        leg = Leg(inv, base, f"{execution}/{self.runner.name}/{run.label}")
        yield from again._driven(leg, value, pinned=True)  # noqa: SLF001

    def _pending(self) -> Procedure[list[LangGraphInterruptSummary]]:
        snapshot = yield snapshot_step(self.driver.graph, self.thread.config(self.request.thread_id))
        return interrupts_of(snapshot, ())

    def _resumed_on_rebuilt(
        self, inv: Invocation, identity: str, old: LangGraphRunResult
    ) -> Procedure[LangGraphRunResult]:
        head = yield from self.thread.head(self.request.thread_id)
        base = Base.of(head, execution="", thread_id=self.request.thread_id)
        pending = yield from self._pending()
        value = _translated(self._input(), old.interrupts, pending)
        return (yield from self._finished(Leg(inv, base, identity), value, pinned=False))

    # Small parts.

    def _input(self) -> object:
        return self.request.input if self.request.kind == "start" else self.request.command

    def _options(self) -> dict[str, Any]:
        make = self.factories[1]
        context = self.request.context if self.request.context is not None or make is None else make(self.request)
        mode = self.request.durability or self.runner.durability.mode
        return {"context": context, "durability": mode if self.thread.saver is not None else None}

    def _invocation(self, label: str, *, granular: bool) -> Invocation:
        policy = self.runner.call_checkpoint_policy
        return Invocation(self.runner.name, label, granular=granular, policy=policy, capture=self.runner.capture)

    def _publisher(self, call: Call | None) -> StreamPublisher:
        """Return where live events go; plain runs publish none."""

        def publish(kind: str, payload: dict[str, object], line: str) -> None:
            target = call or current_call()
            if target is not None and self.driver.streams:
                target.publish(kind, payload, message=line)

        return StreamPublisher(publish, self.runner.name, self.request.thread_id, self.runner.stream_policy)

    def _report(self, inv: Invocation, call: Call, result: LangGraphRunResult) -> LangGraphRunResult:
        persist = (
            self.runner.checkpoint_strategy == "graph_call" or self.runner.call_checkpoint_policy.persist_run_artifacts
        )
        return Report(self.runner, self.request, self.config, inv, self.driver.method).written(
            call, result, persist=persist
        )

    def _shown_input(self) -> object:
        return structure(self._input()) if self.runner.capture.save_input else None

    def _identity(self) -> dict[str, object]:
        return {
            "thread": self.request.thread_id,
            "kind": self.request.kind,
            "input": structure(self.request.input),
            "stream": [*self.driver.modes, self.driver.subgraphs] if self.driver.streams else None,
        }


def _label_of(invocation_id: str) -> str:
    tail = invocation_id.rpartition("_")[2]
    return f"r{tail}" if tail.isdigit() else "r1"


def _usage_status(result: LangGraphRunResult) -> Any:  # noqa: ANN401 - a literal of the usage record
    return result.status


def _translated(value: object, old: list[LangGraphInterruptSummary], new: list[LangGraphInterruptSummary]) -> object:
    """Address answers to the interrupts of a rebuilt thread, which stand at the same places under other ids."""
    if not isinstance(value, Command) or not isinstance(value.resume, dict):
        return value
    paths = {each.interrupt_id: each.path for each in old}
    ids = {each.path: each.interrupt_id for each in new}
    resume = {ids.get(paths.get(key, ""), key): answer for key, answer in value.resume.items()}
    return replace(value, resume=resume)


def _lost(thread_id: str) -> KitaruStateError:
    msg = (
        f"Thread {thread_id!r} is gone: its checkpointer kept it in memory, or somebody deleted it. Use a checkpointer "
        "that outlives the process (KitaruCheckpointSaver, SQLite, PostgreSQL); with checkpoint_strategy='calls' a "
        "thread of one execution is rebuilt from the journal."
    )
    return KitaruStateError(msg)

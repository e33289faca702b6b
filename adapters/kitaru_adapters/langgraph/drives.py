"""Driving a graph on its thread: how it is entered, what it is handed, and what comes out."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from langgraph.errors import is_invalid_resume
from langgraph.types import Command

from kitaru.errors import KitaruStateError, KitaruUsageError
from kitaru.seam import current_call, leave_out
from kitaru_adapters.langgraph.boundary import SuspendedInGraph
from kitaru_adapters.langgraph.capture import digest_of, structure
from kitaru_adapters.langgraph.driving import GraphResult, merge_config, saver_in_effect, with_invocation
from kitaru_adapters.langgraph.invocation import Invocation, Watch
from kitaru_adapters.langgraph.outcomes import run_result
from kitaru_adapters.langgraph.reports import Report
from kitaru_adapters.langgraph.steps import Procedure
from kitaru_adapters.langgraph.streams import StreamPublisher
from kitaru_adapters.langgraph.threads import Base, Thread, entry_of, snapshot_step
from kitaru_adapters.langgraph.types import Config, LangGraphRunRequest, LangGraphRunResult
from kitaru_adapters.langgraph.usage import cost_of, record_tokens, summarize

if TYPE_CHECKING:
    from langgraph.types import StateSnapshot

    from kitaru.seam import Call
    from kitaru_adapters.langgraph.driving import Driver
    from kitaru_adapters.langgraph.settings import RunnerSettings

__all__ = ["Drive", "Leg", "lost_thread"]


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
class Drive:
    """One call of a runner, as far as the graph and its thread are concerned.

    Attributes:
        runner: The runner's settings.
        driver: Calls the graph.
        request: What is asked.
        config: The merged configuration.
        thread: The thread.
        live: The call under whose name live events go, where no checkpoint is around the graph.
        publisher: Where the parts of a stream went.
    """

    runner: RunnerSettings
    driver: Driver
    request: LangGraphRunRequest
    config: Config = field(init=False)
    thread: Thread = field(init=False)
    live: Call | None = field(default=None, init=False)
    publisher: StreamPublisher | None = field(default=None, init=False)

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

    def _merged(self) -> Config:
        factory = self.runner.config_factory
        own = merge_config(self.request)
        if factory is None:
            return own
        made = factory(self.request)
        if not isinstance(made, dict):
            msg = f"config_factory returned {type(made).__name__}; it must return a dict."
            raise KitaruUsageError(msg)
        return {**made, **own, "configurable": {**(made.get("configurable") or {}), **own["configurable"]}}

    def _entered(self, leg: Leg) -> Procedure[LangGraphRunResult]:
        base = leg.base
        head = yield from self.thread.head(base.thread_id)
        entry = entry_of(base, head, leg.identity)
        if entry == "lost":
            raise lost_thread(self.request.thread_id)
        if entry == "foreign" and head is not None:
            msg = (
                f"Thread {self.request.thread_id!r} has moved on since this invocation began: its head is "
                f"{head.checkpoint['id']}, noted was {base.checkpoint_id}. Somebody else used the thread. Give "
                "each flow its own thread, or replay this execution on a copy."
            )
            raise KitaruStateError(msg)
        if entry == "input":
            return (yield from self._finished(leg, self._input(), pinned=True))
        if leg.inv.granular:
            leave_out(leg.inv.key(""))  # the calls of the steps that the thread holds
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
        publisher = self.publisher = self._publisher(leg.call)
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

    def _result(self, inv: Invocation, driven: GraphResult, snapshot: StateSnapshot | None) -> LangGraphRunResult:
        self._warn(inv, snapshot)
        used = summarize(inv.usage.total) if self.runner.capture.save_usage else None
        cost = cost_of(used, self.runner.cost_calculator) if used else None
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

    def _warn(self, inv: Invocation, snapshot: StateSnapshot | None) -> None:
        policy = self.runner.durability
        if self.thread.saver is None and policy.warn_without_checkpointer:
            inv.warn("The graph has no checkpointer: it cannot be resumed after an interrupt.")
        elif self.thread.saver is not None and self.thread.ephemeral and policy.warn_ephemeral_checkpointer:
            inv.warn("The graph's checkpointer keeps threads in memory only: they do not outlive this process.")
        if snapshot is not None and snapshot.next and not snapshot.interrupts:
            inv.warn(
                f"The graph stopped at a breakpoint before {', '.join(snapshot.next)}; drive it on with input None."
            )
        if inv.granular and inv.usage.outside:
            inv.warn(
                f"{len(inv.usage.outside)} model calls were made outside checkpoints and are made again on a rerun; "
                "pass durable_model(...) to what makes them."
            )

    def _input(self) -> object:
        return self.request.input if self.request.kind == "start" else self.request.command

    def _options(self) -> dict[str, object]:
        make = self.runner.context_factory
        context = self.request.context if self.request.context is not None or make is None else make(self.request)
        mode = self.request.durability or self.runner.durability.mode
        return {"context": context, "durability": mode if self.thread.saver is not None else None}

    def _invocation(self, label: str, *, granular: bool) -> Invocation:
        policy = self.runner.call_checkpoint_policy
        return Invocation(self.runner.name, label, granular=granular, policy=policy, capture=self.runner.capture)

    def _publisher(self, call: Call | None) -> StreamPublisher:
        """Return where live events go; plain runs publish none."""

        def publish(kind: str, payload: dict[str, object], line: str) -> bool:
            target = call or self.live or current_call()
            if target is None or not self.driver.streams:
                return not self.driver.streams
            target.publish(kind, payload, message=line)
            return True

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

    @cached_property
    def _identity(self) -> str:
        """What tells this call from another one: thread, input and stream; not what a thread holds."""
        value = self._input()
        asked = [getattr(value, name, None) for name in ("update", "goto")] if isinstance(value, Command) else value
        answers = getattr(value, "resume", None)
        given = list(answers.values()) if isinstance(answers, dict) else answers
        stream = [*self.driver.modes, self.driver.subgraphs] if self.driver.streams else None
        return digest_of([self.request.thread_id, self.request.kind, asked, given, stream])


def lost_thread(thread_id: str) -> KitaruStateError:
    """Return the error for a thread that is not there any more."""
    msg = (
        f"Thread {thread_id!r} is gone: its checkpointer kept it in memory, or somebody deleted it. Use a checkpointer "
        "that outlives the process (KitaruCheckpointSaver, SQLite, PostgreSQL); with checkpoint_strategy='calls' a "
        "thread of one execution is rebuilt from the journal."
    )
    return KitaruStateError(msg)

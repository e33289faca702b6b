"""One run of a graph from request to result, in a flow, in a checkpoint or outside both."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NoReturn

from langgraph.types import Command

from kitaru.errors import KitaruStateError, KitaruUsageError
from kitaru.seam import Unit, current_call, current_scope, in_checkpoint, in_flow, occurrence, peek
from kitaru_adapters.kit.configs import with_config
from kitaru_adapters.langgraph.boundary import ADAPTER
from kitaru_adapters.langgraph.conversations import lists_of
from kitaru_adapters.langgraph.drives import Drive, Leg, lost_thread
from kitaru_adapters.langgraph.invocation import Invocation
from kitaru_adapters.langgraph.memory import Answered, RunMemory
from kitaru_adapters.langgraph.outcomes import interrupts_of, pack_result, unpack_result
from kitaru_adapters.langgraph.steps import Procedure, plain, unit_step
from kitaru_adapters.langgraph.threads import Base, snapshot_step
from kitaru_adapters.langgraph.usage import cost_of, record_tokens, summarize

if TYPE_CHECKING:
    from kitaru.seam import Call, Outcome
    from kitaru_adapters.langgraph.conversations import Lists
    from kitaru_adapters.langgraph.types import LangGraphInterruptSummary, LangGraphRunResult

__all__ = ["Run"]


@dataclass
class Run(Drive):
    """One call of a runner.

    Attributes:
        memory: What the runner remembers of earlier calls.
    """

    memory: RunMemory

    @property
    def _execution(self) -> str:
        scope = current_scope()
        return scope.execution_id if scope else ""

    @property
    def _forks(self) -> bool:
        scope = current_scope()
        return scope is not None and scope.is_replay and self.runner.durability.replay_thread == "fork"

    def procedure(self) -> Procedure[LangGraphRunResult]:
        """Run the graph, durable as far as the surroundings allow.

        Returns:
            The result.
        """
        if in_flow():
            chosen = self._granular if self.runner.checkpoint_strategy == "calls" else self._in_unit
            return (yield from chosen())
        return (yield from self._transparent())

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

    def _in_unit(self) -> Procedure[LangGraphRunResult]:
        label = self._label()
        unit = self._call_unit(label)
        outcome: Outcome[object] = yield unit_step(unit, lambda call: self._unit_body(call, label, unit))
        return self._kept(label, outcome.value, driven=outcome.executed)

    def _label(self) -> str:
        return f"r{occurrence(f'langgraph:{self.runner.name}')}"

    def _call_unit(self, label: str) -> Unit:
        unit = Unit(
            name=f"{self.runner.name}_langgraph_call",
            adapter=ADAPTER,
            kind="graph",
            type="graph_call",
            key=f"{self.runner.name}/{label}/call",
            inputs={"input": self._shown_input()},
            identity=self._identity,
            cache=False,
            cache_key=self._identity,
            retry_if=lambda error: not isinstance(error, (KitaruUsageError, KitaruStateError)),
        )
        return with_config(unit, self.runner.run_checkpoint_config)

    def _unit_body(self, call: Call, label: str, unit: Unit) -> Procedure[object]:
        inv = self._invocation(label, granular=False)
        base = yield from self._noted(call)
        identity = f"{call.execution_id}/{call.invocation_id}"
        result = yield from self._entered(Leg(inv, base, identity, call))
        if self.runner.capture.save_usage:
            cost = cost_of(summarize(inv.usage.total), self.runner.cost_calculator)
            record_tokens(call, inv.usage.total, surface="graph_call", cost=cost, status=result.status)
        return self._packed(unit, self._report(inv, call, result))

    # One checkpoint for each model and tool call, and one for the finished invocation.

    def _granular(self) -> Procedure[LangGraphRunResult]:
        label = self._label()
        unit = self._summary_unit(label)
        if (yield plain(lambda: peek(unit))) is not None:
            # Met like any other call: what follows has its place behind it, and a replay keeps it for its own replays.
            found: Outcome[object] = yield unit_step(unit, _recorded_already)
            return self._kept(label, found.value, driven=False)
        policy = self.runner.call_checkpoint_policy
        inv = self._invocation(
            label, granular=not self.driver.is_async or policy.async_checkpoint_policy == "checkpoint"
        )
        rebuilt = yield from self._rebuilt(inv)
        base = yield from self._base(label, self._execution)
        if rebuilt is None:
            result = yield from self._entered(Leg(inv, base, f"{self._execution}/{self.runner.name}/{label}"))
        else:
            result = yield from self._resumed_on_rebuilt(inv, rebuilt)
        outcome = yield unit_step(unit, lambda call: self._summary_body(call, inv, unit, result))
        return self._kept(label, outcome.value, driven=True)

    # Results: stored as continuations of the turn before, remembered for the turn after.

    def _packed(self, unit: Unit, result: LangGraphRunResult) -> object:
        if unit.cache:  # read by other executions, which do not have the turns before
            return pack_result(result)
        return pack_result(result, *self.memory.conversations.latest(self._execution, self.request.thread_id))

    def _kept(self, label: str, value: object, *, driven: bool) -> LangGraphRunResult:
        result = unpack_result(value, self.request, self._earlier)
        self.memory.conversations.remember(self._execution, self.request.thread_id, label, result.output)
        if not driven:
            self.memory.add(self._execution, Answered(label, self.request, result))
        return result

    def _earlier(self, label: str) -> Lists | None:
        """Return the messages of an earlier turn, from this process or from the journal."""
        known = self.memory.conversations.of(self._execution, self.request.thread_id, label)
        if known is not None:
            return known
        granular = self.runner.checkpoint_strategy == "calls"
        found = peek(self._summary_unit(label) if granular else self._call_unit(label))
        return None if found is None else lists_of(unpack_result(found.value, self.request, self._earlier).output)

    def _summary_unit(self, label: str) -> Unit:
        unit = Unit(
            name=f"langgraph_summary__{self.runner.name}",
            adapter=ADAPTER,
            kind="graph",
            type="langgraph_summary",
            key=f"{self.runner.name}/{label}/summary",
            inputs={"input": self._shown_input()},
            identity=self._identity,
            cache=False,
            cache_key=self._identity,
        )
        return with_config(unit, self.runner.call_checkpoint_policy.summary_checkpoint_config or {})

    def _summary_body(self, call: Call, inv: Invocation, unit: Unit, result: LangGraphRunResult) -> Procedure[object]:
        if self.publisher is not None and self.publisher.unsent is not None:
            kind, payload, line = self.publisher.unsent
            call.publish(kind, payload, message=line)
        if self.runner.capture.save_usage:
            record_tokens(call, inv.usage.outside, surface="graph_call", status=result.status)
        return (yield plain(lambda: self._packed(unit, self._report(inv, call, result))))

    def _base(self, label: str, execution: str) -> Procedure[Base]:
        """Note the thread's head durably; without a saver there is nothing to note.

        Live events of a stream go under the name of this call, which is over by then: the graph itself runs in the
        body of the flow. A rerun meets it again and publishes nothing twice.
        """
        if self.thread.saver is None and not self.driver.streams:
            return Base(execution, self.request.thread_id)

        def body(call: Call) -> Procedure[object]:
            self.live = call
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
        outcome: Outcome[object] = yield unit_step(unit, body)
        base = Base.of_note(outcome.value)
        if base.execution != execution and self._forks:
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

    def _refuse_lost_history(self, call: Call, head: object) -> None:
        if head is None and self.runner.checkpoint_strategy == "graph_call":
            earlier = self.memory.on(call.execution_id, self.request.thread_id)
            if earlier and not call.is_replay:
                raise lost_thread(self.request.thread_id)

    def _rebuilt(self, inv: Invocation) -> Procedure[_Rebuilt | None]:
        """Bring back a thread that vanished, by driving the earlier invocations once more from the journal."""
        earlier = self.memory.on(self._execution, self.request.thread_id)
        if not earlier or self.thread.saver is None:
            return None
        if (yield from self.thread.head(self.request.thread_id)) is not None:
            return None
        name = self.thread.forked_name(self._execution) if self._forks else self.request.thread_id
        if name != self.request.thread_id and (yield from self.thread.head(name)) is not None:
            return None
        if not inv.granular or not self.thread.ephemeral:
            raise lost_thread(self.request.thread_id)
        rebuilt = _Rebuilt(name, [])
        for run in earlier:
            yield from self._driven_again(run, rebuilt)
            rebuilt = _Rebuilt(name, run.result.interrupts)
        return rebuilt

    def _driven_again(self, run: Answered, rebuilt: _Rebuilt) -> Procedure[None]:
        again = replace(self, request=run.request)
        inv = again._invocation(run.label, granular=True)  # noqa: SLF001 - another run of the same class
        leg, value = yield from again._placed(inv, rebuilt)  # noqa: SLF001
        yield from again._driven(leg, value, pinned=True)  # noqa: SLF001

    def _resumed_on_rebuilt(self, inv: Invocation, rebuilt: _Rebuilt) -> Procedure[LangGraphRunResult]:
        leg, value = yield from self._placed(inv, rebuilt)
        return (yield from self._finished(leg, value, pinned=False))

    def _placed(self, inv: Invocation, rebuilt: _Rebuilt) -> Procedure[tuple[Leg, object]]:
        """Return what to drive on a rebuilt thread, and with which input."""
        head = yield from self.thread.head(rebuilt.thread_id)
        base = Base.of(head, execution=self._execution, thread_id=rebuilt.thread_id)
        leg = Leg(inv, base, f"{self._execution}/{self.runner.name}/{inv.label}")
        if head is None:
            return leg, self._input()
        snapshot = yield snapshot_step(self.driver.graph, self.thread.config(rebuilt.thread_id))
        return leg, _translated(self._input(), rebuilt.interrupts, interrupts_of(snapshot, ()))


@dataclass(frozen=True)
class _Rebuilt:
    """A thread as far as it is rebuilt.

    Attributes:
        thread_id: Its name; a copy's in a replay.
        interrupts: What its last invocation waited for, as the journal holds it.
    """

    thread_id: str
    interrupts: list[LangGraphInterruptSummary]


def _recorded_already(call: Call) -> NoReturn:
    msg = f"{call.name!r} was found in the journal and is not there any more."
    raise KitaruStateError(msg)


def _translated(value: object, old: list[LangGraphInterruptSummary], new: list[LangGraphInterruptSummary]) -> object:
    """Address answers to the interrupts of a rebuilt thread, which stand at the same places under other ids."""
    if not isinstance(value, Command) or not isinstance(value.resume, dict):
        return value
    paths = {each.interrupt_id: each.path for each in old}
    ids = {each.path: each.interrupt_id for each in new}
    resume = {ids.get(paths.get(key, ""), key): answer for key, answer in value.resume.items()}
    return replace(value, resume=resume)

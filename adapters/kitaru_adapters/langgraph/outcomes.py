"""From what a graph handed back and what its thread holds to one result, and its stored form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kitaru_adapters.kit.limits import Limits, bounded
from kitaru_adapters.langgraph.capture import redacted, structure
from kitaru_adapters.langgraph.codec import pack, stored_fields, stored_object, unpack
from kitaru_adapters.langgraph.conversations import Lists, pack_output, unpack_output
from kitaru_adapters.langgraph.types import (
    LangGraphInterruptSummary,
    LangGraphPendingState,
    LangGraphRunResult,
    LangGraphStateSummary,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from langgraph.types import Interrupt, PregelTask, StateSnapshot

    from kitaru.records.plain import JsonObject
    from kitaru_adapters.langgraph.driving import GraphResult
    from kitaru_adapters.langgraph.policies import LangGraphCapturePolicy
    from kitaru_adapters.langgraph.types import LangGraphRunRequest

__all__ = ["interrupts_of", "pack_result", "run_result", "unpack_result"]

_KIND = "langgraph_result"
_WHOLE = Limits(depth=20, items=10_000, characters=1 << 20)
"""A person who answers must see what was asked; only what nobody could read is cut."""


def interrupts_of(snapshot: StateSnapshot | None, found: Sequence[Interrupt]) -> list[LangGraphInterruptSummary]:
    """Number the pending interrupts by their place in the graph.

    Args:
        snapshot: LangGraph's state snapshot, or `None` where it cannot be read.
        found: Interrupts of the output, in the order in which they happened; used only without a snapshot.

    Returns:
        The interrupts, in an order that is the same in every run.
    """
    tasks = sorted(getattr(snapshot, "tasks", ()), key=lambda task: str(task.path))
    waiting = {each.id for each in getattr(snapshot, "interrupts", ())}
    placed = [(task, each) for task in tasks for each in task.interrupts if each.id in waiting or not waiting]
    if not placed:
        placed = [(None, each) for each in found]
    counts: dict[str, int] = {}
    return [_summary(index, task, each, counts) for index, (task, each) in enumerate(placed)]


def _summary(
    index: int, task: PregelTask | None, interrupt: Interrupt, counts: dict[str, int]
) -> LangGraphInterruptSummary:
    place = _place(task) if task is not None else f"interrupt@{index}"
    counts[place] = counts.get(place, 0) + 1
    schema = getattr(interrupt, "response_schema", None)
    return LangGraphInterruptSummary(
        index=index,
        interrupt_id=getattr(interrupt, "id", None),
        value=bounded(interrupt.value, _WHOLE),
        task_id=getattr(task, "id", None),
        node_name=getattr(task, "name", None),
        response_schema=schema if isinstance(schema, dict) else None,
        path=f"{place}#{counts[place]}",
    )


def _place(task: PregelTask) -> str:
    push = ".".join(str(part) for part in task.path[1:] if isinstance(part, int))
    return f"{task.name}[{push}]" if push else str(task.name)


def _tasks(snapshot: StateSnapshot, policy: LangGraphCapturePolicy) -> list[JsonObject]:
    return [
        {
            "index": index,
            "id": task.id,
            "name": task.name,
            "path": [str(part) for part in task.path],
            "interrupt_count": len(task.interrupts),
            "has_result": task.result is not None,
            "has_error": task.error is not None,
            "error_type": type(task.error).__name__ if task.error is not None else None,
            **({"result": redacted(task.result)} if policy.shows_text else {}),
        }
        for index, task in enumerate(snapshot.tasks)
    ]


def run_result(
    graph: GraphResult,
    snapshot: StateSnapshot | None,
    request: LangGraphRunRequest,
    policy: LangGraphCapturePolicy,
    **facts: Any,
) -> LangGraphRunResult:
    """Build the result of one invocation.

    Args:
        graph: What the graph handed back.
        snapshot: The thread's state after it, or `None` where there is none to read.
        request: What was asked.
        policy: What may be shown.
        **facts: Further fields of the result.

    Returns:
        A completed or an interrupted result.
    """
    interrupts = interrupts_of(snapshot, graph.interrupts)
    head = snapshot.config.get("configurable", {}).get("checkpoint_id") if snapshot is not None else None
    following = list(snapshot.next) if snapshot is not None else []
    pending = None
    if interrupts:
        pending = LangGraphPendingState(
            thread_id=request.thread_id,
            checkpoint_id=head,
            checkpoint_ns=request.checkpoint_ns,
            next_nodes=following,
            interrupts=interrupts,
            created_at_iso=getattr(snapshot, "created_at", None),
        )
    return LangGraphRunResult(
        status="interrupted" if interrupts else "completed",
        output=None if interrupts else graph.output,
        thread_id=request.thread_id,
        latest_checkpoint_id=head,
        next_nodes=following,
        interrupts=interrupts,
        pending_state=pending,
        state_summary=_state(snapshot, policy, head, request.checkpoint_ns, interrupts),
        **facts,
    )


def _state(
    snapshot: StateSnapshot | None,
    policy: LangGraphCapturePolicy,
    head: str | None,
    checkpoint_ns: str | None,
    interrupts: list[LangGraphInterruptSummary],
) -> LangGraphStateSummary | None:
    if snapshot is None or not policy.save_state_snapshot:
        return None
    values = redacted(pack(snapshot.values)) if policy.save_state_values else structure(snapshot.values)
    tasks = _tasks(snapshot, policy) if policy.save_state_tasks else []
    return LangGraphStateSummary(
        latest_checkpoint_id=head,
        checkpoint_ns=checkpoint_ns,
        next_nodes=list(snapshot.next),
        interrupts=interrupts,
        values=values,
        tasks=tasks,
    )


def pack_result(result: LangGraphRunResult, label: str = "", before: Lists | None = None) -> object:
    """Return a result in the form in which it is stored: its output with live objects, the rest as plain data.

    Args:
        result: The result.
        label: Label of the turn before it on the thread.
        before: That turn's messages, which are not stored again.

    Returns:
        The stored form.
    """
    plain = result.model_dump(mode="json", exclude={"output"})
    return stored_object(_KIND, {"result": plain, "output": pack_output(result.output, label, before or {})})


def unpack_result(
    value: object, request: LangGraphRunRequest, find: Callable[[str], Lists | None]
) -> LangGraphRunResult:
    """Return a stored result; a person's override of it is taken as the graph's output.

    Args:
        value: What was stored.
        request: What was asked.
        find: Returns the messages of an earlier turn by its label.

    Returns:
        The result.
    """
    fields = stored_fields(value, _KIND)
    if fields is not None:
        return LangGraphRunResult(**fields["result"], output=unpack_output(fields["output"], find))
    return LangGraphRunResult(status="completed", output=unpack(value), thread_id=request.thread_id)

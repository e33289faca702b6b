"""From an interrupt of a graph to a wait of the flow, and from the answer back to a request that resumes the graph."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn, Unpack

from langgraph.types import Command
from pydantic import BaseModel

from kitaru.errors import KitaruUsageError
from kitaru.seam import Question, ask, ask_async, in_flow
from kitaru_adapters.kit.limits import clip
from kitaru_adapters.langgraph.approvals import default_schema, guarded_calls
from kitaru_adapters.langgraph.capture import redacted
from kitaru_adapters.langgraph.types import LangGraphRunRequest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kitaru.records.plain import JsonObject
    from kitaru_adapters.langgraph.types import (
        DriveFields,
        LangGraphInterruptSummary,
        LangGraphRunResult,
        RequestFields,
    )

__all__ = [
    "build_resume_request",
    "wait_for_interrupt",
    "wait_for_interrupt_async",
    "wait_for_interrupts",
    "wait_for_interrupts_async",
]

_UNSET: object = object()
_DEFAULT_NAME = "LangGraph interrupt"
_SHOWN = 2000


def build_resume_request(
    result: LangGraphRunResult,
    resume: object,
    *,
    interrupt_index: int | None = None,
    **fields: Unpack[RequestFields],
) -> LangGraphRunRequest:
    """Build the request that answers one interrupt.

    Args:
        result: An interrupted result.
        resume: The answer; any value, also `None` or an empty dictionary.
        interrupt_index: Which interrupt; the first one if left out.
        **fields: Fields of the request, such as `durability` and `metadata`.

    Returns:
        The request. It names the thread, not the checkpoint: a pinned checkpoint would raise the interrupt again.

    Raises:
        KitaruUsageError: The result is not interrupted, or has no interrupt of that index.
    """
    return _resume(result, [_chosen(result, interrupt_index)], [resume], fields)


def wait_for_interrupt(
    result: LangGraphRunResult,
    *,
    schema: object = _UNSET,
    name: str | None = None,
    question: str | None = None,
    interrupt_index: int | None = None,
    timeout: float | None = None,
    metadata: JsonObject | None = None,
    **fields: Unpack[DriveFields],
) -> LangGraphRunRequest:
    """Ask a person for the answer to one interrupt; the flow pauses until it is there.

    Args:
        result: An interrupted result.
        schema: Form of the answer; the interrupt's own one if left out.
        name: Name of the wait.
        question: Text for the person.
        interrupt_index: Which interrupt; the first one if left out.
        timeout: How long to poll before the execution pauses.
        metadata: Facts of the caller, shown with the wait.
        **fields: Fields of the request, such as `durability`.

    Returns:
        The request that resumes the graph; hand it to the runner.

    Raises:
        KitaruUsageError: The result is not interrupted, there is no such interrupt, or this is not a flow's body.
    """
    chosen = _chosen(result, interrupt_index)
    answers = ask([_question(chosen, schema, name, question, timeout, metadata)])
    return _resume(result, [chosen], answers, fields)


async def wait_for_interrupt_async(
    result: LangGraphRunResult,
    *,
    schema: object = _UNSET,
    name: str | None = None,
    question: str | None = None,
    interrupt_index: int | None = None,
    timeout: float | None = None,  # noqa: ASYNC109 - the window of the wait, not of this call
    metadata: JsonObject | None = None,
    **fields: Unpack[DriveFields],
) -> LangGraphRunRequest:
    """Ask a person for the answer to one interrupt, without blocking the event loop.

    Args:
        result: An interrupted result.
        schema: Form of the answer; the interrupt's own one if left out.
        name: Name of the wait.
        question: Text for the person.
        interrupt_index: Which interrupt; the first one if left out.
        timeout: How long to poll before the execution pauses.
        metadata: Facts of the caller, shown with the wait.
        **fields: Fields of the request, such as `durability`.

    Returns:
        The request that resumes the graph.

    Raises:
        KitaruUsageError: As for `wait_for_interrupt`.
    """
    chosen = _chosen(result, interrupt_index)
    answers = await ask_async([_question(chosen, schema, name, question, timeout, metadata)])
    return _resume(result, [chosen], answers, fields)


def wait_for_interrupts(
    result: LangGraphRunResult,
    *,
    schemas: Sequence[object] | None = None,
    name: str | None = None,
    timeout: float | None = None,
    metadata: JsonObject | None = None,
    **fields: Unpack[DriveFields],
) -> LangGraphRunRequest:
    """Ask for the answers to all pending interrupts at once; the flow pauses once, and the graph resumes once.

    Args:
        result: An interrupted result.
        schemas: Form of each answer, in the order of `result.interrupts`; their own ones if left out.
        name: Name of the waits.
        timeout: How long to poll before the execution pauses.
        metadata: Facts of the caller, shown with each wait.
        **fields: Fields of the request, such as `durability`.

    Returns:
        The request that resumes the graph with all answers.

    Raises:
        KitaruUsageError: The result is not interrupted, the schemas do not match, or this is not a flow's body.
    """
    answers = ask(_questions(result, schemas, name, timeout, metadata))
    return _resume(result, result.interrupts, answers, fields)


async def wait_for_interrupts_async(
    result: LangGraphRunResult,
    *,
    schemas: Sequence[object] | None = None,
    name: str | None = None,
    timeout: float | None = None,  # noqa: ASYNC109 - the window of the waits, not of this call
    metadata: JsonObject | None = None,
    **fields: Unpack[DriveFields],
) -> LangGraphRunRequest:
    """Ask for the answers to all pending interrupts at once, without blocking the event loop.

    Args:
        result: An interrupted result.
        schemas: Form of each answer, in the order of `result.interrupts`; their own ones if left out.
        name: Name of the waits.
        timeout: How long to poll before the execution pauses.
        metadata: Facts of the caller, shown with each wait.
        **fields: Fields of the request, such as `durability`.

    Returns:
        The request that resumes the graph with all answers.

    Raises:
        KitaruUsageError: As for `wait_for_interrupts`.
    """
    answers = await ask_async(_questions(result, schemas, name, timeout, metadata))
    return _resume(result, result.interrupts, answers, fields)


def _chosen(result: LangGraphRunResult, index: int | None) -> LangGraphInterruptSummary:
    if result.status != "interrupted":
        _not_interrupted(result)
    by_index = {each.index: each for each in result.interrupts}
    if index is None:
        return result.interrupts[0]
    if index not in by_index:
        known = ", ".join(map(str, sorted(by_index)))
        msg = f"interrupt_index={index!r} is not pending; pending are: {known}."
        raise KitaruUsageError(msg)
    return by_index[index]


def _not_interrupted(result: LangGraphRunResult) -> NoReturn:
    msg = f"The run on thread {result.thread_id!r} is {result.status}, so it waits for no answer."
    raise KitaruUsageError(msg)


def _check_scope() -> None:
    if not in_flow():
        msg = "An interrupt is answered in the body of a flow: not outside of one, and not inside a checkpoint."
        raise KitaruUsageError(msg)


def _questions(
    result: LangGraphRunResult,
    schemas: Sequence[object] | None,
    name: str | None,
    timeout: float | None,
    metadata: JsonObject | None,
) -> list[Question]:
    if result.status != "interrupted":
        _not_interrupted(result)
    given = list(schemas) if schemas is not None else [_UNSET] * len(result.interrupts)
    if len(given) != len(result.interrupts):
        msg = f"{len(given)} schemas were given for {len(result.interrupts)} interrupts; give one for each."
        raise KitaruUsageError(msg)
    return [
        _question(each, schema, name, None, timeout, metadata)
        for each, schema in zip(result.interrupts, given, strict=True)
    ]


def _question(
    chosen: LangGraphInterruptSummary,
    schema: object,
    name: str | None,
    question: str | None,
    timeout: float | None,
    metadata: JsonObject | None,
) -> Question:
    _check_scope()
    return Question(
        name=name or _DEFAULT_NAME,
        schema=default_schema(chosen.value, chosen.response_schema) if schema is _UNSET else schema,
        question=question or _text(chosen),
        metadata={
            "adapter": "langgraph",
            "source": "interrupt_bridge",
            "interrupt_index": chosen.index,
            "interrupt_path": chosen.path,
            "task_id": chosen.task_id,
            "node_name": chosen.node_name,
            **_guarded(chosen.value),
            "user_metadata": metadata or {},
        },
        timeout=timeout,
        bound_to={"path": chosen.path, "value": chosen.value},
    )


def _text(chosen: LangGraphInterruptSummary) -> str:
    if isinstance(chosen.value, str) and len(chosen.value) <= _SHOWN:
        return chosen.value
    calls = guarded_calls(chosen.value)
    if calls:
        return clip(" ".join(map(_asked, calls)), _SHOWN)
    return f"Node {chosen.node_name!r} of the graph waits for an answer."


def _asked(call: JsonObject) -> str:
    """Return the author's own words for a call; the framework's own ones hold the bare arguments."""
    own = str(call.get("description") or "")
    return own if own and str(call.get("args")) not in own else f"May the tool {call.get('name')!r} be called?"


def _guarded(value: object) -> JsonObject:
    """Return what a person has to know of the calls that are to be approved, with secrets taken out."""
    calls = [{"name": call.get("name"), "args": redacted(call.get("args"))} for call in guarded_calls(value)]
    return {"tool_calls": calls} if calls else {}


def _resume(
    result: LangGraphRunResult,
    chosen: Sequence[LangGraphInterruptSummary],
    answers: Sequence[object],
    fields: DriveFields,
) -> LangGraphRunRequest:
    """Address each answer by id: LangGraph misreads plain answers such as `None` or dictionaries with hex keys."""
    resume = {each.interrupt_id: _plain(answer) for each, answer in zip(chosen, answers, strict=True)}
    if result.pending_state is not None and result.pending_state.checkpoint_ns is not None:
        fields = {"checkpoint_ns": result.pending_state.checkpoint_ns, **fields}
    return LangGraphRunRequest.resume(Command(resume=resume), thread_id=result.thread_id, **fields)


def _plain(answer: object) -> object:
    """Return a model's data: the graph knows nothing of the class that checked the answer."""
    return answer.model_dump(mode="json", exclude_none=True) if isinstance(answer, BaseModel) else answer

"""Asking a person, or anybody else: opening waits, looking for answers, leaving when nobody is there."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from kitaru.artifacts.codecs import digest
from kitaru.artifacts.redaction import redact
from kitaru.crash_points import hit
from kitaru.deferred import asyncio
from kitaru.engine import payloads, schemas
from kitaru.engine.scope import flow_scope
from kitaru.engine.signals import ExecutionAborted, Suspension
from kitaru.engine.staying import is_ending
from kitaru.engine.texts import check_text, written_out
from kitaru.errors import (
    KitaruContextError,
    KitaruDivergenceError,
    KitaruEncodingError,
    KitaruUsageError,
    KitaruWaitValidationError,
)
from kitaru.journal.api import Draft
from kitaru.records.facts import WaitAborted, WaitOpened, WaitResolved
from kitaru.records.plain import JsonObject
from kitaru.settings.environment import wait_timeout

if TYPE_CHECKING:
    from kitaru.engine.run import Run

__all__ = ["Answer", "Question", "WaitState", "ask", "ask_async", "ask_in", "open_questions"]

DEFAULT_WINDOW = 600.0
_LOOK_EVERY = 0.1


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What a flow asks.

    Attributes:
        name: Operator's handle; a second question of the same name becomes `name_2`.
        schema: Type of the answer: anything pydantic takes, a JSON schema, or `None` for a gate.
        question: Text for a person.
        metadata: JSON-ready data shown with it.
        timeout: Seconds the runner stays to look for the answer; `None` takes the default, 0 leaves at once.
        bound_to: What is shown for approval. Its digest is stored; an answer is void when it changes.
        key: Makes asking again in one run of the body the same question, instead of a second one of that name.
    """

    name: str
    schema: Any = bool
    question: str | None = None
    metadata: JsonObject | None = None
    timeout: float | None = None
    bound_to: Any = None
    key: str | None = None


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """The state of a question.

    Attributes:
        name: The wait's name, with suffix.
        wait_id: The wait's id.
        answered: Whether there is an answer.
        value: The answer, in the type that was asked for.
    """

    name: str
    wait_id: str
    answered: bool
    value: Any = None


@dataclass(slots=True)
class WaitState:
    """What the journal holds of one wait.

    Attributes:
        opened: The record that opened it.
        resolved: The record that answered it.
        seq: Place of that record.
        aborted: Whether it was aborted.
        execution_id: Execution whose journal holds it.
    """

    opened: WaitOpened
    resolved: WaitResolved | None = None
    seq: int = 0
    aborted: bool = False
    execution_id: str = ""


def ask(questions: Sequence[Question]) -> list[Any]:
    """Ask, stay for the answers as long as the window allows, and leave if one is missing.

    Args:
        questions: What to ask; all missing waits are opened together.

    Returns:
        The answers in order, in the types that were asked for.

    Raises:
        Suspension: An answer is missing and the window is over; let it pass.
        KitaruContextError: No flow is running here, or the caller is inside a boundary.
        KitaruUsageError: A schema or timeout cannot be.
    """
    return ask_in(flow_scope("wait()"), questions)


def ask_in(run: Run, questions: Sequence[Question]) -> list[Any]:
    """Ask as `ask` does, for a run that is known."""
    drafts, states = _prepare(run, questions)
    if drafts:
        run.write(*drafts)
        hit("wait.opened")
    end = _end_of_window(run, questions)
    while not _settled(run, states):
        run.changed.clear()
        if _refresh(run, states):
            continue
        left = end - time.monotonic()
        if left <= 0 or is_ending():
            raise _suspension(run, states)
        run.changed.wait(min(left, _LOOK_EVERY))
        run.check()
    return _values(run, questions, states)


async def ask_async(questions: Sequence[Question]) -> list[Any]:
    """Ask as `ask` does, on the caller's event loop.

    Args:
        questions: What to ask.

    Returns:
        The answers in order.

    Raises:
        Suspension: An answer is missing and the window is over; let it pass.
        KitaruContextError: No flow is running here, or the caller is inside a boundary.
        KitaruUsageError: A schema or timeout cannot be.
    """
    run = flow_scope("wait_async()")
    drafts, states = _prepare(run, questions)
    if drafts:
        await run.write_async(*drafts)
        hit("wait.opened")
    loop, wake = asyncio.get_running_loop(), asyncio.Event()

    def tell() -> None:
        loop.call_soon_threadsafe(wake.set)

    run.lease.on_change.append(tell)
    end = _end_of_window(run, questions)
    try:
        while not _settled(run, states):
            wake.clear()
            if await _refresh_async(run, states):
                continue
            left = end - time.monotonic()
            if left <= 0 or is_ending():
                raise _suspension(run, states)
            try:
                async with asyncio.timeout(min(left, _LOOK_EVERY)):
                    await wake.wait()
            except TimeoutError:
                pass
            run.check()
    finally:
        run.lease.on_change.remove(tell)
    return _values(run, questions, states)


def open_questions(questions: Sequence[Question]) -> list[Answer]:
    """Open what is not open yet and say what is answered, without staying and without leaving.

    Args:
        questions: What to ask.

    Returns:
        The state of each question, in order.

    Raises:
        KitaruContextError: No flow is running here, or the caller is inside a boundary.
        KitaruUsageError: A schema or timeout cannot be.
    """
    run = flow_scope("open_questions()")
    drafts, states = _prepare(run, questions)
    if drafts:
        run.write(*drafts)
        hit("wait.opened")
    _refresh(run, states)
    return [
        Answer(
            name=state.opened.name,
            wait_id=state.opened.wait_id,
            answered=state.resolved is not None,
            value=None if state.resolved is None else _value(run, question, state),
        )
        for question, state in zip(questions, states, strict=True)
    ]


def _prepare(run: Run, questions: Sequence[Question]) -> tuple[list[Draft], list[WaitState]]:
    run.check()
    with run.asking:
        return _prepared(run, questions)


def _prepared(run: Run, questions: Sequence[Question]) -> tuple[list[Draft], list[WaitState]]:
    drafts: list[Draft] = []
    states: list[WaitState] = []
    for question in questions:
        asked = run.asked.get(question.key) if question.key is not None else None
        if asked is not None:
            states.append(asked)
            continue
        schema = schemas.json_schema(question.schema)
        bound = None if question.bound_to is None else digest(question.bound_to)
        _check(question)
        name = _next_name(run, question)
        state = run.waits.get(name)
        while state is not None and state.opened.bound_to != bound:
            # An approval counts for what was shown; it is asked anew about what it has become.
            if not state.aborted:
                drafts.append(_void(state))
            name = _next_name(run, question)
            state = run.waits.get(name)
        if state is None:
            state = WaitState(_opened(run, question, name, schema, bound), execution_id=run.execution_id)
            run.waits[name] = state
            drafts.append(Draft(state.opened))
        states.append(state)
        if question.key is not None:
            run.asked[question.key] = state
    return drafts, states


def _check(question: Question) -> None:
    check_text(question.name, "The name of a wait")
    timeout = question.timeout
    if timeout is not None and (isinstance(timeout, bool) or not isinstance(timeout, int | float) or timeout < 0):
        msg = f"wait(timeout={timeout!r}) must be a number of seconds of at least 0, or None for the default window."
        raise KitaruUsageError(msg)


def _next_name(run: Run, question: Question) -> str:
    base = question.name
    n = run.wait_counts[base] = run.wait_counts.get(base, 0) + 1
    return base if n == 1 else f"{base}_{n}"


def _void(state: WaitState) -> Draft:
    state.aborted = True
    return Draft(
        WaitAborted(
            at=time.time(), wait_id=state.opened.wait_id, name=state.opened.name, void=True, by={"surface": "flow"}
        )
    )


def _opened(run: Run, question: Question, name: str, schema: JsonObject | None, bound: str | None) -> WaitOpened:
    try:
        metadata = msgspec.json.decode(payloads.to_json(redact(question.metadata or {})))
    except KitaruEncodingError as error:
        msg = f"wait(metadata=) takes JSON-ready values: {error}"
        raise KitaruUsageError(msg) from error
    return WaitOpened(
        at=time.time(),
        wait_id=run.new_id(1),
        name=name,
        base_name=question.name,
        question=None if question.question is None else written_out(str(redact(question.question))),
        schema=schema,
        metadata=metadata,
        bound_to=bound,
    )


def _end_of_window(run: Run, questions: Sequence[Question]) -> float:
    windows = [question.timeout for question in questions]
    given = [window for window in windows if window is not None]
    default = wait_timeout(DEFAULT_WINDOW)
    return time.monotonic() + run.window(max(given) if len(given) == len(windows) else max([default, *given]))


def _settled(run: Run, states: Sequence[WaitState]) -> bool:
    for state in states:
        if state.aborted:
            raise ExecutionAborted(execution_id=run.execution_id, wait=state.opened.name)
    return all(state.resolved is not None for state in states)


def _refresh(run: Run, states: Sequence[WaitState]) -> bool:
    """Take in answers that were recorded meanwhile; say whether any was new."""
    missing = {state.opened.wait_id: state for state in states if state.resolved is None}
    if not missing:
        return False
    still_open = {row.id for row in run.journal.waits(execution_id=run.execution_id)}
    if still_open.issuperset(missing):
        return False
    found = False
    for record in run.journal.records(run.execution_id):
        fact = record.fact
        if isinstance(fact, WaitResolved) and fact.wait_id in missing:
            state = missing[fact.wait_id]
            state.resolved, state.seq, found = fact, record.seq, True
        elif isinstance(fact, WaitAborted) and not fact.void and fact.wait_id in missing:
            missing[fact.wait_id].aborted = found = True
    if found:
        hit("wait.answered")
    return found


async def _refresh_async(run: Run, states: Sequence[WaitState]) -> bool:
    try:
        return await asyncio.to_thread(_refresh, run, states)
    except RuntimeError:
        # At exit the interpreter takes no more work for threads; this look is then the last one.
        if not is_ending():
            raise
        return _refresh(run, states)


def _suspension(run: Run, states: Sequence[WaitState]) -> Suspension:
    hit("wait.before_pause")
    names = [state.opened.name for state in states if state.resolved is None]
    return Suspension(execution_id=run.execution_id, waits=names)


def _values(run: Run, questions: Sequence[Question], states: Sequence[WaitState]) -> list[Any]:
    return [_value(run, question, state) for question, state in zip(questions, states, strict=True)]


def _value(run: Run, question: Question, state: WaitState) -> Any:  # noqa: ANN401 - the type the flow asked for
    resolved = state.resolved
    if resolved is None:
        msg = f"wait {state.opened.name!r} has no answer"
        raise KitaruContextError(msg)
    stored = payloads.load(run.journal, state.execution_id or run.execution_id, state.seq, resolved.answer)
    try:
        return schemas.answer_for(state.opened.name, question.schema, stored)
    except KitaruWaitValidationError as error:
        msg = (
            f"The wait {state.opened.name!r} was answered under another schema, and the stored answer does not fit the "
            f"present one: {error} Put the schema back, or replay the execution to ask again."
        )
        raise KitaruDivergenceError(msg, exec_id=run.execution_id) from error

"""`wait()`: a question to a person, or to anybody else, in the middle of a flow."""

from __future__ import annotations

import os
import sys
import threading
from typing import Any, TypeVar, overload

from kitaru.authoring.arguments import Async
from kitaru.engine.scope import flow_scope
from kitaru.engine.waits import Question, ask, ask_async
from kitaru.records.plain import JsonObject

__all__ = ["wait", "wait_async"]

T = TypeVar("T")


@overload
def wait(
    *,
    name: str | None = None,
    question: str | None = None,
    timeout: float | None = None,
    metadata: JsonObject | None = None,
) -> bool: ...
@overload
def wait(
    *,
    schema: type[T],
    name: str | None = None,
    question: str | None = None,
    timeout: float | None = None,
    metadata: JsonObject | None = None,
) -> T: ...
@overload
def wait(
    *,
    schema: None,
    name: str | None = None,
    question: str | None = None,
    timeout: float | None = None,
    metadata: JsonObject | None = None,
) -> None: ...
@overload
def wait(
    *,
    schema: object,
    name: str | None = None,
    question: str | None = None,
    timeout: float | None = None,
    metadata: JsonObject | None = None,
) -> Any: ...  # noqa: ANN401 - the type that was asked for
def wait(
    *,
    schema: object = bool,
    name: str | None = None,
    question: str | None = None,
    timeout: float | None = None,
    metadata: JsonObject | None = None,
) -> Any:
    """Pause the flow until somebody answers.

    The question is recorded first. The runner then looks for the answer for a while; if none comes it leaves, the
    execution keeps waiting for as long as it takes, and `resume` goes on from here once there is one. On a terminal the
    question is asked in place.

    Args:
        schema: Type of the answer: anything pydantic takes, a JSON schema as a dict, or `None` for a gate that only
            asks
            to continue.
        name: Handle for whoever answers; keep it stable. The same name again becomes `name_2`.
        question: Text for a person.
        timeout: Seconds the runner stays to look for the answer, 600 by default (`KITARU_WAIT_TIMEOUT`); 0 leaves at
            once.
        metadata: JSON-ready data shown with the question.

    Returns:
        The answer, in the type that was asked for.

    Raises:
        KitaruContextError: Called outside of a flow's body.
        KitaruUsageError: The schema, timeout or metadata cannot be.
    """
    question_ = _question(schema, name, question, timeout, metadata)
    if _is_interactive():
        from kitaru.authoring.terminal import ask_on_terminal

        return ask_on_terminal(question_)
    return ask([question_])[0]


@overload
def wait_async(
    *,
    name: str | None = None,
    question: str | None = None,
    timeout: float | None = None,
    metadata: JsonObject | None = None,
) -> Async[bool]: ...
@overload
def wait_async(
    *,
    schema: type[T],
    name: str | None = None,
    question: str | None = None,
    timeout: float | None = None,
    metadata: JsonObject | None = None,
) -> Async[T]: ...
@overload
def wait_async(
    *,
    schema: None,
    name: str | None = None,
    question: str | None = None,
    timeout: float | None = None,
    metadata: JsonObject | None = None,
) -> Async[None]: ...
@overload
def wait_async(
    *,
    schema: object,
    name: str | None = None,
    question: str | None = None,
    timeout: float | None = None,
    metadata: JsonObject | None = None,
) -> Async[Any]: ...
async def wait_async(
    *,
    schema: object = bool,
    name: str | None = None,
    question: str | None = None,
    timeout: float | None = None,  # noqa: ASYNC109 - how long the runner stays, not a limit on this call
    metadata: JsonObject | None = None,
) -> Any:
    """Pause an asynchronous flow until somebody answers; see `wait`.

    Args:
        schema: As for `wait`.
        name: As for `wait`.
        question: As for `wait`.
        timeout: As for `wait`.
        metadata: As for `wait`.

    Returns:
        The answer.
    """
    return (await ask_async([_question(schema, name, question, timeout, metadata)]))[0]


def _question(
    schema: object, name: str | None, question: str | None, timeout: float | None, metadata: JsonObject | None
) -> Question:
    run = flow_scope("wait()")
    chosen = name.strip() if name and name.strip() else f"wait_{run.count('unnamed wait')}"
    return Question(name=chosen, schema=schema, question=question, timeout=timeout, metadata=metadata)


def _is_interactive() -> bool:
    if os.environ.get("KITARU_DISABLE_INTERACTIVE_INPUT", "").strip() not in {"", "0"}:
        return False
    if threading.current_thread() is not threading.main_thread():
        return False
    return sys.stdin is not None and sys.stdin.isatty() and sys.stdout.isatty()

"""The framework's own waiting for outside events, kept in waits of the flow so that it survives restarts."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from pydantic import JsonValue

from kitaru import seam
from kitaru_adapters.kit.names import slug
from kitaru_adapters.pydantic_ai.framework import HAS_EXTERNAL_EVENTS
from kitaru_adapters.pydantic_ai.types import ADAPTER

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from pydantic_ai.durable_exec import ExternalEventWaiter

    from kitaru_adapters.pydantic_ai.runs import RunState

__all__ = ["external_events"]


@contextmanager
def external_events(state: RunState) -> Iterator[None]:
    """Let a run wait for outside events; releases of the framework without them get nothing installed.

    Args:
        state: State of the run.

    Yields:
        Nothing; the run goes into the block.
    """
    if not HAS_EXTERNAL_EVENTS:
        yield
        return
    from pydantic_ai.durable_exec import external_event_scope

    with external_event_scope(_waiter(state)):
        yield


def _waiter(state: RunState) -> ExternalEventWaiter:
    from pydantic_ai.durable_exec import ExternalEventError, ExternalEventWaiter

    class FlowWaiter(ExternalEventWaiter):
        """Waits at flow scope: the question is delivered once, and the answer comes to a wait of the execution."""

        async def wait(
            self,
            name: str,
            *,
            ask: Callable[[str], Awaitable[JsonValue]],
            timeout: timedelta | None,  # noqa: ASYNC109 - the framework's contract
        ) -> JsonValue:
            label = slug(name, fallback="event")
            key = state.numbered_key("external", label)
            question = _question(label, key, state)
            asked_at, answer = await _ask_once(label, key, question.name, ask)
            if answer is not None:
                return answer
            deadline = None if timeout is None else asked_at + timeout
            (found,) = seam.open_questions([question])
            if not found.answered and deadline is not None and datetime.now(UTC) >= deadline:
                msg = f"No resolution arrived within {timeout}."
                raise ExternalEventError(msg)
            (value,) = await seam.ask_async([question])
            answered: JsonValue = value
            return answered

    return FlowWaiter()


def _question(label: str, key: str, state: RunState) -> seam.Question:
    number = key.rpartition("#")[2] if "#" in key.removeprefix(state.path) else "1"
    name = label if number == "1" else f"{label}_{number}"
    return seam.Question(
        name=name, schema=JsonValue, question=None, metadata={"adapter": ADAPTER, "source": "external"}, key=key
    )


async def _ask_once(
    label: str, key: str, wait_name: str, ask: Callable[[str], Awaitable[JsonValue]]
) -> tuple[datetime, JsonValue]:
    scope = seam.current_scope()
    token = f"{scope.execution_id if scope is not None else ''}:{wait_name}"

    async def body(_call: seam.Call) -> dict[str, Any]:
        answer = await ask(token)
        return {"asked_at": datetime.now(UTC).isoformat(), "answer": answer}

    unit = seam.Unit(name=f"{label}_ask", adapter=ADAPTER, type="tool_call", key=f"{key}/ask")
    outcome = await seam.run_unit_async(unit, body)
    return datetime.fromisoformat(outcome.value["asked_at"]), outcome.value["answer"]

"""The few names of the framework that have no public door yet, or that older releases lack; nothing else knows them."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from pydantic_ai import durable_exec
from pydantic_ai._run_context import get_current_run_context as current_run_context
from pydantic_ai.durable_exec._utils import DurableModel

from kitaru import seam

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["HAS_EXTERNAL_EVENTS", "DurableModel", "correlate_span", "current_run_context", "record_unit", "reuse_scope"]

HAS_EXTERNAL_EVENTS = "ExternalEventWaiter" in durable_exec.__all__
_HAS_REPLAY_SCOPE = "replay_scope" in durable_exec.__all__


_SCOPED: ContextVar[bool] = ContextVar("kitaru_pydantic_ai_reuse_scope", default=False)


@contextmanager
def reuse_scope() -> Iterator[None]:
    """Keep spans of reused work from being exported a second time, where the framework can do that.

    One scope serves a run and the runs inside it: a second one would hide what they did from the spans around them.
    """
    if _SCOPED.get() or not _HAS_REPLAY_SCOPE:
        yield
        return
    token = _SCOPED.set(True)
    try:
        with durable_exec.replay_scope():
            yield
    finally:
        _SCOPED.reset(token)


def record_unit(*, executed: bool) -> None:
    """Tell the framework's instrumentation whether a unit ran or was read back.

    Args:
        executed: Whether its body ran.
    """
    if _HAS_REPLAY_SCOPE:
        durable_exec.record_durable_unit(executed=executed)


def correlate_span(path: str) -> None:
    """Put the execution and the run on the framework's current span, so that traces and executions find each other.

    Args:
        path: Where the run stands in its execution.
    """
    from opentelemetry.trace import get_current_span

    scope = seam.current_scope()
    span = get_current_span()
    if scope is not None and span.is_recording():
        span.set_attribute("kitaru.execution_id", scope.execution_id)
        span.set_attribute("kitaru.flow", scope.flow)
        span.set_attribute("kitaru.run", path)

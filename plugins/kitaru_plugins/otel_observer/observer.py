"""Turns bodies and records into spans and metrics."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from opentelemetry import metrics, trace
from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.trace import NoOpTracerProvider, ProxyTracerProvider, StatusCode

from kitaru.records.facts import (
    ExecutionFinished,
    ExecutionPaused,
    ExecutionStarted,
    RunnerStarted,
    UsageRecorded,
    WaitAborted,
    WaitOpened,
    WaitResolved,
    usage_in,
)
from kitaru_plugins.otel_observer.names import (
    BOUNDARY_DURATION,
    FLOW,
    RUN_DURATION,
    STATUS,
    TOKENS,
    WAITS,
    boundary_attributes,
)
from kitaru_plugins.otel_observer.runs import Runs

if TYPE_CHECKING:
    from kitaru.records.boundary import Boundary
    from kitaru.records.record import Record

__all__ = ["Observer"]

_SILENT: Final = (ProxyTracerProvider, NoOpTracerProvider)


class Observer:
    """Reports to the providers that the program has set up."""

    def __init__(self) -> None:
        self._tracer = trace.get_tracer("kitaru")
        meter = metrics.get_meter("kitaru")
        self._boundary_duration = meter.create_histogram(BOUNDARY_DURATION, "s", "How long bodies of boundaries ran.")
        self._run_duration = meter.create_histogram(
            RUN_DURATION, "s", "How long executions ran until they came to rest."
        )
        self._tokens = meter.create_counter(TOKENS, "{token}", "Tokens that model calls really used.")
        self._waits = meter.create_counter(WAITS, "{wait}", "Questions that flows asked, by what became of them.")
        self._runs = Runs(self._tracer)

    @property
    def is_heard(self) -> bool:
        """Whether the program has set up a provider of spans or metrics."""
        return not isinstance(trace.get_tracer_provider(), _SILENT) or _has_meter()

    @contextmanager
    def boundary(self, boundary: Boundary) -> Iterator[None]:
        """Put a span around a body, and measure it.

        The span hangs below the present one, such as a framework's or a web request's. Where there is none, it hangs
        below the execution's.
        """
        self._runs.name(boundary.execution_id, boundary.flow)
        has_parent = trace.get_current_span().get_span_context().is_valid
        parent = None if has_parent else self._runs.context(boundary.execution_id)
        with self._tracer.start_as_current_span(
            f"{boundary.type or boundary.kind} {boundary.name}",
            context=parent,
            attributes=boundary_attributes(boundary),
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            began = time.monotonic()
            outcome = "completed"
            try:
                yield
            except BaseException as error:
                # Only the kind of an error leaves the process; its text may hold what is private.
                outcome = "failed" if isinstance(error, Exception) else "interrupted"
                span.set_attribute("error.type", type(error).__qualname__)
                span.set_status(StatusCode.ERROR, type(error).__qualname__)
                raise
            finally:
                span.set_attribute(STATUS, outcome)
                labels = {FLOW: boundary.flow, "kitaru.checkpoint.kind": boundary.kind, STATUS: outcome}
                adapter = {"kitaru.adapter": boundary.adapter} if boundary.adapter else {}
                self._boundary_duration.record(time.monotonic() - began, {**labels, **adapter})

    def record(self, record: Record) -> None:
        """Report a committed record, if its kind is one that is reported."""
        execution = record.execution_id
        match record.fact:
            case ExecutionStarted() as fact:
                self._runs.begin(execution, fact.flow, {"kitaru.execution.source": fact.original_exec_id or ""})
            case RunnerStarted() as fact:
                self._runs.begin(
                    execution, "", {"kitaru.run.generation": fact.generation, "kitaru.run.reason": fact.reason}
                )
            case ExecutionPaused():
                self._rested(execution, "waiting")
            case ExecutionFinished() as fact:
                self._rested(execution, fact.status, fact.failure.type if fact.failure is not None else None)
            case WaitOpened() | WaitResolved() | WaitAborted():
                self._waits.add(1, {STATUS: record.kind.removeprefix("wait.")})
        for used in usage_in(record.fact):
            self._used(execution, used)

    def close(self) -> None:
        """End what is open, and have everything sent."""
        self._runs.end_all("left")
        for provider in (trace.get_tracer_provider(), metrics.get_meter_provider()):
            flush = getattr(provider, "force_flush", None)
            if flush is not None:
                flush()

    def _rested(self, execution_id: str, status: str, error_type: str | None = None) -> None:
        run = self._runs.end(execution_id, status, error_type)
        if run is not None:
            self._run_duration.record(time.monotonic() - run.began, {FLOW: run.flow, STATUS: status})

    def _used(self, execution_id: str, fact: UsageRecorded) -> None:
        usage = fact.usage
        counted = usage.get("usage")
        if usage.get("billing_effect") == "reused_not_incurred" or not isinstance(counted, Mapping):
            return
        labels = {name: str(usage[name]) for name in ("model", "provider", "adapter") if usage.get(name)}
        named = usage.get("record_id") or usage.get("event_id")
        place = None if usage.get("count_once") else (fact.call_id, fact.attempt)
        for direction in ("input", "output"):
            count = counted.get(f"{direction}_tokens")
            if isinstance(count, int) and named:
                # One that was reported before counts by what is new, as in the sums of the execution.
                count = self._runs.grown(execution_id, (place, str(named), direction), count)
            if isinstance(count, int) and count > 0:
                self._tokens.add(count, {**labels, "direction": direction})


def _has_meter() -> bool:
    provider = metrics.get_meter_provider()
    return not isinstance(provider, NoOpMeterProvider) and type(provider).__name__ != "_ProxyMeterProvider"

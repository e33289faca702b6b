"""Spans of executions: one for each stretch in which a runner of this process works on one."""

from __future__ import annotations

import threading
import time
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field

from opentelemetry import context, trace
from opentelemetry.trace import Span, StatusCode, Tracer

from kitaru_plugins.otel_observer.names import EXECUTION_ID, FLOW, STATUS

__all__ = ["Run", "Runs"]


@dataclass(slots=True)
class Run:
    """One stretch of an execution.

    Attributes:
        span: Its span.
        began: When it began, on the monotonic clock.
        flow: Name of the flow, once it is known.
        told: Figures that were counted so far, by what they measure.
    """

    span: Span
    began: float
    flow: str = ""
    told: dict[Hashable, int] = field(default_factory=dict)


class Runs:
    """The executions that are worked on here."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer
        self._lock = threading.Lock()
        self._open: dict[str, Run] = {}

    def begin(self, execution_id: str, flow: str, attributes: Mapping[str, str | int]) -> None:
        """Begin a stretch; one that is still open, because its runner was lost, ends with the status `lost`.

        Args:
            execution_id: The execution.
            flow: Name of its flow, or nothing where it is not known yet.
            attributes: What else to say about the stretch; empty texts are left out.
        """
        self.end(execution_id, "lost")
        told = {name: value for name, value in attributes.items() if value != ""}
        span = self._tracer.start_span("flow", attributes={EXECUTION_ID: execution_id, **told})
        run = Run(span, time.monotonic())
        with self._lock:
            self._open[execution_id] = run
        self.name(execution_id, flow)

    def name(self, execution_id: str, flow: str) -> None:
        """Give the stretch the name of its flow, which a resumed one learns from its first boundary."""
        run = self._open.get(execution_id)
        if run is not None and flow and not run.flow:
            run.flow = flow
            run.span.update_name(f"flow {flow}")
            run.span.set_attribute(FLOW, flow)

    def context(self, execution_id: str) -> context.Context | None:
        """Return a context in which the execution's span is the present one, or `None` if it has none here."""
        run = self._open.get(execution_id)
        return None if run is None else trace.set_span_in_context(run.span)

    def grown(self, execution_id: str, measured: Hashable, figure: int) -> int:
        """Return by how much a figure is more than when it was told last in this stretch.

        Args:
            execution_id: The execution.
            measured: What it measures.
            figure: The figure.
        """
        run = self._open.get(execution_id)
        if run is None:
            return figure
        before = run.told.get(measured, 0)
        run.told[measured] = max(before, figure)
        return max(0, figure - before)

    def end(self, execution_id: str, status: str, error_type: str | None = None) -> Run | None:
        """End a stretch.

        Args:
            execution_id: The execution.
            status: What became of it.
            error_type: Kind of the error that ended it, if one did.

        Returns:
            The stretch, or `None` if there was none.
        """
        with self._lock:
            run = self._open.pop(execution_id, None)
        if run is not None:
            run.span.set_attribute(STATUS, status)
            if error_type is not None:
                run.span.set_attribute("error.type", error_type)
                run.span.set_status(StatusCode.ERROR, error_type)
            run.span.end()
        return run

    def end_all(self, status: str) -> None:
        """End every stretch that is still open."""
        for execution_id in list(self._open):
            self.end(execution_id, status)

"""What the plugin listens to: bodies of boundaries, and records."""

from __future__ import annotations

import os
import sys
from contextlib import AbstractContextManager
from functools import cache
from typing import TYPE_CHECKING

from kitaru.hooks import PluginCard, hookimpl
from kitaru.hooks.distributions import installed_version

if TYPE_CHECKING:
    from kitaru.records.boundary import Boundary
    from kitaru.records.record import Record
    from kitaru_plugins.otel_observer.observer import Observer

__all__ = ["kitaru_checkpoint_scope", "kitaru_closing", "kitaru_plugin_card", "kitaru_record_committed"]

_SDK = "opentelemetry-sdk"
_CHOSEN_BY_ENVIRONMENT = ("OTEL_PYTHON_TRACER_PROVIDER", "OTEL_PYTHON_METER_PROVIDER")


@hookimpl
def kitaru_plugin_card() -> PluginCard:
    """Name the plugin; without the SDK nobody could receive what it reports, and without a provider nobody does."""
    return PluginCard(
        name="otel_observer",
        hookspec=1,
        frameworks={_SDK: ">=1.30,<2"},
        enabled=installed_version(_SDK) is not None,
        delivery="best_effort",  # spans of a process that was killed are lost with it; none is to be emitted twice
        listens=_is_heard,
    )


@hookimpl
def kitaru_checkpoint_scope(boundary: Boundary) -> AbstractContextManager[None] | None:
    """Put a span around a body."""
    return _observer().boundary(boundary) if _is_heard() else None


@hookimpl
def kitaru_record_committed(record: Record) -> None:
    """Begin and end the spans of executions, and count."""
    if _is_heard():
        _observer().record(record)


@hookimpl
def kitaru_closing() -> None:
    """End the spans of executions that are still open here, and send what is left."""
    if _observer.cache_info().currsize:
        _observer().close()


def _is_heard() -> bool:
    """Whether there is a provider; OpenTelemetry is not even loaded to find out that there is none."""
    may_be = "opentelemetry.trace" in sys.modules or any(map(os.environ.get, _CHOSEN_BY_ENVIRONMENT))
    return may_be and _observer().is_heard


@cache
def _observer() -> Observer:
    from kitaru_plugins.otel_observer.observer import Observer

    return Observer()

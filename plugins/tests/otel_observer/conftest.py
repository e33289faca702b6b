"""Logfire with exporters in memory, and flows whose plugin reports to it."""

from __future__ import annotations

import logfire
import pytest
from logfire.testing import TestExporter
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

import kitaru
from kitaru.hooks import close_manager, get_manager
from kitaru_plugins.otel_observer import plugin


class Spans:
    """The spans that were exported, by name."""

    def __init__(self, exporter):
        self._exporter = exporter

    def all(self):
        return [
            span for span in self._exporter.exported_spans if span.attributes.get("logfire.span_type") != "pending_span"
        ]

    def forget(self):
        self._exporter.clear()

    def named(self, name):
        return [span for span in self.all() if span.name == name]

    def one(self, name):
        (span,) = self.named(name)
        return span

    def parent_of(self, span):
        return next(
            (one.name for one in self.all() if span.parent and one.context.span_id == span.parent.span_id), None
        )


class Metrics:
    """What was counted since the beginning of a test, by attributes."""

    def __init__(self, reader):
        self._reader = reader
        self._before = {}
        self._before = self._read()

    def _read(self):
        data = self._reader.get_metrics_data()
        scopes = [scope for one in (data.resource_metrics if data else []) for scope in one.scope_metrics]
        return {
            (metric.name, *sorted(point.attributes.items())): getattr(point, "value", None) or point.count
            for scope in scopes
            for metric in scope.metrics
            for point in metric.data.data_points
        }

    def counted(self, name):
        """Return how often something was counted, or measured, by the values of its attributes."""
        grown = {key: count - self._before.get(key, 0) for key, count in self._read().items() if key[0] == name}
        return {tuple(value for _, value in key[1:]): count for key, count in grown.items() if count}


@pytest.fixture(scope="session")
def exporter_and_reader():
    exporter, reader = TestExporter(), InMemoryMetricReader()
    logfire.configure(
        send_to_logfire=False,
        console=False,
        inspect_arguments=False,
        additional_span_processors=[SimpleSpanProcessor(exporter)],
        metrics=logfire.MetricsOptions(additional_readers=[reader]),
    )
    return exporter, reader


@pytest.fixture
def spans(exporter_and_reader):
    exporter_and_reader[0].clear()
    return Spans(exporter_and_reader[0])


@pytest.fixture
def metrics(exporter_and_reader):
    return Metrics(exporter_and_reader[1])


@pytest.fixture
def client(tmp_path, monkeypatch, spans):
    monkeypatch.setenv("KITARU_STORE", str(tmp_path / "kitaru.db"))
    monkeypatch.setenv("KITARU_PLUGINS_DISABLED", "otel_observer")
    close_manager()
    get_manager().register(plugin, name="otel_observer")
    yield kitaru.KitaruClient()
    close_manager()

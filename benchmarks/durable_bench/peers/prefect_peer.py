"""Prefect with results persisted to files and its own temporary server on SQLite."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from durable_bench.meter import Meter

if TYPE_CHECKING:
    from pathlib import Path

Costs = dict[str, float | None]


class Peer:
    """Flows and tasks in this process; Prefect starts its server as a child, whose syncs are counted too."""

    def __init__(self, folder: Path) -> None:
        os.environ.update(
            PREFECT_HOME=str(folder),
            PREFECT_RESULTS_PERSIST_BY_DEFAULT="true",
            PREFECT_LOGGING_LEVEL="ERROR",
            PREFECT_SERVER_ANALYTICS_ENABLED="false",
            DO_NOT_TRACK="1",
        )
        import importlib

        self._library: Any = importlib.import_module("prefect")
        self.version = f"prefect {self._library.__version__}"
        self._meter = Meter()
        step = self._library.task(persist_result=True)(_step)

        def sequence(count: int, size: int) -> int:
            with self._meter as meter:
                for n in range(count):
                    step(n, size)
                    meter.lap()
            return count

        def single(number: int) -> str:
            return str(step(number, 1))

        self._sequence = self._library.flow(sequence)
        self._single = self._library.flow(single)

    def steps(self, count: int, size: int) -> Costs:
        """Run one flow of `count` tasks whose results have `size` characters."""
        self._meter = Meter()
        self._sequence(count, size)
        return self._meter.result(count)

    def flows(self, count: int) -> Costs:
        """Run `count` flows of one task."""
        with Meter() as meter:
            for n in range(count):
                self._single(n)
                meter.lap()
        return meter.result(count)

    def close(self) -> None:
        """Nothing to close: Prefect ends its server with the process."""


def _step(number: int, size: int) -> str:
    return chr(97 + number % 26) * size

"""DBOS Transact on SQLite, as installed: workflows and steps."""

from __future__ import annotations

import importlib
import importlib.metadata
from typing import TYPE_CHECKING, Any

from durable_bench.meter import Meter

if TYPE_CHECKING:
    from pathlib import Path

Costs = dict[str, float | None]


class Peer:
    """One process, one SQLite system database."""

    def __init__(self, folder: Path) -> None:
        self._dbos: Any = importlib.import_module("dbos").DBOS
        self.version = f"dbos {importlib.metadata.version('dbos')}"
        self._meter = Meter()
        self._dbos(
            config={
                "name": "bench",
                "system_database_url": f"sqlite:///{folder}/dbos.sqlite",
                "run_admin_server": False,
                "console_log_level": "ERROR",
                "log_level": "ERROR",
            }
        )
        self._step = self._dbos.step()(_step)
        self._sequence = self._dbos.workflow()(self._make_sequence())
        self._single = self._dbos.workflow()(self._make_single())
        self._dbos.launch()

    def _make_sequence(self) -> Any:  # noqa: ANN401 - DBOS decides what a workflow is
        def sequence(count: int, size: int) -> int:
            with self._meter as meter:
                for n in range(count):
                    self._step(n, size)
                    meter.lap()
            return count

        return sequence

    def _make_single(self) -> Any:  # noqa: ANN401 - DBOS decides what a workflow is
        def single(number: int) -> str:
            return str(self._step(number, 1))

        return single

    def steps(self, count: int, size: int) -> Costs:
        """Run one workflow of `count` steps whose outputs have `size` characters."""
        self._meter = Meter()
        self._sequence(count, size)
        return self._meter.result(count)

    def flows(self, count: int) -> Costs:
        """Run `count` workflows of one step."""
        with Meter() as meter:
            for n in range(count):
                self._single(n)
                meter.lap()
        return meter.result(count)

    def listing(self, total: int, repeat: int) -> Costs:
        """List the latest 50 of `total` workflows."""
        for n in range(total):
            self._single(n)
        with Meter() as meter:
            for _ in range(repeat):
                self._dbos.list_workflows(limit=50, sort_desc=True)
                meter.lap()
        return meter.result(repeat)

    def close(self) -> None:
        """Stop DBOS."""
        self._dbos.destroy()


def _step(number: int, size: int) -> str:
    return chr(97 + number % 26) * size

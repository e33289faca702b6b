"""The product on the public index that shares our name, at 0.18.0: flows and checkpoints on its local stack."""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import os
from typing import TYPE_CHECKING, Any

from durable_bench.meter import Meter

if TYPE_CHECKING:
    from pathlib import Path

Costs = dict[str, float | None]


class Peer:
    """Flows in this process, recorded in its own SQLite database; its files stay in the peer's folder."""

    def __init__(self, folder: Path) -> None:
        for name in [name for name in os.environ if name.startswith(("KITARU_", "ZENML_"))]:
            del os.environ[name]
        os.environ.update(
            HOME=str(folder),
            KITARU_CONFIG_PATH=str(folder / "config"),
            KITARU_ANALYTICS_OPT_IN="false",
            ZENML_ANALYTICS_OPT_IN="false",
            ZENML_LOGGING_VERBOSITY="ERROR",
        )
        self._report = folder / "costs.json"
        self.version = f"kitaru of the index {importlib.metadata.version('kitaru')}"
        self._flows: Any = importlib.import_module("durable_bench.peers.kitaru018_flows")

    def steps(self, count: int, size: int) -> Costs:
        """Run one flow of `count` checkpoints whose outputs have `size` characters."""
        self._flows.sequence.run(count, size, str(self._report)).wait()
        return json.loads(self._report.read_text(encoding="utf-8"))

    def flows(self, count: int) -> Costs:
        """Run `count` flows of one checkpoint."""
        with Meter() as meter:
            for n in range(count):
                self._flows.single.run(n).wait()
                meter.lap()
        return meter.result(count)

    def close(self) -> None:
        """Nothing to close: it keeps no process of its own."""

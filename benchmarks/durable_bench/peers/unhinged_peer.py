"""Unhinged: tasks and steps in one SQLite file, worked on by the process that spawned them."""

from __future__ import annotations

import importlib
import importlib.metadata
from typing import TYPE_CHECKING, Any

from durable_bench.meter import Meter

if TYPE_CHECKING:
    from pathlib import Path

Costs = dict[str, float | None]


class Peer:
    """One queue in one file; `work_batch` runs each task at once, so its poll interval does not count against it."""

    def __init__(self, folder: Path) -> None:
        library: Any = importlib.import_module("unhinged")
        self.version = f"unhinged {importlib.metadata.version('unhinged')}"
        self._meter = Meter()
        self._app = library.Unhinged(str(folder / "unhinged.db"))
        self._app.create_queue()
        self._app.register_task("sequence")(self._sequence)
        self._app.register_task("single")(self._single)

    def _sequence(self, params: dict[str, int], ctx: Any) -> int:  # noqa: ANN401 - the library's own context
        with self._meter as meter:
            for n in range(params["count"]):
                ctx.step(f"step{n}", lambda n=n: chr(97 + n % 26) * params["size"])
                meter.lap()
        return params["count"]

    def _single(self, params: dict[str, int], ctx: Any) -> str:  # noqa: ANN401 - the library's own context
        return str(ctx.step("step", lambda: str(params["number"])))

    def steps(self, count: int, size: int) -> Costs:
        """Run one task of `count` steps whose outputs have `size` characters."""
        self._meter = Meter()
        self._app.spawn("sequence", {"count": count, "size": size})
        self._app.work_batch()
        return self._meter.result(count)

    def flows(self, count: int) -> Costs:
        """Run `count` tasks of one step."""
        with Meter() as meter:
            for n in range(count):
                task = self._app.spawn("single", {"number": n})
                self._app.work_batch()
                self._app.fetch_task_result(task["task_id"])
                meter.lap()
        return meter.result(count)

    def close(self) -> None:
        """Close the file."""
        self._app.close()

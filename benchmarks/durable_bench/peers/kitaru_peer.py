"""kitaru on its embedded journal, through its public API."""

from __future__ import annotations

import asyncio
import os
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from durable_bench.meter import Meter, resident_bytes

if TYPE_CHECKING:
    from pathlib import Path

import kitaru
from kitaru.hooks import HOOKSPEC_LEVEL, HookManager, PluginCard, get_manager, hookimpl
from kitaru.records.boundary import Boundary
from kitaru.records.facts import ExecutionPaused
from kitaru.records.record import Record
from kitaru.seam import Unit, run_unit

Costs = dict[str, float | None]

_meter = Meter()


@kitaru.checkpoint
def step(number: int, size: int) -> str:
    """Return `size` characters."""
    return chr(97 + number % 26) * size


@kitaru.checkpoint
async def async_step(number: int, size: int) -> str:
    """Return `size` characters."""
    return chr(97 + number % 26) * size


@kitaru.checkpoint
def bytes_step(number: int, size: int) -> bytes:
    """Return `size` bytes."""
    return bytes([number % 256]) * size


@kitaru.flow
def sequence(count: int, size: int) -> int:
    """Run `count` checkpoints one after another."""
    with _meter:
        for n in range(count):
            step(n, size)
            _meter.lap()
    return count


@kitaru.flow
def bytes_sequence(count: int, size: int) -> int:
    """Run `count` checkpoints that return bytes."""
    with _meter:
        for n in range(count):
            bytes_step(n, size)
            _meter.lap()
    return count


@kitaru.flow
def single(number: int) -> str:
    """Run one checkpoint."""
    return step(number, 1)


@kitaru.flow
def fan_out(count: int) -> int:
    """Map one checkpoint over `count` items."""
    with _meter:
        results = step.map(range(count), size=kitaru.unmapped(100)).result()
    return len(results)


@kitaru.flow
async def async_lanes(count: int, lanes: int) -> int:
    """Keep `lanes` checkpoints in flight on one event loop."""

    async def lane(first: int) -> None:
        for n in range(first, count, lanes):
            await async_step(n, 100)

    with _meter:
        await asyncio.gather(*(lane(first) for first in range(lanes)))
    return count


@kitaru.flow
def conversation(start: int, added: int, calls: int) -> int:
    """Hand a growing conversation to `calls` model calls; each adds one message of `added` bytes."""
    messages = [_message(added, n) for n in range(start // added)]
    with _meter:
        for n in range(calls):
            run_unit(Unit(name="model", adapter="bench", kind="model", history=messages), lambda _call: "ok")
            messages = [*messages, _message(added, n)]
            _meter.lap()
    return len(messages)


def _message(size: int, number: int) -> dict[str, str]:
    return {"role": "user" if number % 2 else "assistant", "content": os.urandom(size // 2).hex()}


class Watcher:
    """A plugin that listens at every boundary and does nothing."""

    @hookimpl
    def kitaru_plugin_card(self) -> PluginCard:
        """Say what this is."""
        return PluginCard(name="bench-watcher", hookspec=HOOKSPEC_LEVEL)

    @hookimpl
    def kitaru_checkpoint_admit(self, boundary: Boundary) -> None:
        """Let the boundary run."""

    @hookimpl
    def kitaru_checkpoint_scope(self, boundary: Boundary) -> AbstractContextManager[None]:  # noqa: ARG002 - the hook's
        """Surround the body with nothing."""
        return nullcontext()

    @hookimpl
    def kitaru_record_committed(self, record: Record) -> None:
        """Look away."""


class Peer:
    """One process, one store."""

    version = f"kitaru {kitaru.__version__}"

    def __init__(self, folder: Path) -> None:
        os.environ["KITARU_STORE"] = str(folder / "kitaru.db")
        os.environ["KITARU_CONFIG_PATH"] = str(folder)
        self._folder = folder

    def _measured(self, flow: Any, pieces: int, **inputs: int) -> Costs:  # noqa: ANN401 - flows of several signatures
        global _meter  # noqa: PLW0603 - the flow bodies run on another thread and find their meter here
        _meter = Meter()
        flow.run(**inputs).wait()
        return _meter.result(pieces)

    def steps(self, count: int, size: int) -> Costs:
        """Run one flow of `count` checkpoints whose outputs have `size` characters."""
        return self._measured(sequence, count, count=count, size=size)

    def bytes_steps(self, count: int, size: int) -> Costs:
        """Run one flow of `count` checkpoints whose outputs have `size` bytes."""
        return self._measured(bytes_sequence, count, count=count, size=size)

    def watched_steps(self, count: int, size: int) -> Costs:
        """Run `steps` with a plugin at every boundary."""
        manager = get_manager()
        manager.register(Watcher(), name="bench-watcher")
        try:
            return self.steps(count, size)
        finally:
            manager.unregister("bench-watcher")

    def unheard_hooks(self, count: int) -> Costs:
        """Call every hook of a boundary, and show its two records, `count` times with nobody listening."""
        manager = HookManager()
        boundary = Boundary(execution_id="e", flow="f", name="n", invocation_id="n", call_id="c")
        record = Record("e", 1, ExecutionPaused(at=0.0, waits=[]))
        with Meter() as meter:
            for _ in range(count):
                manager.checkpoint_identity(boundary)
                manager.checkpoint_admit(boundary)
                manager.checkpoint_scope(boundary)
                manager.checkpoint_summary(boundary, 1)
                manager.checkpoint_usage(boundary, 1)
                manager.record_committed(record)
                manager.record_committed(record)
        return meter.result(count)

    def flows(self, count: int) -> Costs:
        """Run `count` flows of one checkpoint, from `run()` to the result."""
        with Meter() as meter:
            for n in range(count):
                single.run(n).wait()
                meter.lap()
        return meter.result(count)

    def fan_out(self, count: int) -> Costs:
        """Map a checkpoint over `count` items."""
        before = resident_bytes()
        costs = self._measured(fan_out, count, count=count)
        return {**costs, "memory": resident_bytes() - before}

    def lanes(self, count: int, lanes: int) -> Costs:
        """Run `count` checkpoints, `lanes` at a time, on one event loop."""
        return self._measured(async_lanes, count, count=count, lanes=lanes)

    def conversation(self, start: int, added: int, calls: int) -> Costs:
        """Run a conversation and report the size of the database and the cost of early and late calls."""
        costs = self._measured(conversation, calls, start=start, added=added, calls=calls)
        tenth = max(1, calls // 10)
        return {
            **costs,
            "early": sum(_meter.laps[:tenth]) / tenth,
            "late": sum(_meter.laps[-tenth:]) / tenth,
        }

    def listing(self, total: int, repeat: int) -> Costs:
        """List the latest 50 of `total` executions."""
        for n in range(total):
            single.run(n).wait()
        client = kitaru.KitaruClient()
        with Meter() as meter:
            for _ in range(repeat):
                client.executions.list(limit=50)
                meter.lap()
        return meter.result(repeat)

    def close(self) -> None:
        """Nothing to close: the store closes with the process."""

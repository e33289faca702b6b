"""The flow that every case runs; it stands at the top of a module, so any process can continue it."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Literal

import msgspec

import kitaru
from kitaru_conformance.harness import AdapterHarness, Answer, Settings
from kitaru_conformance.loading import load_harness
from kitaru_conformance.script import Script
from kitaru_conformance.world import DIE_AT, FOLDER, SECRET, World

__all__ = ["run_here", "scripted"]


@kitaru.flow
def scripted(
    harness: str,
    script: str,
    ledger: str,
    settings: dict[str, object],
    form: str = "sync",
    scope: Literal["flow", "checkpoint"] = "flow",
    times: int = 1,
) -> list[dict[str, object]]:
    """Run a script on a framework.

    Args:
        harness: Reference of the harness.
        script: The script, as JSON.
        ledger: File of the ledger, by its path or by its name in the folder of the ledgers.
        settings: The `Settings`, as JSON-ready data.
        form: `sync`, `async`, `stream`, or the name of an entry point.
        scope: Whether the run stands in the flow's body or inside one checkpoint.
        times: How many runs are made, one after the other.

    Returns:
        What came out of each run.
    """
    run = _inside if scope == "checkpoint" else run_here
    return [run(harness, script, ledger, settings, form) for _ in range(times)]


def run_here(
    harness: str, script: str, ledger: str, settings: dict[str, object], form: str = "sync"
) -> dict[str, object]:
    """Run a script once, wherever this is called.

    Args:
        harness: As for `scripted`.
        script: As for `scripted`.
        ledger: As for `scripted`.
        settings: As for `scripted`.
        form: As for `scripted`, or `plain` for the framework alone.

    Returns:
        What came out, as JSON-ready data; nothing for an entry point.
    """
    one = load_harness(harness)
    told = script.replace("{secret}", os.environ.get(SECRET, ""))
    world = World(Script.decode(told), Path(os.environ.get(FOLDER, ""), ledger), os.environ.get(DIE_AT))
    with one.serve(world):
        answer = _carry_out(one, world, msgspec.convert(settings, Settings), form)
    return msgspec.to_builtins(answer) if isinstance(answer, Answer) else {}


_inside = kitaru.checkpoint(run_here)


def _carry_out(one: AdapterHarness, world: World, settings: Settings, form: str) -> object:
    if form == "sync":
        return one.run(world, settings)
    if form == "async":
        return asyncio.run(one.run_async(world, settings))
    if form == "stream":
        return asyncio.run(one.stream(world, settings))
    if form == "plain":
        return one.plain(world)
    call = one.entry_points()[form].call
    return None if call is None else call(world)

"""Random programs: what a flow does, drawn as plain data, and the flows that carry it out.

A program is a list of operations. Each operation is `[kind, number, detail]`:

* `step`: one direct call; `retrying`: a call whose first `detail` attempts fail;
* `branches`, `map`: `detail` calls at once, submitted or mapped;
* `pause`: a wait that suspends at once; `live`: a wait whose runner stays and polls;
* `broken`: a call that fails until it is repaired; `caught`: a call that always fails, which the flow expects.

Every value that a body returns carries a nonce of that very run of the body, so a second run can never pass unseen.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from typing import TYPE_CHECKING, Any

import kitaru
from kitaru.seam import current_call

if TYPE_CHECKING:
    from pathlib import Path

    from crashes.ledger import Ledger

__all__ = ["Operation", "Program", "Stage", "anchor_of", "draw", "stage"]

Operation = list[Any]
Program = list[Operation]
Value = dict[str, Any]

LIVE_WINDOW = 5.0
KINDS = ("step", "step", "step", "retrying", "branches", "map", "pause", "live", "broken", "caught")


class Stage:
    """What bodies of this process need to know; set once in each life.

    Attributes:
        ledger: Where they write what they do.
        repaired: A file that exists once broken operations have been repaired.
    """

    ledger: Ledger
    repaired: Path


stage = Stage()


class NotRepairedError(Exception):
    """A broken operation has not been repaired yet."""


def draw(source: random.Random, *, live: bool = True) -> Program:
    """Draw a program.

    Args:
        source: Randomness.
        live: Whether it may have waits that another process answers while the runner polls.

    Returns:
        Three to nine operations, the last of which is a plain step.
    """
    program: Program = []
    for number in range(source.randint(2, 8)):
        kind = source.choice(KINDS)
        kind = "pause" if kind == "live" and not live else kind
        detail = source.randint(1, 3) if kind == "retrying" else source.randint(2, 6)
        program.append([kind, number, detail])
    return [*program, ["step", len(program), 0]]


def anchor_of(program: Program, number: int, *, awaited: bool) -> str:
    """Return the selector of an operation that is a single call.

    Args:
        program: The program.
        number: Number of a `step` or `retrying` operation.
        awaited: Whether the program runs in the asynchronous flow.

    Returns:
        What `from_` and `checkpoint.<selector>` take.
    """
    kind = program[number][0]
    before = sum(1 for operation in program[:number] if operation[0] == kind)
    return f"{'async_' if awaited else ''}{kind}#{before + 1}"


def _body(number: int, child: int, failures: int = 0) -> Value:
    call = current_call()
    if call is None:
        msg = "a body runs outside of its boundary"
        raise RuntimeError(msg)
    nonce = os.urandom(6).hex()
    facts = {"execution": call.execution_id, "call": call.invocation_id, "nonce": nonce}
    stage.ledger.write("enter", attempt=call.attempt, number=number, **facts)
    time.sleep(random.random() * 0.0005)  # noqa: S311 - opens windows between threads; nothing depends on it
    if call.attempt <= failures:
        msg = f"attempt {call.attempt} of {failures} that fail"
        raise RuntimeError(msg)
    call.record_usage({"record_id": nonce, "usage": {"total_tokens": 1}})
    return {"number": number, "child": child, "nonce": nonce}


def _fixed(number: int) -> Value:
    if not stage.repaired.exists():
        msg = "not repaired yet"
        raise NotRepairedError(msg)
    return _body(number, 0)


@kitaru.checkpoint
def step(number: int) -> Value:
    """One direct call."""
    return _body(number, 0)


@kitaru.checkpoint
async def async_step(number: int) -> Value:
    """One direct call, awaited."""
    return _body(number, 0)


@kitaru.checkpoint(retries=3)
def retrying(number: int, failures: int) -> Value:
    """A call whose first attempts fail."""
    return _body(number, 0, failures)


@kitaru.checkpoint(retries=3)
async def async_retrying(number: int, failures: int) -> Value:
    """An awaited call whose first attempts fail."""
    return _body(number, 0, failures)


@kitaru.checkpoint
def item(child: int, number: int) -> Value:
    """One of several calls at once."""
    return _body(number, child)


@kitaru.checkpoint
async def async_item(child: int, number: int) -> Value:
    """One of several calls at once, on the event loop."""
    await asyncio.sleep(0)
    return _body(number, child)


@kitaru.checkpoint
def broken(number: int) -> Value:
    """Fail until somebody repairs it."""
    return _fixed(number)


@kitaru.checkpoint
async def async_broken(number: int) -> Value:
    """Fail until somebody repairs it, awaited."""
    return _fixed(number)


@kitaru.checkpoint
def caught() -> None:
    """Fail always."""
    msg = "expected by the flow"
    raise LookupError(msg)


@kitaru.checkpoint
async def async_caught() -> None:
    """Fail always, awaited."""
    msg = "expected by the flow"
    raise LookupError(msg)


def _heard(number: int, value: object) -> object:
    """Note what the flow received; from here on it counts as acknowledged."""
    stage.ledger.write("received", execution=kitaru.current_execution_id(), number=number, value=value)
    return value


def _expect_failure() -> str:
    try:
        caught()
    except LookupError:
        return "caught"
    return "not raised"


def _carry_out(kind: str, number: int, detail: int) -> object:
    value: object
    match kind:
        case "step":
            value = step(number)
        case "retrying":
            value = retrying(number, detail)
        case "branches":
            value = [future.result() for future in [item.submit(child, number) for child in range(detail)]]
        case "map":
            value = item.map(range(detail), number=number).result()
        case "broken":
            value = broken(number)
        case "caught":
            value = _expect_failure()
        case _:
            value = kitaru.wait(schema=int, name=f"{kind}_{number}", timeout=0 if kind == "pause" else LIVE_WINDOW)
    return value


@kitaru.flow
def scheduled(program: list[list[Any]]) -> list[Any]:
    """Carry a program out, one operation after another."""
    return [_heard(number, _carry_out(kind, number, detail)) for kind, number, detail in program]


async def _expect_failure_async() -> str:
    try:
        await async_caught()
    except LookupError:
        return "caught"
    return "not raised"


async def _carry_out_async(kind: str, number: int, detail: int) -> object:
    value: object
    match kind:
        case "step":
            value = await async_step(number)
        case "retrying":
            value = await async_retrying(number, detail)
        case "branches" | "map":
            value = list(await asyncio.gather(*(async_item(child, number) for child in range(detail))))
        case "broken":
            value = await async_broken(number)
        case "caught":
            value = await _expect_failure_async()
        case _:
            window = 0 if kind == "pause" else LIVE_WINDOW
            value = await kitaru.wait_async(schema=int, name=f"{kind}_{number}", timeout=window)
    return value


@kitaru.flow
async def scheduled_async(program: list[list[Any]]) -> list[Any]:
    """Carry a program out on an event loop."""
    return [_heard(number, await _carry_out_async(kind, number, detail)) for kind, number, detail in program]

"""One description of a procedure, driven synchronously or asynchronously.

A procedure is a generator that yields the calls it needs made and receives their results. Each call knows both ways to
be made, so nothing of the logic is written twice and nothing moves to another thread or event loop.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from kitaru.seam import run_unit, run_unit_async

if TYPE_CHECKING:
    from kitaru.seam import Call, Outcome, Unit

__all__ = ["Procedure", "Step", "drive", "drive_async", "plain", "unit_step"]

T = TypeVar("T")
Procedure = Generator["Step", Any, T]


def _other_way() -> NoReturn:
    msg = "This call was made for the other way of driving; synchronous and asynchronous hooks do not mix."
    raise RuntimeError(msg)


@dataclass(frozen=True)
class Step:
    """A call that a procedure needs made; a hook that exists one way only gives one of the two.

    Attributes:
        run: Makes it on this thread.
        run_async: Makes it on this event loop.
    """

    run: Callable[[], object] = _other_way
    run_async: Callable[[], Awaitable[object]] = _other_way


def drive(procedure: Procedure[T]) -> T:
    """Run a procedure to its end on this thread.

    Args:
        procedure: The procedure.

    Returns:
        What it returns.
    """
    try:
        step = next(procedure)
        while True:
            try:
                value = step.run()
            except BaseException as error:  # noqa: BLE001 - handed to the procedure, which decides
                step = procedure.throw(error)
            else:
                step = procedure.send(value)
    except StopIteration as stop:
        result: T = stop.value
        return result


async def drive_async(procedure: Procedure[T]) -> T:
    """Run a procedure to its end on this event loop.

    Args:
        procedure: The procedure.

    Returns:
        What it returns.
    """
    try:
        step = next(procedure)
        while True:
            try:
                value = await step.run_async()
            except BaseException as error:  # noqa: BLE001 - handed to the procedure, which decides
                step = procedure.throw(error)
            else:
                step = procedure.send(value)
    except StopIteration as stop:
        result: T = stop.value
        return result


def plain(function: Callable[[], object]) -> Step:
    """Return a step for a call that is the same both ways and does not block for long."""

    async def call() -> object:
        return function()

    return Step(function, call)


def unit_step(unit: Unit, body: Callable[[Call], Procedure[object]]) -> Step:
    """Return the step that runs a procedure as the body of a unit.

    Args:
        unit: The boundary.
        body: Builds the procedure for one attempt.

    Returns:
        A step that gives an `Outcome`.
    """

    def run() -> Outcome[object]:
        return run_unit(unit, lambda call: drive(body(call)))

    async def run_async() -> Outcome[object]:
        return await run_unit_async(unit, lambda call: drive_async(body(call)))

    return Step(run, run_async)

"""A flow opened around something that was started outside of any flow."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, TypeVar

from kitaru.deferred import asyncio
from kitaru.engine import payloads
from kitaru.engine.executions import FlowCode, StartOptions, create_run
from kitaru.engine.ids import normalise
from kitaru.engine.journals import default_journal
from kitaru.engine.runner import conclude, settle_body
from kitaru.engine.scope import current_boundary, current_run
from kitaru.errors import KitaruContextError

if TYPE_CHECKING:
    from kitaru.engine.run import Run

__all__ = ["automatic_flow", "automatic_flow_async"]

T = TypeVar("T")


def automatic_flow(name: str, body: Callable[[], T], *, inputs: Mapping[str, object] | None = None) -> T:
    """Open a flow around a body, on the caller's thread.

    Such a flow has no code of its own that another process could find, so it can be inspected and replayed from Python,
    but not retried from the command line; wrap the call in a `@flow` for that.

    Args:
        name: Name of the flow.
        body: The work.
        inputs: Kept for inspection.

    Returns:
        What the body returned, live.

    Raises:
        KitaruContextError: A flow is running here already.
        BaseException: Whatever the body raised, unchanged.
    """
    run = _open(name, body, inputs)

    def work() -> T:
        current_run.set(run)
        return body()

    error: BaseException | None = None
    try:
        value = copy_context().run(work)
        settle_body(run)
    except BaseException as caught:
        error = caught
        raise
    finally:
        conclude(run, error)
    return value


async def automatic_flow_async(
    name: str, body: Callable[[], Awaitable[T]], *, inputs: Mapping[str, object] | None = None
) -> T:
    """Open a flow around a coroutine, on the caller's loop and task; see `automatic_flow`.

    Args:
        name: Name of the flow.
        body: The work.
        inputs: Kept for inspection.

    Returns:
        What the body returned, live.
    """
    run = await _opened(asyncio.to_thread(_open, name, body, inputs))
    run.home_task = asyncio.current_task()
    token = current_run.set(run)
    error: BaseException | None = None
    try:
        value = await body()
        await asyncio.to_thread(settle_body, run)
    except BaseException as caught:
        error = caught
        raise
    finally:
        current_run.reset(token)
        await asyncio.shield(asyncio.to_thread(conclude, run, error))
    return value


async def _opened(opening: Coroutine[Any, Any, Run]) -> Run:
    """Wait for a flow that is being opened in a thread; it ends with the caller if that is cancelled meanwhile."""
    work = asyncio.ensure_future(opening)
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError as caught:
        run = await work
        await asyncio.to_thread(conclude, run, caught)
        raise


def _open(name: str, body: Callable[[], object], inputs: Mapping[str, object] | None) -> Run:
    if current_run.get() is not None or current_boundary.get() is not None:
        msg = f"The flow {name!r} cannot be opened here, because a flow is running already and flows do not nest."
        raise KitaruContextError(msg)
    code = FlowCode(
        name=normalise(name, "flow"),
        function=body,
        module=str(getattr(body, "__module__", "")),
        qualname=f"<automatic>.{name}",
    )
    arguments = {"args": [], "kwargs": payloads.plain_inputs(inputs or {})}
    run, _ = create_run(default_journal(), code, arguments, StartOptions(spec={"automatic": True}))
    return run

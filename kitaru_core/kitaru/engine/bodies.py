"""Running the body of an attempt: its scope, its hooks, its time limit."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from contextvars import copy_context
from typing import TYPE_CHECKING, TypeVar

from kitaru.deferred import asyncio
from kitaru.engine.scope import current_boundary
from kitaru.handover import settle

if TYPE_CHECKING:
    from kitaru.engine.call import Call

__all__ = ["boundary_scope", "plugin_scopes", "present_boundary", "run_body", "run_body_async"]

T = TypeVar("T")


@contextmanager
def boundary_scope(call: Call) -> Iterator[None]:
    """Make a call the present boundary, and enter what plugins put around it."""
    with plugin_scopes(call), present_boundary(call):
        try:
            yield
        finally:
            call.close()


@contextmanager
def plugin_scopes(call: Call) -> Iterator[None]:
    """Ask plugins whether the body of an attempt may run, and enter what they put around it."""
    hooks = call.run.hooks
    if hooks is None:
        yield
        return
    with ExitStack() as stack:
        boundary = call.boundary
        hooks.checkpoint_admit(boundary)
        for manager in hooks.checkpoint_scope(boundary):
            stack.enter_context(manager)
        yield


@contextmanager
def present_boundary(call: Call) -> Iterator[None]:
    """Make a call the present boundary."""
    token = current_boundary.set(call)
    try:
        yield
    finally:
        current_boundary.reset(token)


def run_body(call: Call, body: Callable[[Call], T]) -> T:
    """Run a synchronous body in the scope of its call."""
    limit = call.unit.timeout
    if limit is not None:
        with boundary_scope(call):
            return _limited(call, body, limit)
    if call.run.hooks is not None:
        with boundary_scope(call):
            return body(call)
    token = current_boundary.set(call)
    try:
        return body(call)
    finally:
        current_boundary.reset(token)
        call.close()


async def run_body_async(call: Call, body: Callable[[Call], Awaitable[T]]) -> T:
    """Await a coroutine body in the scope of its call, on the running loop and task."""
    if call.unit.timeout is None and call.run.hooks is None:
        token = current_boundary.set(call)
        try:
            return await body(call)
        finally:
            current_boundary.reset(token)
            call.close()
    with boundary_scope(call):
        if call.unit.timeout is None:
            return await body(call)
        async with asyncio.timeout(call.unit.timeout):
            return await body(call)


def _limited(call: Call, body: Callable[[Call], T], limit: float) -> T:
    """Run a body in a thread of its own and give up on it when its time is over.

    A thread cannot be stopped from outside; the abandoned body may still act, which is why the error says so.
    """
    ended: Future[T] = Future()
    thread = threading.Thread(
        target=copy_context().run,
        args=(settle, ended, lambda: body(call)),
        name=f"kitaru-{call.invocation_id}",
        daemon=True,
    )
    thread.start()
    thread.join(limit)
    if thread.is_alive():
        msg = (
            f"Checkpoint {call.invocation_id!r} took longer than its timeout of {limit:g} s. Its thread cannot be "
            "stopped and may still act; make the body asynchronous, or run it isolated, to have it ended."
        )
        raise TimeoutError(msg)
    return ended.result()

"""`KitaruAsyncClient`: the client for code that runs on an event loop."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Callable, Collection, Coroutine
from typing import Any

from kitaru.operating.client import KitaruClient
from kitaru.operating.watching import EventFilter, ExecutionEvent, watch_async

__all__ = ["AsyncExecutions", "AsyncNamespace", "KitaruAsyncClient"]


class AsyncNamespace:
    """The methods of a namespace as coroutines; they wait in a thread and leave the event loop free.

    Args:
        namespace: The namespace.
    """

    def __init__(self, namespace: object) -> None:
        self._namespace = namespace

    def __getattr__(self, name: str) -> Callable[..., Coroutine[Any, Any, Any]]:
        method = getattr(self._namespace, name)
        if name.startswith("_") or not callable(method):
            msg = f"{type(self._namespace).__name__!r} has no method {name!r}"
            raise AttributeError(msg)

        @functools.wraps(method)
        async def call(*args: object, **kwargs: object) -> Any:  # noqa: ANN401 - what the method returns
            return await asyncio.to_thread(method, *args, **kwargs)

        return call

    def __dir__(self) -> list[str]:
        return [name for name in dir(self._namespace) if not name.startswith("_")]


class AsyncExecutions(AsyncNamespace):
    """`client.executions` with coroutines instead of methods; `events` is an asynchronous iterator."""

    async def events(
        self,
        exec_id: str,
        *,
        kinds: Collection[str] | None = None,
        checkpoint: str | None = None,
        correlation_ids: Collection[str] | None = None,
        since: str | None = None,
    ) -> AsyncIterator[ExecutionEvent]:
        """Watch an execution; see `KitaruClient.executions.events`.

        Args:
            exec_id: The execution.
            kinds: Only events of these kinds.
            checkpoint: Only of this checkpoint.
            correlation_ids: Only of these groups.
            since: The `cursor` of the last event that was seen.

        Yields:
            The events.
        """
        wanted = EventFilter.of(kinds, checkpoint, correlation_ids)
        journal = self._namespace._journal  # type: ignore[attr-defined]  # noqa: SLF001 - it is the namespace of executions
        async for event in watch_async(journal, exec_id, wanted, since=since):
            yield event


class KitaruAsyncClient:
    """Inspects and controls executions as `KitaruClient` does, with a coroutine for each of its methods.

    Args:
        **settings: As for `KitaruClient`.

    Attributes:
        executions: Executions.
        artifacts: Stored values.
        waits: Open waits of all executions.
    """

    def __init__(self, **settings: Any) -> None:  # noqa: ANN401 - those of the other client, which checks them
        client = KitaruClient(**settings)
        self.executions: AsyncExecutions = AsyncExecutions(client.executions)
        self.artifacts = AsyncNamespace(client.artifacts)
        self.waits = AsyncNamespace(client.waits)

"""`KitaruAsyncClient`: the client for code that runs on an event loop."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Concatenate, Generic, Literal, ParamSpec, TypeAlias, TypeVar, overload

from kitaru.deferred import asyncio
from kitaru.operating.artifacts import ArtifactsNamespace
from kitaru.operating.client import KitaruClient
from kitaru.operating.executions import ExecutionsNamespace
from kitaru.operating.logs import LogEntry, LogFilter, follow_logs_async
from kitaru.operating.waits import WaitsNamespace
from kitaru.operating.watching import EventFilter, ExecutionEvent, watch_async

if TYPE_CHECKING:
    from kitaru.engine.replay import ReplayPlan
    from kitaru.operating.models import Execution

__all__ = ["AsyncArtifacts", "AsyncExecutions", "AsyncNamespace", "AsyncWaits", "KitaruAsyncClient", "Twin"]

N = TypeVar("N")
P = ParamSpec("P")
R = TypeVar("R")
LogEntries: TypeAlias = list[LogEntry]
Async: TypeAlias = Coroutine[Any, Any, R]


class AsyncNamespace(Generic[N]):
    """The methods of a namespace as coroutines; they wait in a thread and leave the event loop free.

    Args:
        namespace: The namespace.
    """

    def __init__(self, namespace: N) -> None:
        self._namespace = namespace


class Twin(Generic[P, R]):
    """A method of a namespace as a coroutine, with the same parameters.

    Args:
        method: The method.
    """

    def __init__(self, method: Callable[Concatenate[Any, P], R]) -> None:
        self._method = method
        self.__doc__ = method.__doc__

    def __get__(self, instance: AsyncNamespace[Any], owner: type) -> Callable[P, Async[R]]:
        """Bind the method to the namespace of an asynchronous client."""
        method = self._method

        @functools.wraps(method)
        async def call(*args: P.args, **kwargs: P.kwargs) -> R:
            return await asyncio.to_thread(method, instance._namespace, *args, **kwargs)  # noqa: SLF001 - in one module

        return call


class AsyncExecutions(AsyncNamespace[ExecutionsNamespace]):
    """`client.executions` with coroutines instead of methods; `events` and followed logs are asynchronous iterators."""

    get = Twin(ExecutionsNamespace.get)
    list = Twin(ExecutionsNamespace.list)
    latest = Twin(ExecutionsNamespace.latest)
    result = Twin(ExecutionsNamespace.result)
    pending_waits = Twin(ExecutionsNamespace.pending_waits)
    input = Twin(ExecutionsNamespace.input)
    abort_wait = Twin(ExecutionsNamespace.abort_wait)
    retry = Twin(ExecutionsNamespace.retry)
    resume = Twin(ExecutionsNamespace.resume)
    cancel = Twin(ExecutionsNamespace.cancel)
    verify = Twin(ExecutionsNamespace.verify)
    wait = Twin(ExecutionsNamespace.wait)
    statistics = Twin(ExecutionsNamespace.statistics)
    why = Twin(ExecutionsNamespace.why)
    check = Twin(ExecutionsNamespace.check)
    diff = Twin(ExecutionsNamespace.diff)
    export = Twin(ExecutionsNamespace.export)
    import_ = Twin(ExecutionsNamespace.import_)
    delete = Twin(ExecutionsNamespace.delete)
    prune = Twin(ExecutionsNamespace.prune)

    @overload
    def replay(
        self,
        exec_id: str,
        *,
        from_: str,
        overrides: Mapping[str, object] | None = None,
        dry_run: Literal[False] = False,
        reuse_waits: bool = False,
        **flow_inputs: object,
    ) -> Async[Execution]: ...
    @overload
    def replay(
        self,
        exec_id: str,
        *,
        from_: str,
        overrides: Mapping[str, object] | None = None,
        dry_run: Literal[True],
        reuse_waits: bool = False,
        **flow_inputs: object,
    ) -> Async[ReplayPlan]: ...
    async def replay(self, exec_id: str, *, from_: str, **options: Any) -> Execution | ReplayPlan:
        """Derive a new execution; see `KitaruClient.executions.replay`.

        Args:
            exec_id: The source.
            from_: Name, invocation id or call id of the checkpoint to run from, or `name#n`.
            **options: As there.

        Returns:
            A snapshot of the new execution, or the `ReplayPlan` for a dry run.

        Raises:
            KitaruError: As there.
        """
        found: Execution | ReplayPlan = await asyncio.to_thread(
            lambda: self._namespace.replay(exec_id, from_=from_, **options)
        )
        return found

    @overload
    def logs(
        self,
        exec_id: str,
        *,
        checkpoint: str | None = None,
        source: str = "step",
        limit: int | None = None,
        since: datetime | None = None,
        follow: Literal[False] = False,
    ) -> Async[LogEntries]: ...
    @overload
    def logs(
        self,
        exec_id: str,
        *,
        checkpoint: str | None = None,
        source: str = "step",
        limit: int | None = None,
        since: datetime | None = None,
        follow: Literal[True],
    ) -> AsyncIterator[LogEntry]: ...
    def logs(self, exec_id: str, *, follow: bool = False, **wanted: Any) -> Async[LogEntries] | AsyncIterator[LogEntry]:
        """Return what the code of an execution printed and logged; see `KitaruClient.executions.logs`.

        Args:
            exec_id: The execution.
            follow: Whether to go on until the execution rests.
            **wanted: As there.

        Returns:
            A coroutine that gives the lines; with `follow` an asynchronous iterator of them.

        Raises:
            KitaruUsageError: A filter cannot be.
        """
        chosen = LogFilter(**wanted)
        if follow:
            return follow_logs_async(self._namespace._journal, exec_id, chosen)  # noqa: SLF001 - in one room
        return asyncio.to_thread(lambda: self._namespace.logs(exec_id, **wanted))

    async def events(
        self,
        exec_id: str,
        *,
        kinds: Collection[str] | None = None,
        checkpoint: str | None = None,
        correlation_ids: Collection[str] | None = None,
        since: str | None = None,
        reconnect: bool = True,
    ) -> AsyncIterator[ExecutionEvent]:
        """Watch an execution; see `KitaruClient.executions.events`.

        Args:
            exec_id: The execution.
            kinds: Only events of these kinds.
            checkpoint: Only of this checkpoint.
            correlation_ids: Only of these groups.
            since: The `cursor` of the last event that was seen.
            reconnect: For a server, whose connection may break; a store of this machine has none.

        Yields:
            The events.

        Raises:
            KitaruNotFoundError: There is no such execution.
            KitaruUsageError: A filter is blank, or the cursor is none.
        """
        del reconnect
        wanted = EventFilter.of(kinds, checkpoint, correlation_ids)
        async for event in watch_async(self._namespace._journal, exec_id, wanted, since=since):  # noqa: SLF001 - in one room
            yield event


class AsyncArtifacts(AsyncNamespace[ArtifactsNamespace]):
    """`client.artifacts` with coroutines instead of methods."""

    list = Twin(ArtifactsNamespace.list)
    get = Twin(ArtifactsNamespace.get)


class AsyncWaits(AsyncNamespace[WaitsNamespace]):
    """`client.waits` with coroutines instead of methods."""

    list = Twin(WaitsNamespace.list)


class KitaruAsyncClient:
    """Inspects and controls executions as `KitaruClient` does, with a coroutine for each of its methods.

    Args:
        store: As for `KitaruClient`.
        surface: As for `KitaruClient`.
        **server: The settings of the server, as for `KitaruClient`.

    Attributes:
        executions: Executions.
        artifacts: Stored values.
        waits: Open waits of all executions.

    Raises:
        KitaruFeatureNotAvailableError: A server setting was given.
        KitaruJournalError: The store cannot be used.
    """

    def __init__(self, *, store: str | None = None, surface: str = "python", **server: str | None) -> None:
        client = KitaruClient(store=store, surface=surface, **server)
        self.executions: AsyncExecutions = AsyncExecutions(client.executions)
        self.artifacts: AsyncArtifacts = AsyncArtifacts(client.artifacts)
        self.waits: AsyncWaits = AsyncWaits(client.waits)

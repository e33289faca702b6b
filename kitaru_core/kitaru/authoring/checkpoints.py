"""`@checkpoint`: a unit of work whose output is kept."""

from __future__ import annotations

import functools
import inspect
import itertools
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, Protocol, TypeVar, cast, overload

from kitaru.authoring import parameters
from kitaru.authoring.arguments import Args, Async, Kwargs, found_futures, mapped, may_hold_futures, resolved
from kitaru.deferred import asyncio, pydantic
from kitaru.engine.boundary import enter, finish_entered, run_entered, run_entered_async
from kitaru.engine.caching import bound_values
from kitaru.engine.executions import source_digest
from kitaru.engine.fanout import AnyFuture, CheckpointFuture, MapFuture, keep_future, submit_entry
from kitaru.engine.ids import normalise
from kitaru.engine.retrying import RetryPolicy, as_policy
from kitaru.engine.scope import flow_scope
from kitaru.engine.unit import Outcome, Unit
from kitaru.errors import KitaruUsageError
from kitaru.targets.api import INLINE
from kitaru.targets.registry import check_target

if TYPE_CHECKING:
    from kitaru.engine.boundary import Entry
    from kitaru.engine.call import Call
    from kitaru.engine.run import Run
    from kitaru.records.boundary import Effect

__all__ = ["Checkpoint", "CheckpointDecorator", "checkpoint"]

P = ParamSpec("P")
R = TypeVar("R")
V = TypeVar("V")

_RESERVED = frozenset({"after", "id"})
_HERE = (None, INLINE)
_EFFECTS = ("pure", "idempotent", "irreversible")


class Checkpoint(Generic[P, R, V]):
    """A checkpoint: called in a flow's body, it runs once and its value is read back from then on.

    Its type has what it takes, what a call gives and what it comes to: the last two differ where it is asynchronous.

    Attributes:
        function: The decorated function.
        name: The checkpoint's name.
    """

    def __init__(  # noqa: PLR0913 - keyword-only options of a decorator
        self,
        function: Callable[P, R],
        *,
        retries: int | RetryPolicy = 0,
        type: str | None = None,  # noqa: A002 - the name users know
        runtime: str | None = None,
        cache: bool | None = None,
        effect: Effect | None = None,
        reconcile: Callable[..., object] | None = None,
        business_key: Callable[..., str] | None = None,
        timeout: float | None = None,
        version: str | None = None,
    ) -> None:
        functools.update_wrapper(self, function)
        self.function: Callable[P, Any] = function
        self.name: str = normalise(function.__name__, "checkpoint")
        self.is_async: bool = inspect.iscoroutinefunction(function)
        self.version = version
        self._signature = parameters.check_reserved(function, _RESERVED, "checkpoint")
        self._business_key = business_key
        self._plain = _is_plain(self._signature)
        self._names = tuple(self._signature.parameters)
        self._unit: dict[str, Any] = {
            "name": self.name,
            "type": type,
            "retries": as_policy(retries),
            "runtime": check_target(runtime),
            "cache": cache,
            "effect": _checked_choice("effect", effect, _EFFECTS),
            "reconcile": reconcile,
            "timeout": _checked_timeout(timeout),
            "validate": self._validate,
        }

    @overload
    def __call__(self, /, *args: P.args, **kwargs: P.kwargs) -> R: ...
    @overload
    def __call__(self, /, *args: object, id: str, after: object = None, **kwargs: object) -> R: ...
    @overload
    def __call__(self, /, *args: object, after: object, **kwargs: object) -> R: ...
    @overload
    def __call__(self, first: AnyFuture | MapFuture[Any], /, *args: object, **kwargs: object) -> R: ...
    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        """Run the checkpoint in the flow's body and return its value.

        In an asynchronous flow an asynchronous checkpoint returns an awaitable, in a synchronous flow its value.

        Args:
            *args: Arguments of the function; futures are waited for and replaced by their values.
            **kwargs: Arguments of the function; also `id=`, an invocation id, and `after=`, futures to wait for first.

        Returns:
            The function's value, decoded from what was stored.

        Raises:
            KitaruContextError: Called outside of a flow's body.
            KitaruEncodingError: The value cannot be stored.
            Exception: Whatever the function raised.
        """
        run = flow_scope(f"The checkpoint {self.name!r}")
        explicit, after = kwargs.pop("id", None), kwargs.pop("after", None)
        if self.is_async and _in_running_loop():
            return self._call_async(run, explicit, after, args, kwargs)
        parents = _wait_for(after) if after is not None else []
        if may_hold_futures(args, kwargs):
            parents += found_futures((args, kwargs))
            args, kwargs = resolved(args), resolved(kwargs)
        entry = self._enter(run, explicit, parents, (args, kwargs))
        return self._finish(entry, args, kwargs).value

    def _call_async(self, run: Run, explicit: str | None, after: object, args: Args, kwargs: Kwargs) -> Async[Any]:
        """Take the place of the call now, and work when awaited: `gather` keeps the order of the body."""
        _check_after(after)
        waiting = [*_futures_of(after), *found_futures((args, kwargs), futures=True)]
        parents = [future.call_id for future in waiting]
        entry = self._enter(run, explicit, parents, None if waiting else (args, kwargs))

        async def value() -> Any:  # noqa: ANN401 - the function's value
            for future in waiting:
                await asyncio.to_thread(future.wait)
            return (await self._finish_async(entry, resolved(args), resolved(kwargs))).value

        return value()

    def submit(self, *args: Any, id: str | None = None, after: object = None, **kwargs: Any) -> CheckpointFuture[V]:  # noqa: A002, ANN401 - the function's own parameters beside ours
        """Run the checkpoint beside the flow's body.

        Args:
            *args: Arguments of the function; futures are waited for and replaced by their values.
            id: Invocation id.
            after: Futures to wait for first.
            **kwargs: Arguments of the function.

        Returns:
            A future. A failure at whose outcome the flow never looks fails the execution.

        Raises:
            KitaruContextError: Called outside of a flow's body.
            KitaruUsageError: The id is used twice, or `after` holds something else than futures.
        """
        run = flow_scope(f"{self.name}.submit()")
        _check_after(after)
        return self._submit(run, id, None, _futures_of(after), args, kwargs)

    def map(self, *args: Any, after: object = None, **kwargs: Any) -> MapFuture[V]:  # noqa: ANN401 - as for `submit`
        """Run the checkpoint for each item of its mapped arguments, which are gone through side by side.

        Lists, tuples, ranges and other iterables are mapped; text, mappings, single values and what is wrapped in
        `kitaru.unmapped(...)` go to every call.

        Args:
            *args: Arguments of the function.
            after: Futures to wait for first.
            **kwargs: Arguments of the function.

        Returns:
            The futures, in input order.

        Raises:
            KitaruUsageError: Nothing is mapped, or the lengths differ.
        """
        return self._fan_out("map", args, kwargs, after)

    def product(self, *args: Any, after: object = None, **kwargs: Any) -> MapFuture[V]:  # noqa: ANN401 - as for `submit`
        """Run the checkpoint for each combination of its mapped arguments, the last one changing fastest.

        Args:
            *args: As for `map`.
            after: Futures to wait for first.
            **kwargs: As for `map`.

        Returns:
            The futures, in that order.

        Raises:
            KitaruUsageError: Nothing is mapped.
        """
        return self._fan_out("product", args, kwargs, after)

    def _fan_out(self, kind: str, args: Args, kwargs: dict[str, Any], after: object) -> MapFuture[V]:
        run = flow_scope(f"{self.name}.{kind}()")
        _check_after(after)
        columns, rows = mapped(f"{self.name}.{kind}()", args, kwargs, product=kind == "product")
        label = run.ledger.find(f"map:{self.name}")
        group = label.removeprefix("map:")
        parents = _futures_of(after)
        futures = [self._submit(run, f"map:{group}:{n}", group, parents, *columns(row)) for n, row in enumerate(rows)]
        return MapFuture(group, futures)

    def _submit(
        self,
        run: Run,
        explicit: str | None,
        group: str | None,
        after: Sequence[AnyFuture],
        args: Args,
        kwargs: Kwargs,
    ) -> CheckpointFuture[V]:
        waiting = [*after, *found_futures((args, kwargs), futures=True)]
        parents = [future.call_id for future in waiting]
        # A call's inputs are known when its place is taken, unless they are still being computed.
        entry = self._enter(run, explicit, parents, None if waiting else (args, kwargs), group)
        # It runs beside the body, so what is recorded after it says nothing about it.
        entry.concurrent = True
        if self.is_async and _in_running_loop():
            return self._submit_task(run, entry, waiting, args, kwargs)

        def work(result: Future[Outcome[V]]) -> None:
            given: tuple[Args, Kwargs] = args, kwargs
            if waiting:
                for future in waiting:
                    future.wait()
                given = resolved(args), resolved(kwargs)
            if self.is_async or entry.unit.runtime not in _HERE:
                result.set_result(self._finish(entry, *given))
            else:
                function = self.function
                finish_entered(entry, lambda _call: function(*given[0], **given[1]), result)

        return submit_entry(run, entry, work)

    def _submit_task(
        self,
        run: Run,
        entry: Entry,
        waiting: Sequence[AnyFuture],
        args: Args,
        kwargs: Kwargs,
    ) -> CheckpointFuture[V]:
        """Run an asynchronous checkpoint as a task of the running loop; no thread is used."""
        result: Future[Outcome[V]] = Future()

        async def work() -> None:
            try:
                for future in waiting:
                    await asyncio.to_thread(future.wait)
                outcome = await self._finish_async(entry, resolved(args), resolved(kwargs))
            except BaseException as error:  # noqa: BLE001 - handed to whoever looks at the future
                result.set_exception(error)
            else:
                result.set_result(outcome)

        task = asyncio.get_running_loop().create_task(work())
        run.tasks.add(task)
        task.add_done_callback(run.tasks.discard)
        future: CheckpointFuture[V] = CheckpointFuture(entry, result)
        keep_future(run, future)
        return future

    def _enter(
        self,
        run: Run,
        explicit: str | None,
        parents: Sequence[str],
        given: tuple[Args, Kwargs] | None,
        group: str | None = None,
    ) -> Entry:
        args, kwargs = given or ((), {})
        key = None if self._business_key is None else str(self._business_key(*args, **kwargs))
        unit = Unit(
            id=explicit,
            inputs=self._inputs(args, kwargs),
            parents=parents,
            group=group,
            business_key=key,
            # While inputs are still being computed nothing tells this call from others, so no cache may answer it.
            code=None if given is None else self._code_state,
            **self._unit,
        )
        return enter(run, unit)

    def _code_state(self) -> str | None:
        """What stands for the function's code in the key of the result cache: its place, its text, what it is bound to.

        A `version=` stands for the text and for what it is bound to.
        """
        function = self.function
        place = f"{function.__module__}:{function.__qualname__}"
        if self.version is not None:
            return f"{place}:{self.version}"
        bound = bound_values(function)
        return None if self._source is None or bound is None else f"{place}:{self._source}:{bound}"

    @functools.cached_property
    def _source(self) -> str | None:
        return source_digest(self.function)

    def _inputs(self, args: Args, kwargs: Kwargs) -> dict[str, Any]:
        """Name the arguments; a wrong call is left for the function itself to complain about."""
        if self._plain and len(args) <= len(self._names):
            return {**dict(zip(self._names, args, strict=False)), **kwargs}
        try:
            bound = self._signature.bind(*args, **kwargs)
        except TypeError:
            return {"args": list(args), **kwargs}
        return dict(bound.arguments)

    def _finish(self, entry: Entry, args: Args, kwargs: Kwargs) -> Outcome[V]:
        if entry.unit.runtime not in _HERE:
            from kitaru.engine.isolated import run_elsewhere

            return run_entered(entry, lambda call: run_elsewhere(call, self.function, args, kwargs))
        if self.is_async:
            return asyncio.run(self._finish_async(entry, args, kwargs))
        function = self.function
        return run_entered(entry, lambda _call: function(*args, **kwargs))

    async def _finish_async(self, entry: Entry, args: Args, kwargs: Kwargs) -> Outcome[V]:
        if entry.unit.runtime not in _HERE:
            return await asyncio.to_thread(self._finish, entry, args, kwargs)
        function = self.function

        async def body(_call: Call) -> V:
            value: V = await function(*args, **kwargs)
            return value

        return await run_entered_async(entry, body)

    def _validate(self, value: object) -> object:
        """Check an override's value against the return annotation."""
        try:
            hint = inspect.signature(self.function, eval_str=True).return_annotation
        except (NameError, TypeError):
            return value
        if hint is inspect.Signature.empty:
            return value
        try:
            return pydantic.TypeAdapter(hint).validate_python(value)
        except pydantic.errors.PydanticSchemaGenerationError:
            return value
        except ValueError as error:
            msg = f"The override of {self.name!r} does not fit its return annotation {hint!r}: {error}"
            raise KitaruUsageError(msg) from error

    def __repr__(self) -> str:
        return f"<Checkpoint {self.name}>"


def _is_plain(signature: inspect.Signature) -> bool:
    return all(item.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD for item in signature.parameters.values())


def _in_running_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _checked_choice(what: str, value: str | None, choices: Iterable[str]) -> str | None:
    if value is None:
        return None
    cleaned = value.strip().casefold() if isinstance(value, str) else value
    if cleaned not in choices:
        msg = f"{what}={value!r} is not known; use one of: {', '.join(choices)}, or leave it out."
        raise KitaruUsageError(msg)
    return cleaned


def _checked_timeout(timeout: float | None) -> float | None:
    if timeout is not None and (isinstance(timeout, bool) or not isinstance(timeout, int | float) or timeout <= 0):
        msg = f"timeout must be a number of seconds above 0, not {timeout!r}."
        raise KitaruUsageError(msg)
    return timeout


def _futures_of(after: object) -> list[AnyFuture]:
    if after is None:
        return []
    if isinstance(after, CheckpointFuture):
        return [after]
    if isinstance(after, MapFuture):
        return list(after.futures)
    return list(itertools.chain.from_iterable(_futures_of(item) for item in cast("Iterable[object]", after)))


def _check_after(after: object) -> None:
    if after is None or isinstance(after, CheckpointFuture | MapFuture):
        return
    if isinstance(after, Sequence) and not isinstance(after, str | bytes):
        for item in after:
            _check_after(item)
        return
    msg = f"after= takes futures of checkpoints, not a {type(after).__name__}."
    raise KitaruUsageError(msg)


def _wait_for(after: object) -> list[str]:
    _check_after(after)
    futures = _futures_of(after)
    for future in futures:
        future.wait()
    return [future.call_id for future in futures]


class CheckpointDecorator(Protocol):
    """What `@checkpoint(...)` with keywords returns."""

    @overload
    def __call__(self, func: Callable[P, Async[V]], /) -> Checkpoint[P, Async[V], V]: ...
    @overload
    def __call__(self, func: Callable[P, V], /) -> Checkpoint[P, V, V]: ...


@overload
def checkpoint(func: Callable[P, Async[V]], /) -> Checkpoint[P, Async[V], V]: ...
@overload
def checkpoint(func: Callable[P, V], /) -> Checkpoint[P, V, V]: ...
@overload
def checkpoint(
    func: None = None,
    /,
    *,
    retries: int | RetryPolicy = 0,
    type: str | None = None,
    runtime: str | None = None,
    cache: bool | None = None,
    effect: Effect | None = None,
    reconcile: Callable[..., object] | None = None,
    business_key: Callable[..., str] | None = None,
    timeout: float | None = None,
    version: str | None = None,
) -> CheckpointDecorator: ...
def checkpoint(func: Callable[..., object] | None = None, /, **options: Any) -> Any:
    """Make a function a unit of work whose output is kept and that is a place to replay from.

    Args:
        func: The function, when used as a bare decorator.
        **options: `retries`, a number or a `RetryPolicy`; `type`, a label such as `llm_call` or `tool_call`; `runtime`,
            `inline`, `isolated` (a child process of its own) or a target that a plugin offers; `cache`, whether its
            values may be shared across executions; `effect`, what running it twice would mean (`pure`, `idempotent`,
            `irreversible`); `reconcile`, for an irreversible one, a function that says what became of a call whose
            outcome is unknown; `business_key`, a function of the arguments whose text goes into the idempotency key;
            `timeout`, seconds an attempt may take; `version`, replaces the digest of the source text in the cache key.

    Returns:
        The checkpoint, or a decorator that makes one.

    Raises:
        KitaruUsageError: An option cannot be, or a parameter has a reserved name.
    """

    def decorate(function: Callable[..., object]) -> Checkpoint[..., Any, Any]:
        if not inspect.isroutine(function):
            msg = f"@checkpoint decorates a function, not a {function.__class__.__name__}."
            raise KitaruUsageError(msg)
        return Checkpoint(function, **options)

    return decorate if func is None else decorate(func)

"""`@flow`: the durable outer boundary around a run."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, NoReturn, ParamSpec, Protocol, TypeVar, overload

from kitaru.authoring import parameters
from kitaru.authoring.arguments import Args, Async, Kwargs
from kitaru.authoring.handles import FlowHandle
from kitaru.deferred import asyncio
from kitaru.engine.executions import (
    FlowCode,
    StartOptions,
    flow_inputs,
    plan_replay,
    source_digest,
    start_execution,
    start_replay,
    started_fact,
)
from kitaru.engine.ids import normalise
from kitaru.engine.journals import default_journal
from kitaru.engine.loader import register_flow
from kitaru.engine.scope import current_run
from kitaru.errors import KitaruContextError, KitaruEncodingError, KitaruFeatureNotAvailableError, KitaruUsageError

if TYPE_CHECKING:
    from kitaru.engine.replay import ReplayPlan
    from kitaru.settings.resolve import ExecutionSettings

__all__ = ["Flow", "FlowDecorator", "flow"]

P = ParamSpec("P")
R = TypeVar("R")

_RESERVED = frozenset(
    {
        "cache",
        "exec_id",
        "from_",
        "image",
        "overrides",
        "publish_default_on_first_deploy",
        "retries",
        "stack",
        "tag",
        "tags",
        "version",
    }
)


class Flow(Generic[P, R]):
    """A flow: a function whose runs survive the death of their process.

    It is started with `run`, never called. Its body is ordinary Python and runs again from the top whenever an
    execution continues; completed checkpoints in it are read back.

    Attributes:
        function: The decorated function.
        name: The flow's name.
    """

    def __init__(self, function: Callable[P, R | Async[R]], **defaults: object) -> None:
        functools.update_wrapper(self, function)
        self.function: Callable[P, R | Async[R]] = function
        self.name: str = normalise(function.__name__, "flow")
        self._signature = parameters.check_reserved(function, _RESERVED, "flow")
        self._defaults = {name: value for name, value in defaults.items() if value is not None}
        self._hints: dict[str, Any] | None = None
        _check_retries(self._defaults.get("retries"))
        register_flow(function.__module__, function.__qualname__, self)

    def run(
        self,
        *args: Any,  # noqa: ANN401 - the flow's own parameters; `P.args` cannot be mixed with keywords of ours
        stack: str | None = None,
        image: object = None,
        cache: bool | None = None,
        retries: int | None = None,
        **kwargs: Any,  # noqa: ANN401 - as above
    ) -> FlowHandle[R]:
        """Start an execution.

        The body runs in a thread of its own; nothing it raises leaves this method.

        Args:
            *args: Inputs of the flow.
            stack: Where to run, instead of the active stack.
            image: Image settings of this execution.
            cache: Whether checkpoints may take values from the result cache.
            retries: How often a failure of the body is retried at once.
            **kwargs: Inputs of the flow.

        Returns:
            A handle to the execution.

        Raises:
            KitaruUsageError: An input or a setting cannot be; nothing was recorded.
            KitaruContextError: A flow is running here; flows do not nest.
            KitaruJournalError: The store cannot be used.
        """
        self._refuse_nesting()
        arguments = self._arguments(args, kwargs)
        settings = self._settings(stack=stack, image=image, cache=cache, retries=retries)
        try:
            live = start_execution(default_journal(), self.code(), arguments, _options(settings))
        except KitaruEncodingError as error:
            msg = f"{self.name!r} cannot be started, because an input cannot be stored: {error}"
            raise KitaruUsageError(msg) from error
        return FlowHandle(live.run.execution_id, flow_name=self.name)

    async def run_async(self, *args: Any, **kwargs: Any) -> FlowHandle[R]:  # noqa: ANN401 - as for `run`
        """Start an execution as `run` does, without blocking the event loop.

        Args:
            *args: As for `run`.
            **kwargs: As for `run`.

        Returns:
            A handle to the execution.

        Raises:
            KitaruUsageError: As for `run`.
            KitaruContextError: As for `run`.
            KitaruJournalError: As for `run`.
        """
        self._refuse_nesting()
        return await asyncio.to_thread(self.run, *args, **kwargs)

    def replay(
        self,
        exec_id: str,
        *,
        from_: str,
        overrides: Mapping[str, object] | None = None,
        stack: str | None = None,
        image: object = None,
        cache: bool | None = None,
        retries: int | None = None,
        **flow_inputs: Any,  # noqa: ANN401 - inputs of the flow
    ) -> FlowHandle[R]:
        """Start a new execution that derives from another one.

        The body runs from the top; completed calls before the selected one give their recorded values, the selected one
        and all later ones run.

        Args:
            exec_id: The source; it must not be running.
            from_: Name, invocation id or call id of the checkpoint to run from, or `name#n`.
            overrides: Values by `checkpoint.<selector>`; they replace what those calls returned.
            stack: As for `run`.
            image: As for `run`.
            cache: As for `run`.
            retries: As for `run`.
            **flow_inputs: Replace inputs of the source.

        Returns:
            A handle to the new execution.

        Raises:
            KitaruNotFoundError: There is no such execution.
            KitaruStateError: It is running, or a selector names no call or several.
            KitaruUsageError: A selector, key or input cannot be.
        """
        plan = plan_replay(default_journal(), exec_id, from_=from_, overrides=overrides)
        settings = self._settings(stack=stack, image=image, cache=cache, retries=retries)
        return self.start_planned(plan, overrides=overrides, changes=flow_inputs, options=_options(settings))

    def start_planned(
        self,
        plan: ReplayPlan,
        *,
        overrides: Mapping[str, object] | None,
        changes: Kwargs,
        options: StartOptions | None = None,
    ) -> FlowHandle[R]:
        """Start a replay whose plan was made before.

        Args:
            plan: The plan.
            overrides: Values by `checkpoint.<selector>`, as the plan was made with.
            changes: Inputs that replace those of the source.
            options: How it is to run; the flow's own settings by default.

        Returns:
            A handle to the new execution.

        Raises:
            KitaruContextError: A flow is running here; flows do not nest.
            KitaruUsageError: The flow has no such input, or it does not fit.
        """
        self._refuse_nesting()
        journal = default_journal()
        arguments = None
        if changes:
            known = flow_inputs(journal, started_fact(journal.records(plan.source)))
            bound = parameters.bind(self._signature, self.name, tuple(known["args"]), known["kwargs"])
            unknown = [name for name in changes if name not in self._signature.parameters]
            if unknown:
                msg = f"{self.name!r} has no input {unknown[0]!r}; its signature is {self.name}{self._signature}."
                raise KitaruUsageError(msg)
            bound.arguments.update(changes)
            arguments = self._arguments(bound.args, bound.kwargs)
        options = options or _options(self._settings())
        live = start_replay(journal, plan, self.code(), options, overrides=overrides, arguments=arguments)
        return FlowHandle(live.run.execution_id, flow_name=self.name)

    def __call__(self, *_args: P.args, **_kwargs: P.kwargs) -> NoReturn:
        """Refuse: a flow is started with `run`.

        Raises:
            KitaruUsageError: Always.
        """
        msg = (
            f"The flow {self.name!r} was called like a function, which would not be durable. Start it with "
            f"`{self.name}.run(...)`, and take its result with `{self.name}.run(...).wait()`."
        )
        raise KitaruUsageError(msg)

    def __repr__(self) -> str:
        return f"<Flow {self.name}>"

    def code(self) -> FlowCode:
        """Return the flow's code as the engine needs it."""
        function = self.function
        module = sys.modules.get(function.__module__)
        file = getattr(module, "__file__", None)
        return FlowCode(
            name=self.name,
            function=function,
            module=function.__module__,
            qualname=function.__qualname__,
            file=None if file is None else str(Path(file).resolve()),
            source_digest=self._digest,
        )

    def recorded_call(self, arguments: Kwargs) -> Callable[[], R | Async[R]]:
        """Return a call of the function with inputs that were recorded, if it takes them still.

        Args:
            arguments: `args` and `kwargs`, as they were recorded.

        Raises:
            KitaruUsageError: One is missing, unknown, or does not fit any more.
        """
        self._arguments(tuple(arguments["args"]), arguments["kwargs"])
        return lambda: self.function(*arguments["args"], **arguments["kwargs"])

    @functools.cached_property
    def _digest(self) -> str | None:
        return source_digest(self.function)

    def _refuse_nesting(self) -> None:
        if current_run.get() is not None:
            msg = (
                f"The flow {self.name!r} cannot be started inside a running flow: flows do not nest. Call its steps as "
                "checkpoints of this flow, or start it after this one has ended."
            )
            raise KitaruContextError(msg)

    def _arguments(self, args: Args, kwargs: Kwargs) -> dict[str, Any]:
        bound = parameters.bind(self._signature, self.name, args, kwargs)
        if self._hints is None:
            self._hints = parameters.typed_parameters(self.function)
        for name, annotation in self._hints.items():
            if name in bound.arguments:
                bound.arguments[name] = parameters.validated(self.name, name, annotation, bound.arguments[name])
        return {"args": list(bound.args), "kwargs": dict(bound.kwargs)}

    def _settings(self, **given: object) -> ExecutionSettings:
        _check_retries(given.get("retries"))
        from kitaru.settings.resolve import resolve_execution_settings

        return resolve_execution_settings(given, self._defaults)

    def deploy(self, *_args: Any, **_kwargs: Any) -> NoReturn:  # noqa: ANN401 - the flow's own inputs
        """Refuse: deployments come with the server.

        Raises:
            KitaruFeatureNotAvailableError: Always.
        """
        raise _no_deployments(self.deploy.__name__)

    def deployments(self) -> NoReturn:
        """Refuse: deployments come with the server.

        Raises:
            KitaruFeatureNotAvailableError: Always.
        """
        raise _no_deployments(self.deployments.__name__)

    def deployment(self, **_selector: object) -> NoReturn:
        """Refuse: deployments come with the server.

        Raises:
            KitaruFeatureNotAvailableError: Always.
        """
        raise _no_deployments(self.deployment.__name__)

    def invoke(self, **_inputs: object) -> NoReturn:
        """Refuse: deployments come with the server.

        Raises:
            KitaruFeatureNotAvailableError: Always.
        """
        raise _no_deployments(self.invoke.__name__)


def _no_deployments(method: str) -> KitaruFeatureNotAvailableError:
    msg = (
        f"Flow.{method}() needs the kitaru server, which this installation does not have. Start the flow with "
        "`.run(...)`."
    )
    return KitaruFeatureNotAvailableError(msg)


def _check_retries(retries: object) -> None:
    if retries is None:
        return
    if isinstance(retries, bool) or not isinstance(retries, int) or retries < 0:
        msg = f"retries must be a whole number of at least 0, not {retries!r}."
        raise KitaruUsageError(msg)


def _options(settings: ExecutionSettings) -> StartOptions:
    return StartOptions(
        spec=settings.as_dict(),
        stack=settings.stack,
        retries=settings.retries,
        inline=settings.run_mode == "inline",
        strict=settings.strict,
    )


class FlowDecorator(Protocol):
    """What `@flow(...)` with keywords returns; the result of a flow is what its body returns, awaited or not."""

    @overload
    def __call__(self, func: Callable[P, Async[R]], /) -> Flow[P, R]: ...
    @overload
    def __call__(self, func: Callable[P, R], /) -> Flow[P, R]: ...


@overload
def flow(func: Callable[P, Async[R]], /) -> Flow[P, R]: ...
@overload
def flow(func: Callable[P, R], /) -> Flow[P, R]: ...
@overload
def flow(
    func: None = None,
    /,
    *,
    stack: str | None = None,
    image: object = None,
    cache: bool | None = None,
    retries: int | None = None,
) -> FlowDecorator: ...
def flow(
    func: Callable[..., object] | None = None,
    /,
    *,
    stack: str | None = None,
    image: object = None,
    cache: bool | None = None,
    retries: int | None = None,
) -> Any:
    """Make a function the durable outer boundary of a run.

    Args:
        func: The function, when used as a bare decorator.
        stack: Where it runs, instead of the active stack.
        image: Image settings.
        cache: Whether its checkpoints may take values from the result cache.
        retries: How often a failure of the body is retried at once.

    Returns:
        The flow, or a decorator that makes one.

    Raises:
        KitaruUsageError: A parameter has a reserved name, or `retries` is negative.
    """

    def decorate(function: Callable[..., object]) -> Flow[..., Any]:
        if not inspect.isroutine(function):
            msg = f"@flow decorates a function, not a {type(function).__name__}."
            raise KitaruUsageError(msg)
        return Flow(function, stack=stack, image=image, cache=cache, retries=retries)

    return decorate if func is None else decorate(func)

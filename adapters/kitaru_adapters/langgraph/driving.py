"""Calling a graph: what it is handed, which of its parameters exist, and what comes out."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from langchain_core.callbacks import BaseCallbackManager

from kitaru.errors import KitaruUsageError
from kitaru_adapters.langgraph.steps import Procedure, Step
from kitaru_adapters.langgraph.threads import INVOCATION

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence

    from langchain_core.callbacks import BaseCallbackHandler, Callbacks
    from langgraph.types import Interrupt

    from kitaru_adapters.langgraph.threads import Saver
    from kitaru_adapters.langgraph.types import Config, Graph, LangGraphRunRequest

__all__ = ["Driver", "GraphResult", "merge_config", "saver_in_effect", "with_invocation"]

_SAVER = "__pregel_checkpointer"
_INTERRUPT = "__interrupt__"


@dataclass(frozen=True)
class GraphResult:
    """What a graph handed back.

    Attributes:
        output: Its output.
        interrupts: LangGraph's interrupts, in the order in which they happened.
    """

    output: object
    interrupts: list[Interrupt] = field(default_factory=list)


def merge_config(request: LangGraphRunRequest) -> Config:
    """Return the configuration of a request: its own, then `configurable`, then thread and checkpoint.

    Args:
        request: The request.

    Returns:
        A new dictionary.

    Raises:
        KitaruUsageError: The configuration's `configurable` is no mapping.
    """
    config = dict(request.config)
    own = config.get("configurable") or {}
    if not isinstance(own, dict):
        msg = f"config['configurable']={own!r} must be a mapping."
        raise KitaruUsageError(msg)
    named = {
        "thread_id": request.thread_id,
        "checkpoint_id": request.checkpoint_id,
        "checkpoint_ns": request.checkpoint_ns,
    }
    given = {key: value for key, value in named.items() if value is not None}
    return {**config, "configurable": {**own, **request.configurable, **given}}


def saver_in_effect(graph: object, config: Config) -> Saver | None:
    """Return the saver that a run will use, or `None`."""
    saver: Saver | bool | None = config["configurable"].get(_SAVER) or getattr(graph, "checkpointer", None)
    return None if isinstance(saver, bool) else saver


def with_invocation(
    config: Config,
    *,
    thread_id: str,
    invocation: str,
    handlers: Sequence[BaseCallbackHandler],
    pinned: bool,
) -> Config:
    """Return the configuration of one drive.

    Args:
        config: The merged configuration.
        thread_id: The thread that is really driven.
        invocation: Id that LangGraph writes into every checkpoint.
        handlers: Callback handlers to add.
        pinned: Whether a checkpoint named by the caller still counts; not when going on after it.

    Returns:
        A new dictionary.
    """
    configurable = {**config["configurable"], "thread_id": thread_id}
    if not pinned:
        configurable.pop("checkpoint_id", None)
    metadata = {**(config.get("metadata") or {}), INVOCATION: invocation}
    return {**config, "configurable": configurable, "metadata": metadata, "callbacks": _callbacks(config, handlers)}


def _callbacks(config: Config, handlers: Sequence[BaseCallbackHandler]) -> Callbacks:
    given = config.get("callbacks")
    if not isinstance(given, BaseCallbackManager):
        return [*(given or ()), *handlers]
    manager = given.copy()
    for handler in handlers:
        manager.add_handler(handler, inherit=True)
    return manager


@dataclass(frozen=True)
class Driver:
    """Calls one of a graph's four methods.

    Attributes:
        graph: The graph.
        method: `invoke`, `ainvoke`, `stream` or `astream`.
        modes: Stream modes, for the streaming methods.
        subgraphs: Whether parts of nested graphs are wanted.
    """

    graph: Graph
    method: str
    modes: tuple[str, ...] = ()
    subgraphs: bool = False

    @property
    def streams(self) -> bool:
        """Whether the method streams."""
        return self.method.endswith("stream")

    @property
    def is_async(self) -> bool:
        """Whether the method is asynchronous."""
        return self.method.startswith("a")

    def check(self) -> None:
        """Refuse a graph that cannot be called this way.

        Raises:
            KitaruUsageError: The method or a parameter it needs is missing.
        """
        if not callable(getattr(self.graph, self.method, None)):
            msg = f"{type(self.graph).__qualname__} has no method {self.method!r}; hand in a compiled graph."
            raise KitaruUsageError(msg)
        needed = ("stream_mode", "version", *(("subgraphs",) if self.subgraphs else ())) if self.streams else ()
        if missing := [name for name in needed if not self._takes(name)]:
            msg = f"{type(self.graph).__qualname__}.{self.method} cannot be streamed: it takes no {', '.join(missing)}."
            raise KitaruUsageError(msg)

    def _takes(self, name: str) -> bool:
        parameters = inspect.signature(getattr(self.graph, self.method)).parameters
        return name in parameters or any(each.kind is each.VAR_KEYWORD for each in parameters.values())

    def call(
        self,
        value: object,
        config: Mapping[str, object],
        options: Mapping[str, object],
        publish: Callable[[object], None],
    ) -> Procedure[GraphResult]:
        """Drive the graph once.

        Args:
            value: Input, command, or `None` to go on.
            config: Configuration of the drive.
            options: Further keywords; those the method does not take are left out.
            publish: Takes the parts of a stream.

        Returns:
            What the graph handed back.
        """
        method = getattr(self.graph, self.method)
        known = {
            key: item for key, item in {**options, "version": "v2"}.items() if item is not None and self._takes(key)
        }
        if not self.streams:
            result = yield Step(lambda: method(value, config, **known), lambda: method(value, config, **known))
            return _result(result)
        known["stream_mode"] = [*dict.fromkeys([*self.modes, "values"])]
        if self.subgraphs:
            known["subgraphs"] = True
        drained = _Drained(self.modes, publish)
        yield Step(
            lambda: drained.drain(method(value, config, **known)),
            lambda: drained.drain_async(method(value, config, **known)),
        )
        return drained.result()


def _result(value: object) -> GraphResult:
    if hasattr(value, "interrupts") and hasattr(value, "value"):
        return GraphResult(value.value, list(value.interrupts))
    if isinstance(value, dict) and _INTERRUPT in value:
        rest = {key: item for key, item in value.items() if key != _INTERRUPT}
        return GraphResult(rest, list(value[_INTERRUPT]))
    return GraphResult(value)


class _Drained:
    """Takes the parts of a stream and keeps what makes up the result."""

    def __init__(self, modes: tuple[str, ...], publish: Callable[[object], None]) -> None:
        self._modes = modes
        self._publish = publish
        self._seen = False
        self._output: object = None
        self._interrupts: list[Interrupt] = []

    def drain(self, parts: Iterator[object]) -> None:
        for part in parts:
            self._take(part)

    async def drain_async(self, parts: AsyncIterator[object]) -> None:
        async for part in parts:
            self._take(part)

    def _take(self, part: object) -> None:
        if isinstance(part, dict) and part.get("type") == "values" and not part.get("ns"):
            self._seen = True
            self._output = part.get("data")
            self._interrupts.extend(part.get("interrupts") or ())
        if not isinstance(part, dict) or part.get("type") in self._modes or part.get("type") != "values":
            self._publish(part)

    def result(self) -> GraphResult:
        if not self._seen:
            msg = "The graph streamed no values, so its result is not known. Use invoke() for this graph."
            raise KitaruUsageError(msg)
        return GraphResult(self._output, self._interrupts)

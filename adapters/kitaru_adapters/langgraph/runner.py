"""The runner: one call of a graph as a durable part of a flow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

from kitaru.errors import KitaruUsageError
from kitaru_adapters.kit.configs import CheckpointConfig, check_config
from kitaru_adapters.kit.names import slug
from kitaru_adapters.langgraph.driving import Driver
from kitaru_adapters.langgraph.execution import Run
from kitaru_adapters.langgraph.memory import RunMemory
from kitaru_adapters.langgraph.policies import (
    LangGraphCallCheckpointPolicy,
    LangGraphCapturePolicy,
    LangGraphDurabilityPolicy,
    LangGraphStreamPolicy,
    validate_checkpoint_strategy,
)
from kitaru_adapters.langgraph.settings import RunnerSettings
from kitaru_adapters.langgraph.steps import drive, drive_async
from kitaru_adapters.langgraph.types import LangGraphRunRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kitaru_adapters.langgraph.types import (
        Config,
        Graph,
        GraphCheckpointStrategy,
        LangGraphRunResult,
        LangGraphUsageSummary,
        RunFields,
    )

__all__ = ["KitaruGraphRunner"]

_FRAMEWORK_DEFAULT = "LangGraph"


class KitaruGraphRunner:
    """Runs a compiled graph (LangGraph, LangChain's `create_agent`, Deep Agents, functional API) inside a flow.

    With `"graph_call"` one checkpoint surrounds the whole call. With `"calls"` each model and tool call that passes
    `KitaruLangGraphMiddleware` (or `durable_model`, `durable_tool_wrappers`) is a checkpoint, and the finished call is
    recorded as well. Outside a flow the graph simply runs. The graph itself is never changed.

    Args:
        graph: The compiled graph.
        name: Name in checkpoints; falls back to the graph's own.
        checkpoint_strategy: `"graph_call"` or `"calls"`.
        capture: What may be seen of a run.
        durability: How LangGraph's own threads are treated.
        stream_policy: What streamed runs publish.
        run_checkpoint_config: Settings of the one checkpoint of `"graph_call"`.
        call_checkpoint_policy: Which calls become checkpoints with `"calls"`.
        config_factory: Builds a configuration for each request; the request's own goes on top.
        context_factory: Builds the graph's context for each request that brings none.
        cost_calculator: Says what tokens cost, in dollars.

    Raises:
        KitaruUsageError: There is no name, the strategy is unknown, or settings of the other strategy were given.
    """

    def __init__(  # noqa: PLR0913 - the published constructor
        self,
        graph: Graph,
        *,
        name: str | None = None,
        checkpoint_strategy: GraphCheckpointStrategy = "graph_call",
        capture: LangGraphCapturePolicy | None = None,
        durability: LangGraphDurabilityPolicy | None = None,
        stream_policy: LangGraphStreamPolicy | None = None,
        run_checkpoint_config: CheckpointConfig | None = None,
        call_checkpoint_policy: LangGraphCallCheckpointPolicy | None = None,
        config_factory: Callable[[LangGraphRunRequest], Config] | None = None,
        context_factory: Callable[[LangGraphRunRequest], object] | None = None,
        cost_calculator: Callable[[LangGraphUsageSummary], float | None] | None = None,
    ) -> None:
        self._graph = graph
        self._settings = RunnerSettings(
            name=_checked_name(name if name is not None else getattr(graph, "name", None)),
            checkpoint_strategy=_checked_families(checkpoint_strategy, run_checkpoint_config, call_checkpoint_policy),
            capture=capture or LangGraphCapturePolicy(),
            durability=durability or LangGraphDurabilityPolicy(),
            stream_policy=stream_policy or LangGraphStreamPolicy(),
            run_checkpoint_config=check_config(run_checkpoint_config, argument="run_checkpoint_config"),
            call_checkpoint_policy=call_checkpoint_policy or LangGraphCallCheckpointPolicy(),
            config_factory=config_factory,
            context_factory=context_factory,
            cost_calculator=cost_calculator,
        )
        self._memory = RunMemory()

    @property
    def graph(self) -> Graph:
        """The graph."""
        return self._graph

    @property
    def name(self) -> str:
        """Name in checkpoints, made of word characters."""
        return self._settings.name

    @property
    def checkpoint_strategy(self) -> GraphCheckpointStrategy:
        """`"graph_call"` or `"calls"`."""
        return self._settings.checkpoint_strategy

    @property
    def capture(self) -> LangGraphCapturePolicy:
        """What may be seen of a run."""
        return self._settings.capture

    @property
    def durability(self) -> LangGraphDurabilityPolicy:
        """How LangGraph's own threads are treated."""
        return self._settings.durability

    @property
    def stream_policy(self) -> LangGraphStreamPolicy:
        """What streamed runs publish."""
        return self._settings.stream_policy

    @property
    def call_checkpoint_policy(self) -> LangGraphCallCheckpointPolicy:
        """Which calls become checkpoints with `"calls"`."""
        return self._settings.call_checkpoint_policy

    @property
    def run_checkpoint_config(self) -> CheckpointConfig:
        """Settings of the one checkpoint of `"graph_call"`."""
        return self._settings.run_checkpoint_config

    def invoke(self, request_or_input: object, **request: Unpack[RunFields]) -> LangGraphRunResult:
        """Run the graph to its end or to an interrupt.

        Args:
            request_or_input: A `LangGraphRunRequest`, or raw input together with `thread_id=`.
            **request: Fields of the request, with raw input: `thread_id`, `checkpoint_id`, `checkpoint_ns`, `context`,
                `configurable`, `config`, `durability`, `metadata`.

        Returns:
            The result; a failing graph raises its own exception.

        Raises:
            KitaruUsageError: The request is not complete, or not possible here.
            KitaruStateError: The thread is not in a state from which this call can go on.
        """
        return drive(self._run("invoke", request_or_input, request).procedure())

    async def ainvoke(self, request_or_input: object, **request: Unpack[RunFields]) -> LangGraphRunResult:
        """Run the graph on this event loop to its end or to an interrupt.

        Args:
            request_or_input: As for `invoke`.
            **request: As for `invoke`.

        Returns:
            The result; a failing graph raises its own exception.
        """
        return await drive_async(self._run("ainvoke", request_or_input, request).procedure())

    def stream(
        self,
        request_or_input: object,
        *,
        stream_mode: object = None,
        subgraphs: bool = False,
        **request: Unpack[RunFields],
    ) -> LangGraphRunResult:
        """Run the graph and publish what it streams as live events; the result is that of `invoke`.

        Args:
            request_or_input: As for `invoke`.
            stream_mode: One mode or several; the policy's default ones if left out.
            subgraphs: Whether nested graphs stream as well.
            **request: As for `invoke`.

        Returns:
            The result.
        """
        run = self._run(
            "stream", request_or_input, request, self._settings.stream_policy.modes(stream_mode), subgraphs=subgraphs
        )
        return drive(run.procedure())

    async def astream(
        self,
        request_or_input: object,
        *,
        stream_mode: object = None,
        subgraphs: bool = False,
        **request: Unpack[RunFields],
    ) -> LangGraphRunResult:
        """Run the graph on this event loop and publish what it streams as live events.

        Args:
            request_or_input: As for `invoke`.
            stream_mode: One mode or several; the policy's default ones if left out.
            subgraphs: Whether nested graphs stream as well.
            **request: As for `invoke`.

        Returns:
            The result.
        """
        run = self._run(
            "astream", request_or_input, request, self._settings.stream_policy.modes(stream_mode), subgraphs=subgraphs
        )
        return await drive_async(run.procedure())

    def _run(
        self,
        method: str,
        given: object,
        fields: Mapping[str, object],
        modes: tuple[str, ...] = (),
        *,
        subgraphs: bool = False,
    ) -> Run:
        driver = Driver(self._graph, method, modes, subgraphs)
        driver.check()
        request = _as_request(given, fields)
        return Run(
            runner=self._settings,
            driver=driver,
            request=request,
            memory=self._memory,
        )


def _checked_name(name: object) -> str:
    if not isinstance(name, str) or not name.strip():
        msg = "KitaruGraphRunner needs a name: give name=..., or compile the graph with one."
        raise KitaruUsageError(msg)
    return slug(name, fallback=_FRAMEWORK_DEFAULT)


def _checked_families(strategy: object, run_config: object, calls: object) -> GraphCheckpointStrategy:
    checked = validate_checkpoint_strategy(strategy)
    if checked == "calls" and run_config is not None:
        msg = "run_checkpoint_config belongs to 'graph_call'; with 'calls' give call_checkpoint_policy."
        raise KitaruUsageError(msg)
    if checked == "graph_call" and calls is not None:
        msg = "call_checkpoint_policy belongs to 'calls'; with 'graph_call' give run_checkpoint_config."
        raise KitaruUsageError(msg)
    return checked


def _as_request(given: object, fields: Mapping[str, object]) -> LangGraphRunRequest:
    known = set(LangGraphRunRequest.model_fields) - {"schema_version", "kind", "input", "command"}
    if unknown := sorted(set(fields) - known):
        msg = f"Unknown arguments: {', '.join(unknown)}; a run takes {', '.join(sorted(known))}."
        raise KitaruUsageError(msg)
    set_fields = {name: value for name, value in fields.items() if value is not None}
    if isinstance(given, LangGraphRunRequest):
        if set_fields:
            msg = f"The request is complete; {', '.join(sorted(set_fields))} must be set in it and not beside it."
            raise KitaruUsageError(msg)
        return given
    thread_id = set_fields.pop("thread_id", None)
    if not isinstance(thread_id, str) or not thread_id.strip():
        msg = "Raw input needs thread_id=..., the LangGraph thread it belongs to; a blank one is none."
        raise KitaruUsageError(msg)
    return LangGraphRunRequest.model_validate({**set_fields, "kind": "start", "input": given, "thread_id": thread_id})

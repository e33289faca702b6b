"""The capability that makes an agent's runs durable: it hangs units, waits, events and identity into the framework."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic_ai.durable_exec import BaseDurabilityCapability
from pydantic_ai.tools import AgentDepsT

import kitaru
from kitaru import seam
from kitaru.errors import KitaruUsageError
from kitaru_adapters.kit.names import slug
from kitaru_adapters.pydantic_ai.boundary import ENGINE, UnitBackend
from kitaru_adapters.pydantic_ai.events import RunEvents
from kitaru_adapters.pydantic_ai.external import external_events
from kitaru_adapters.pydantic_ai.framework import correlate_span, reuse_scope
from kitaru_adapters.pydantic_ai.live import LiveModel
from kitaru_adapters.pydantic_ai.outputs import run_output_function
from kitaru_adapters.pydantic_ai.runs import conversation_id_from_run_id, default_run_id, forget, run_state
from kitaru_adapters.pydantic_ai.settings import make_settings
from kitaru_adapters.pydantic_ai.streams import deliver_event, live_handler
from kitaru_adapters.pydantic_ai.toolsets import wrap_leaves
from kitaru_adapters.pydantic_ai.types import ADAPTER
from kitaru_adapters.pydantic_ai.waits import answer_deferred

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Callable, Mapping

    from pydantic_ai.agent import AbstractAgent, EventStreamHandler
    from pydantic_ai.capabilities import AbstractCapability, WrapOutputProcessHandler, WrapRunHandler
    from pydantic_ai.messages import AgentStreamEvent
    from pydantic_ai.models import Model, ModelRequestContext
    from pydantic_ai.output import OutputContext
    from pydantic_ai.run import AgentRunResult
    from pydantic_ai.tools import DeferredToolRequests, DeferredToolResults, RunContext
    from pydantic_ai.toolsets import AbstractToolset
    from pydantic_ai.workspaces import Workspace

    from kitaru_adapters.pydantic_ai.framework import DurableModel
    from kitaru_adapters.pydantic_ai.settings import Settings
    from kitaru_adapters.pydantic_ai.types import CapturePolicy, CheckpointConfig, CostCalculator

__all__ = ["RUN_HANDLER", "KitaruDurability"]

RUN_HANDLER: ContextVar[EventStreamHandler[Any] | None] = ContextVar("kitaru_pydantic_ai_handler", default=None)


class KitaruDurability(BaseDurabilityCapability[AgentDepsT]):
    """Makes the runs of an agent durable. Put it in `Agent(..., capabilities=[...])`, or use `KitaruAgent`.

    At flow scope every model request, tool call and MCP call becomes a unit of the flow. Inside a checkpoint it does
    nothing but note what happened, and outside a flow it opens one around the run.
    """

    engine_spec = ENGINE

    def __init__(  # noqa: PLR0913 - the settings of one agent
        self,
        *,
        name: str | None = None,
        models: Mapping[str, Model] | None = None,
        event_stream_handler: EventStreamHandler[AgentDepsT] | None = None,
        capture: CapturePolicy | None = None,
        model_checkpoint_config: CheckpointConfig | None = None,
        tool_checkpoint_config: CheckpointConfig | None = None,
        tool_checkpoint_config_by_name: Mapping[str, CheckpointConfig | Literal[False]] | None = None,
        mcp_checkpoint_config: CheckpointConfig | None = None,
        cost_calculator: CostCalculator | None = None,
        deps_cache_identity: Callable[[AgentDepsT], object] | None = None,
    ) -> None:
        """Check the settings; they are bound to an agent when the framework asks for it.

        Args:
            name: Name in the names of units; the agent's name when left out.
            models: Further models by id, for runs that switch to one.
            event_stream_handler: Gets the events of every run, inside the units.
            capture: What may be seen; `None` means the default policy.
            model_checkpoint_config: Settings of model requests.
            tool_checkpoint_config: Settings of function tools.
            tool_checkpoint_config_by_name: Settings of single tools; `False` runs a tool at flow scope.
            mcp_checkpoint_config: Settings of MCP calls and discovery.
            cost_calculator: Estimates the cost of one model request.
            deps_cache_identity: Says as plain data whose dependencies a run has. Without it, tools of runs with
                dependencies are never answered from the cache of other executions.

        Raises:
            KitaruUsageError: A setting is wrong.
        """
        super().__init__(models=models, event_stream_handler=event_stream_handler, name=name)
        self._settings = make_settings(
            agent_name=name or "",
            capture=capture,
            model_checkpoint_config=model_checkpoint_config,
            tool_checkpoint_config=tool_checkpoint_config,
            tool_checkpoint_config_by_name=tool_checkpoint_config_by_name,
            mcp_checkpoint_config=mcp_checkpoint_config,
            cost_calculator=cost_calculator,
            deps_cache_identity=deps_cache_identity,
        )
        self._backend = UnitBackend(self._settings)
        self._operations: dict[tuple[str | None, str], Any] = {}

    @property
    def settings(self) -> Settings:
        """The checked settings."""
        return self._settings

    @property
    def in_durable_context(self) -> bool:
        """Whether the present code stands at flow scope; inside a checkpoint it does not."""
        return seam.in_flow()

    def for_agent(self, agent: AbstractAgent[AgentDepsT, object]) -> AbstractCapability[AgentDepsT]:
        """Return the capability bound to an agent; binding once is enough.

        Args:
            agent: The agent.

        Returns:
            The bound capability.
        """
        return self if self._agent is agent else self._bind_for_agent(agent)

    def _bind_for_agent(self, agent: AbstractAgent[AgentDepsT, object]) -> Self:
        bound = super()._bind_for_agent(agent)
        bound._named(bound.name)  # noqa: SLF001 - the copy is of this class
        return bound

    def _named(self, name: str) -> None:
        self._settings = replace(self._settings, agent_name=name)
        self._backend = UnitBackend(self._settings)
        self._operations = {}

    def _bind_to_agent(self, agent: AbstractAgent[AgentDepsT, object]) -> None:
        """Bind nothing: leaves are wrapped in each run, so toolsets need no id and may come at run time."""

    def _bind_workspace_operation(self, agent: AbstractAgent[AgentDepsT, object]) -> None:
        """Bind nothing: workspaces are refused inside a flow."""

    def _prepare_workspace(self, ctx: RunContext[AgentDepsT], workspace: Workspace, *, explicit: bool) -> Workspace:
        del ctx, explicit
        if seam.in_flow() and workspace.attached:
            msg = (
                "A workspace cannot be used by a run inside a flow, because calls on it would not be recorded. "
                "Use the workspace in tools, or run the agent inside a checkpoint."
            )
            raise KitaruUsageError(msg)
        return workspace

    def get_durable_operation_backend(self) -> UnitBackend:
        """Return the backend that runs the framework's operations as units."""
        return self._backend

    def get_default_run_id(self) -> str | None:
        """Return the id of a run that starts now, the same on every rerun; `None` outside flow scope."""
        return default_run_id(self._settings.agent_name)

    def get_default_conversation_id(self, run_id: str) -> str | None:
        """Return the conversation of a run that continues none.

        Args:
            run_id: The run.

        Returns:
            An id derived from the run's; `None` outside flow scope.
        """
        return conversation_id_from_run_id(run_id) if seam.in_flow() else None

    async def get_run_start_time(self, run_id: str) -> datetime | None:
        """Return when a run with a time limit first started, so that a rerun gets no new time.

        Args:
            run_id: The run.

        Returns:
            The recorded time; `None` outside flow scope.
        """
        scope = seam.current_scope()
        if scope is None or not seam.in_flow():
            return None
        path = run_id.removeprefix(f"{scope.lineage_id}/")
        unit = seam.Unit(name=f"{self._settings.slug}_start", adapter=ADAPTER, key=f"{path}/start")
        outcome = seam.run_unit(unit, lambda _: datetime.now(UTC).isoformat())
        return datetime.fromisoformat(outcome.value)

    def get_wrapper_toolset(self, toolset: AbstractToolset[AgentDepsT]) -> AbstractToolset[AgentDepsT] | None:
        """Wrap every leaf of the run's toolset, whatever its kind.

        Args:
            toolset: The toolset of the run.

        Returns:
            The wrapped toolset.
        """
        return wrap_leaves(toolset, self._settings)

    async def handle_deferred_tool_calls(
        self, ctx: RunContext[AgentDepsT], *, requests: DeferredToolRequests
    ) -> DeferredToolResults | None:
        """Ask a person for what a batch of deferred calls needs.

        Args:
            ctx: The framework's context of the step.
            requests: The batch.

        Returns:
            The answers; `None` outside flow scope.
        """
        return await answer_deferred(self._settings, ctx, requests)

    async def wrap_output_process(
        self,
        ctx: RunContext[AgentDepsT],
        *,
        output_context: OutputContext,
        output: object,
        handler: WrapOutputProcessHandler,
    ) -> object:
        """Run an output function as a unit, so that what it does happens once.

        Args:
            ctx: The framework's context of the step.
            output_context: What kind of output it is.
            output: The output before the function.
            handler: Goes on with it.

        Returns:
            The output after the function.
        """
        if not (seam.in_flow() and output_context.has_function) or ctx.partial_output:
            return await handler(output)
        return await run_output_function(self._settings, ctx, output_context, partial(handler, output))

    async def wrap_run(self, ctx: RunContext[AgentDepsT], *, handler: WrapRunHandler) -> AgentRunResult[object]:
        """Surround a run: open a flow where there is none, and write down what happened when it ends.

        Args:
            ctx: The framework's context of the run.
            handler: The run.

        Returns:
            Its result.
        """
        if seam.in_flow():
            return await self._recorded(ctx, handler)
        if seam.in_checkpoint():
            return await self._observed(ctx, handler)
        return await seam.automatic_flow_async(f"{self._settings.slug}_flow", lambda: self._recorded(ctx, handler))

    async def _recorded(self, ctx: RunContext[AgentDepsT], handler: WrapRunHandler) -> AgentRunResult[object]:
        state = run_state(ctx)
        state.events = self._new_events(state.path)
        if self._settings.capture.correlate_otel_spans:
            correlate_span(state.path)
        try:
            with reuse_scope(), external_events(state):
                result = await super().wrap_run(ctx, handler=handler)
        except Exception as error:
            self._log(state.events, error)
            raise
        finally:
            forget(ctx)
        self._log(state.events, None)
        return result

    async def _observed(self, ctx: RunContext[AgentDepsT], handler: WrapRunHandler) -> AgentRunResult[object]:
        from kitaru_adapters.pydantic_ai.observe import observed_run

        call = seam.current_call()
        if call is None or not self._settings.capture.emit_child_events:
            return await handler()
        return await observed_run(self._settings, ctx, call, handler)

    def _new_events(self, path: str) -> RunEvents | None:
        if not self._settings.capture.emit_child_events:
            return None
        handler = self._effective_event_stream_handler() is not None
        return RunEvents(self._settings.slug, slug(path, fallback="run"), self._settings.capture, handler)

    def _log(self, events: RunEvents | None, error: BaseException | None) -> None:
        if events is not None:
            kitaru.log(
                pydantic_ai_events={events.run_label: events.log()},
                pydantic_ai_run_summaries={events.run_label: events.summary(error)},
            )

    def wrap_run_event_stream(
        self, ctx: RunContext[AgentDepsT], *, stream: AsyncIterable[AgentStreamEvent]
    ) -> AsyncIterable[AgentStreamEvent]:
        """Deliver the events of a run to its handler; without one they pass untouched.

        Args:
            ctx: The framework's context of the run.
            stream: The events.

        Returns:
            The events.
        """
        if self._effective_event_stream_handler() is None:
            return stream
        return super().wrap_run_event_stream(ctx, stream=stream)

    def _effective_event_stream_handler(self) -> EventStreamHandler[AgentDepsT] | None:
        return RUN_HANDLER.get() or self._event_stream_handler

    def _model_stream_event_handler(self) -> EventStreamHandler[AgentDepsT] | None:
        return live_handler(self._settings, self._effective_event_stream_handler())

    def _bind_model_operations(self, backend: Any, *, model_id: str | None, model_name: str) -> Any:
        # Bound for each request otherwise, although nothing in them changes from one request to the next.
        key = (model_id, model_name)
        if key not in self._operations:
            bound = super()._bind_model_operations(backend, model_id=model_id, model_name=model_name)
            self._operations[key] = bound
        return self._operations[key]

    async def _build_durable_model(
        self, ctx: RunContext[AgentDepsT], request_context: ModelRequestContext
    ) -> DurableModel:
        model = await super()._build_durable_model(ctx, request_context)
        # A handler gets its events inside the unit; without one, the caller reads the stream while the unit runs.
        return model if self._effective_event_stream_handler() is not None else LiveModel.of(model)

    async def _dispatch_event_stream_event(self, ctx: RunContext[AgentDepsT], event: AgentStreamEvent) -> None:
        handler = self._effective_event_stream_handler()
        if handler is not None:
            await deliver_event(self._settings, ctx, event, handler)

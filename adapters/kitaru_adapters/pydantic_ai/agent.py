"""The wrapper around an agent that is there already: the same agent, with runs that survive the process."""

from __future__ import annotations

import asyncio
import warnings
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, Literal

from pydantic_ai.agent import WrapperAgent
from pydantic_ai.exceptions import UserError
from pydantic_ai.models import Model
from pydantic_ai.output import OutputDataT
from pydantic_ai.tools import AgentDepsT

from kitaru import seam
from kitaru.errors import KitaruRuntimeError, KitaruUsageError
from kitaru_adapters.kit.loops import own_event_loop
from kitaru_adapters.pydantic_ai.arguments import check_sync_waits, translated
from kitaru_adapters.pydantic_ai.capability import RUN_HANDLER, KitaruDurability
from kitaru_adapters.pydantic_ai.framework import reuse_scope
from kitaru_adapters.pydantic_ai.settings import make_settings, resolve_strategy
from kitaru_adapters.pydantic_ai.turn import run_turn

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager

    from pydantic_ai.agent import AbstractAgent, AgentRealtime, AgentRunEvents, EventStreamHandler
    from pydantic_ai.messages import ModelMessage
    from pydantic_ai.result import StreamedRunResult, StreamedRunResultSync
    from pydantic_ai.run import AgentRun

    from kitaru_adapters.pydantic_ai.arguments import RunArguments, RunKeywords
    from kitaru_adapters.pydantic_ai.results import AnyResult
    from kitaru_adapters.pydantic_ai.types import (
        CapturePolicy,
        CheckpointConfig,
        CheckpointStrategy,
        CostCalculator,
    )

__all__ = ["KitaruAgent"]

_FIXED_BY_OVERRIDE = ("model", "name", "toolsets", "tools")


class KitaruAgent(WrapperAgent[AgentDepsT, OutputDataT]):
    """An agent whose runs are durable; the wrapped agent stays as it is and can still be used on its own.

    At flow scope every model request, tool call and MCP call becomes a checkpoint of the flow (strategy `calls`), or
    the whole run becomes one (strategy `turn`). Outside a flow a run opens one for itself. Inside a checkpoint of the
    flow a run passes straight through, and that checkpoint is the boundary.
    """

    def __init__(  # noqa: PLR0913 - the published constructor
        self,
        wrapped: AbstractAgent[AgentDepsT, OutputDataT],
        *,
        name: str | None = None,
        capture: CapturePolicy | None = None,
        event_stream_handler: EventStreamHandler[AgentDepsT] | None = None,
        turn_checkpoint_config: CheckpointConfig | None = None,
        checkpoint_strategy: CheckpointStrategy | None = None,
        granular_checkpoints: bool | None = None,
        model_checkpoint_config: CheckpointConfig | None = None,
        tool_checkpoint_config: CheckpointConfig | None = None,
        tool_checkpoint_config_by_name: Mapping[str, CheckpointConfig | Literal[False]] | None = None,
        mcp_checkpoint_config: CheckpointConfig | None = None,
        persist_message_history: bool = False,
        allow_sync_tool_body_waits: bool = False,
        cost_calculator: CostCalculator | None = None,
    ) -> None:
        """Wrap an agent.

        Args:
            wrapped: The agent. It is not changed.
            name: Name in the names of units; the agent's own when left out. Renaming an agent orphans its executions.
            capture: What may be seen; `None` means the default policy.
            event_stream_handler: Gets the events of every run.
            turn_checkpoint_config: Settings of the one checkpoint of strategy `turn`.
            checkpoint_strategy: `"calls"` (the default) or `"turn"`.
            granular_checkpoints: Another spelling: `True` is `"calls"`, `False` is `"turn"`.
            model_checkpoint_config: Settings of model requests.
            tool_checkpoint_config: Settings of function tools.
            tool_checkpoint_config_by_name: Settings of single tools; `False` runs a tool at flow scope.
            mcp_checkpoint_config: Settings of MCP calls and discovery.
            persist_message_history: Remember the conversation in this instance from run to run.
            allow_sync_tool_body_waits: Kept for older code; waits work in synchronous tools without it.
            cost_calculator: Estimates the cost of one model request.

        Raises:
            KitaruUsageError: A setting is wrong, or settings contradict each other.
            UserError: The agent has neither a name nor was one given, or it has no model.
        """
        super().__init__(wrapped)
        self._strategy = resolve_strategy(
            checkpoint_strategy,
            granular_checkpoints,
            model_checkpoint_config=model_checkpoint_config,
            tool_checkpoint_config=tool_checkpoint_config,
            tool_checkpoint_config_by_name=tool_checkpoint_config_by_name,
            mcp_checkpoint_config=mcp_checkpoint_config,
        )
        check_sync_waits(self._strategy, tool_checkpoint_config_by_name, wanted=allow_sync_tool_body_waits)
        self._name = name or wrapped.name
        self._turn = make_settings(agent_name=self._name or "", turn_checkpoint_config=turn_checkpoint_config)
        self._handler = event_stream_handler
        self._history: Sequence[ModelMessage] | None = None
        self._remembers = persist_message_history
        self._durability = _bound(
            wrapped,
            KitaruDurability[AgentDepsT](
                name=self._name,
                event_stream_handler=event_stream_handler,
                capture=capture,
                model_checkpoint_config=model_checkpoint_config,
                tool_checkpoint_config=tool_checkpoint_config,
                tool_checkpoint_config_by_name=tool_checkpoint_config_by_name,
                mcp_checkpoint_config=mcp_checkpoint_config,
                cost_calculator=cost_calculator,
            ),
        )

    @property
    def name(self) -> str | None:
        """Name in the names of units; it cannot be changed, because executions are found by it."""
        return self._name

    @name.setter
    def name(self, value: str | None) -> None:
        msg = (
            f"A KitaruAgent cannot be renamed to {value!r}: executions of {self._name!r} are found by that name. "
            "Wrap the agent anew."
        )
        raise UserError(msg)

    @property
    def event_stream_handler(self) -> EventStreamHandler[AgentDepsT] | None:
        """The handler given to this wrapper, else the wrapped agent's."""
        return self._handler or self.wrapped.event_stream_handler

    @property
    def capture(self) -> CapturePolicy:
        """What may be seen of the runs."""
        return self._durability.settings.capture

    @property
    def checkpoint_strategy(self) -> str:
        """`"calls"` or `"turn"`."""
        return self._strategy

    async def run(self, *args: Any, **kwargs: Any) -> AnyResult:
        """Run the agent; takes what the wrapped agent's `run` takes.

        Args:
            *args: Handed on.
            **kwargs: Handed on; a handler given here gets its events inside the checkpoints.

        Returns:
            The framework's result.

        Raises:
            KitaruUsageError: An argument cannot be used in a durable run.
            UserError: The same, in the framework's own words.
        """
        kwargs = self._prepared(kwargs)
        if seam.in_checkpoint():
            result: AnyResult = await self.wrapped.run(*args, **kwargs)
        elif seam.in_flow():
            result = await self._run_at_flow_scope(args, kwargs)
        else:
            flow = f"{self._durability.settings.slug}_flow"
            result = await seam.automatic_flow_async(flow, lambda: self._run_at_flow_scope(args, kwargs))
        self._remember(result)
        return result

    def run_sync(self, *args: Any, **kwargs: Any) -> AnyResult:
        """Run the agent and wait for it; takes what the wrapped agent's `run_sync` takes.

        Args:
            *args: Handed on.
            **kwargs: Handed on.

        Returns:
            The framework's result.

        Raises:
            KitaruUsageError: An event loop is running in this thread.
        """
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            own_event_loop()
            return super().run_sync(*args, **translated(kwargs))
        msg = f"run_sync() cannot be called while an event loop is running; use `await {self._name}.run(...)` instead."
        raise KitaruUsageError(msg)

    @asynccontextmanager
    async def iter(self, *args: Any, **kwargs: Any) -> AsyncIterator[AgentRun[AgentDepsT, Any]]:
        """Step through a run; takes what the wrapped agent's `iter` takes.

        Args:
            *args: Handed on.
            **kwargs: Handed on.

        Yields:
            The framework's run; its calls are recorded one by one in both strategies.
        """
        with reuse_scope():
            async with self.wrapped.iter(*args, **self._prepared(kwargs)) as run:
                yield run
        self._remember(run.result)

    @asynccontextmanager
    async def run_stream(self, *args: Any, **kwargs: Any) -> AsyncIterator[StreamedRunResult[AgentDepsT, Any]]:
        """Stream a run's output; takes what the wrapped agent's `run_stream` takes.

        Args:
            *args: Handed on.
            **kwargs: Handed on.

        Yields:
            The framework's streamed result; its calls are recorded one by one in both strategies.
        """
        with reuse_scope():
            async with self.wrapped.run_stream(*args, **self._prepared(kwargs)) as streamed:
                yield streamed
        if streamed.is_complete:
            self._remember(streamed)

    def run_stream_sync(self, *args: Any, **kwargs: Any) -> StreamedRunResultSync[AgentDepsT, Any]:
        """Stream a run's output without an event loop; takes what the wrapped agent's `run_stream_sync` takes.

        Args:
            *args: Handed on.
            **kwargs: Handed on.

        Returns:
            The framework's streamed result.
        """
        own_event_loop()
        return self.wrapped.run_stream_sync(*args, **self._prepared(kwargs))

    def run_stream_events(self, *args: Any, **kwargs: Any) -> AbstractAsyncContextManager[AgentRunEvents[Any]]:
        """Stream a run's events; takes what the wrapped agent's `run_stream_events` takes.

        Args:
            *args: Handed on.
            **kwargs: Handed on.

        Returns:
            The framework's context manager over the events.
        """
        return self.wrapped.run_stream_events(*args, **self._prepared(kwargs))

    @contextmanager
    def override(self, **kwargs: Any) -> Iterator[None]:
        """Override parts of the agent for a while, except those by which its executions are found.

        Args:
            **kwargs: What the wrapped agent's `override` takes, without the model, the name and the tools.

        Yields:
            Nothing.

        Raises:
            UserError: One of those was given.
        """
        refused = [name for name in _FIXED_BY_OVERRIDE if name in kwargs]
        if refused:
            msg = (
                f"override({', '.join(f'{name}=' for name in refused)}) is not possible on a KitaruAgent: the recorded "
                "calls belong to the agent as it was wrapped. Wrap the changed agent in a KitaruAgent of its own."
            )
            raise UserError(msg)
        with self.wrapped.override(**kwargs):
            yield

    def realtime(self, *args: Any, **kwargs: Any) -> AgentRealtime[AgentDepsT]:
        """Open realtime sessions of the wrapped agent; refused at flow scope, where they would not be recorded.

        Args:
            *args: Handed on.
            **kwargs: Handed on.

        Returns:
            The framework's accessor.

        Raises:
            KitaruUsageError: A flow is running here.
        """
        if seam.in_flow():
            msg = "A realtime session cannot be recorded call by call. Open it inside a checkpoint of the flow."
            raise KitaruUsageError(msg)
        return self.wrapped.realtime(*args, **kwargs)

    async def _run_at_flow_scope(self, args: RunArguments, kwargs: RunKeywords) -> AnyResult:
        if self._strategy == "turn":
            return await run_turn(self.wrapped, self._durability.settings, self._turn.turn_config, args, kwargs)
        token = RUN_HANDLER.set(kwargs.pop("event_stream_handler", None))
        try:
            with reuse_scope():
                result: AnyResult = await self.wrapped.run(*args, **kwargs)
                return result
        finally:
            RUN_HANDLER.reset(token)

    def _prepared(self, kwargs: RunKeywords) -> RunKeywords:
        kwargs = translated(kwargs)
        if isinstance(kwargs.get("model"), Model):
            msg = (
                "A KitaruAgent run takes a model by name only: a Model instance cannot be named in the record of the "
                "run. Give the model's name, or wrap an agent that has this model."
            )
            raise UserError(msg)
        if kwargs.get("workspace") is not None and (seam.in_flow() or seam.current_scope() is None):
            msg = "workspace= cannot be used in a durable run, because calls on a workspace would not be recorded."
            raise KitaruUsageError(msg)
        if (
            self._remembers
            and self._history
            and kwargs.get("message_history") is None
            and not kwargs.get("conversation")
        ):
            kwargs["message_history"] = list(self._history)
        kwargs["capabilities"] = [*(kwargs.get("capabilities") or ()), self._durability]
        return kwargs

    def _remember(self, result: object) -> None:
        if not self._remembers or result is None:
            return
        if seam.in_checkpoint():
            warnings.warn(
                "persist_message_history remembers runs inside a checkpoint in memory only: a rerun that reuses the "
                "checkpoint does not see them.",
                RuntimeWarning,
                stacklevel=3,
            )
        messages = getattr(result, "all_messages", None)
        if messages is None:
            msg = f"persist_message_history needs a result with all_messages(), not a {type(result).__qualname__}."
            raise KitaruRuntimeError(msg)
        self._history = messages()


def _bound(
    agent: AbstractAgent[AgentDepsT, object], durability: KitaruDurability[AgentDepsT]
) -> KitaruDurability[AgentDepsT]:
    if KitaruDurability.from_agent(agent) is not None:
        msg = (
            "The agent carries a KitaruDurability capability already, so its runs are durable without a KitaruAgent. "
            "Use one of the two."
        )
        raise UserError(msg)
    return durability._bind_for_agent(agent)  # noqa: SLF001 - `for_agent` of our own class without companions

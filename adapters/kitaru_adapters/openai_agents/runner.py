"""`KitaruRunner`: an agent graph of the OpenAI Agents SDK whose runs are durable inside a flow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agents import Agent

from kitaru.errors import KitaruUsageError
from kitaru.seam import automatic_flow_async, in_checkpoint, in_flow
from kitaru_adapters.kit.names import slug
from kitaru_adapters.openai_agents.loop import on_background_loop, refuse_running_loop
from kitaru_adapters.openai_agents.settings import check_settings
from kitaru_adapters.openai_agents.state import ContextCodec
from kitaru_adapters.openai_agents.strategies import RunInput, RunnerParts, run_calls, run_plainly, run_runner_call
from kitaru_adapters.openai_agents.types import OpenAIRunRequest, OpenAIRunResult
from kitaru_adapters.openai_agents.waits import DENIAL_MESSAGE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from agents.run_state import ContextDeserializer, ContextSerializer
    from agents.stream_events import StreamEvent

    from kitaru_adapters.kit.configs import CheckpointConfig
    from kitaru_adapters.openai_agents.capture import OpenAICapturePolicy
    from kitaru_adapters.openai_agents.model import GivenConfig
    from kitaru_adapters.openai_agents.settings import (
        Approvals,
        CheckpointStrategy,
        ContextIdentity,
        CostCalculator,
        ToolCheckpointOverride,
    )

__all__ = ["KitaruRunner"]

_OPTIONS = frozenset(
    {
        "session",
        "hooks",
        "error_handlers",
        "conversation_id",
        "previous_response_id",
        "auto_previous_response_id",
    }
)


class KitaruRunner:
    """Runs an agent graph durably; the agents, tools and servers that it is given are never changed.

    Args:
        agent: The agent that runs start with.
        name: Name of the runner, part of every stable key; the agent's name by default.
        checkpoint_strategy: `calls` records every model call, tool call, MCP call and session operation on its own;
            `runner_call` records one boundary around the whole run.
        approvals: `request` returns an interrupted result; `wait` asks in place (strategy `calls` only).
        denial_message: What the model reads when a call was denied in place.
        approval_timeout: Seconds to poll for an answer in place before the flow pauses; the default window if absent.
        run_config_factory: Called once per run; `None` from it means the framework's defaults.
        capture: What may be seen; replay does not depend on it.
        run_checkpoint_config: Settings of the boundary of `runner_call`.
        model_checkpoint_config: Settings of model calls.
        tool_checkpoint_config: Settings of local tools.
        tool_checkpoint_config_by_name: Settings of single tools; `False` runs one without a boundary.
        custom_tool_checkpoint_config: Settings of custom, shell and patch tools.
        mcp_checkpoint_config: Settings of MCP listings and calls.
        handoff_checkpoints: Whether handoff callbacks are boundaries as well.
        context_serializer: Writes the context into a paused state; only together with `context_deserializer`.
        context_deserializer: Reads it back.
        context_cache_identity: Turns the context into text that separates cached outcomes.
        strict_context: Whether a paused state refuses a context that it cannot write.
        strict_sdk_version: Whether resuming under another release of the framework adds a warning.
        cost_calculator: Estimates the cost of a run from its usage.

    Raises:
        KitaruUsageError: An argument does not fit; the error names it.
    """

    def __init__(  # noqa: PLR0913 - the published settings, all by keyword
        self,
        agent: Agent,
        *,
        name: str | None = None,
        checkpoint_strategy: CheckpointStrategy = "calls",
        approvals: Approvals = "request",
        denial_message: str = DENIAL_MESSAGE,
        approval_timeout: float | None = None,
        run_config_factory: Callable[[], GivenConfig] | None = None,
        capture: OpenAICapturePolicy | None = None,
        run_checkpoint_config: CheckpointConfig | None = None,
        model_checkpoint_config: CheckpointConfig | None = None,
        tool_checkpoint_config: CheckpointConfig | None = None,
        tool_checkpoint_config_by_name: Mapping[str, ToolCheckpointOverride] | None = None,
        custom_tool_checkpoint_config: CheckpointConfig | None = None,
        mcp_checkpoint_config: CheckpointConfig | None = None,
        handoff_checkpoints: bool = False,
        context_serializer: ContextSerializer | None = None,
        context_deserializer: ContextDeserializer | None = None,
        context_cache_identity: ContextIdentity | None = None,
        strict_context: bool = True,
        strict_sdk_version: bool = True,
        cost_calculator: CostCalculator | None = None,
    ) -> None:
        given: object = agent
        if not isinstance(given, Agent):
            msg = f"{given!r} is no agents.Agent; realtime and voice agents cannot be run durably."
            raise KitaruUsageError(msg)
        if (context_serializer is None) != (context_deserializer is None):
            alone = "context_serializer" if context_deserializer is None else "context_deserializer"
            msg = f"{alone} was given alone; a paused state is written by one and read by the other, so give both."
            raise KitaruUsageError(msg)
        settings = check_settings(
            name=agent.name if name is None else name,
            checkpoint_strategy=checkpoint_strategy,
            approvals=approvals,
            denial_message=denial_message,
            approval_timeout=approval_timeout,
            capture=capture,
            configs={
                "run_checkpoint_config": run_checkpoint_config,
                "model_checkpoint_config": model_checkpoint_config,
                "tool_checkpoint_config": tool_checkpoint_config,
                "custom_tool_checkpoint_config": custom_tool_checkpoint_config,
                "mcp_checkpoint_config": mcp_checkpoint_config,
            },
            tool_checkpoint_config_by_name=tool_checkpoint_config_by_name,
            handoff_checkpoints=handoff_checkpoints,
            context_identity=context_cache_identity,
            cost_calculator=cost_calculator,
        )
        self._parts = RunnerParts(
            agent=agent,
            settings=settings,
            codec=ContextCodec(context_serializer, context_deserializer, strict_context),
            strict_sdk_version=strict_sdk_version,
            run_config_factory=run_config_factory,
        )

    @property
    def agent(self) -> Agent:
        """The agent that runs start with."""
        return self._parts.agent

    @property
    def name(self) -> str:
        """Name of the runner."""
        return self._parts.settings.name

    @property
    def checkpoint_strategy(self) -> CheckpointStrategy:
        """Where the durable boundaries lie."""
        return self._parts.settings.strategy

    @property
    def capture(self) -> OpenAICapturePolicy:
        """What may be seen of a run."""
        return self._parts.settings.capture

    async def run(self, request: OpenAIRunRequest, *, context: object = None, **options: object) -> OpenAIRunResult:
        """Run the agent.

        Inside a flow the run is durable. Outside of one, `calls` opens a flow of its own around the run, and
        `runner_call` runs plainly. Inside a checkpoint `runner_call` runs plainly as part of that checkpoint.

        Args:
            request: A start, or the resumption of a paused run.
            context: Live state for tools and guardrails; never stored. On a resumption it replaces the stored one.
            **options: `session`, `hooks`, `error_handlers`, `conversation_id`, `previous_response_id` and
                `auto_previous_response_id`, as the framework's own runner takes them.

        Returns:
            The result; `status` says whether approvals are pending.

        Raises:
            KitaruUsageError: The request or an option does not fit, or `calls` was used inside a checkpoint.
            AgentsException: Whatever the framework raises, unchanged.
        """
        return await self._run(RunInput(request, context, self._checked(options)))

    def run_sync(self, request: OpenAIRunRequest, *, context: object = None, **options: object) -> OpenAIRunResult:
        """Run the agent and block until it is done; see `run`."""
        refuse_running_loop("KitaruRunner.run_sync()", "KitaruRunner.run()")
        return on_background_loop(self.run(request, context=context, **options))

    async def run_stream(
        self,
        request: OpenAIRunRequest,
        *,
        context: object = None,
        on_event: Callable[[StreamEvent], object] | None = None,
        **options: object,
    ) -> OpenAIRunResult:
        """Run the agent with streamed model calls; live events are published while it runs.

        Args:
            request: As in `run`.
            context: As in `run`.
            on_event: Called, and awaited where it is asynchronous, with each event of the framework's stream.
            **options: As in `run`.

        Returns:
            The same result as `run` gives.
        """
        return await self._run(RunInput(request, context, self._checked(options), streamed=True, on_event=on_event))

    def run_stream_sync(
        self,
        request: OpenAIRunRequest,
        *,
        context: object = None,
        on_event: Callable[[StreamEvent], object] | None = None,
        **options: object,
    ) -> OpenAIRunResult:
        """Run the agent with streamed model calls and block until it is done; see `run_stream`."""
        refuse_running_loop("KitaruRunner.run_stream_sync()", "KitaruRunner.run_stream()")
        return on_background_loop(self.run_stream(request, context=context, on_event=on_event, **options))

    async def _run(self, given: RunInput) -> OpenAIRunResult:
        request: object = given.request
        if not isinstance(request, OpenAIRunRequest):
            msg = f"{request!r} is no OpenAIRunRequest; use OpenAIRunRequest.start(...) or .resume(...)."
            raise KitaruUsageError(msg)
        if self.checkpoint_strategy == "runner_call":
            return await (run_runner_call if in_flow() else run_plainly)(self._parts, given)
        if in_checkpoint():
            msg = (
                f"Runner {self.name!r} has checkpoint_strategy='calls' and was started inside a checkpoint, where its "
                "model and tool calls cannot be boundaries of their own. Call it from the flow's body, or use "
                "checkpoint_strategy='runner_call' inside the checkpoint."
            )
            raise KitaruUsageError(msg)
        if in_flow():
            return await run_calls(self._parts, given)
        return await automatic_flow_async(slug(self.name, fallback="agent"), lambda: run_calls(self._parts, given))

    @staticmethod
    def _checked(options: dict[str, object]) -> dict[str, object]:
        if unknown := sorted(set(options) - _OPTIONS):
            msg = f"Unknown options of a run: {', '.join(unknown)}; known are: {', '.join(sorted(_OPTIONS))}."
            raise KitaruUsageError(msg)
        return {name: value for name, value in options.items() if value is not None}

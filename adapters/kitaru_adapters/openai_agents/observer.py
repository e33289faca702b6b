"""Run hooks that watch: who acts, which handoffs happen, and whether every offered tool is recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agents.lifecycle import RunHooks
from agents.run_internal.turn_preparation import validate_run_hooks

if TYPE_CHECKING:
    from agents import Agent, AgentHookContext, ModelResponse, RunContextWrapper, Tool, TResponseInputItem

    from kitaru_adapters.openai_agents.boundary import RunScope

__all__ = ["RunObserver"]


class RunObserver(RunHooks):
    """Tells the run's scope who acts, and hands everything on to the hooks of the caller.

    Args:
        scope: The run.
        hooks: The caller's hooks; they see the agents that the caller built, not our copies.

    Raises:
        TypeError: The caller gave something else than run hooks.
    """

    def __init__(self, scope: RunScope, hooks: object) -> None:
        self._scope = scope
        self._hooks = validate_run_hooks(hooks)

    async def on_llm_start(
        self, context: RunContextWrapper, agent: Agent, system_prompt: str | None, input_items: list[TResponseInputItem]
    ) -> None:
        """Note which agent asks its model."""
        self._scope.acting_agent = agent.name
        await self._hooks.on_llm_start(context, self._own(agent), system_prompt, input_items)

    async def on_llm_end(self, context: RunContextWrapper, agent: Agent, response: ModelResponse) -> None:
        """Hand on."""
        await self._hooks.on_llm_end(context, self._own(agent), response)

    async def on_agent_start(self, context: AgentHookContext, agent: Agent) -> None:
        """Hand on."""
        await self._hooks.on_agent_start(context, self._own(agent))

    async def on_agent_end(self, context: AgentHookContext, agent: Agent, output: object) -> None:
        """Hand on."""
        await self._hooks.on_agent_end(context, self._own(agent), output)

    async def on_handoff(self, context: RunContextWrapper, from_agent: Agent, to_agent: Agent) -> None:
        """Keep an event of the handoff."""
        recorder = self._scope.recorder
        facts = {"from_agent": from_agent.name, "to_agent": to_agent.name}
        recorder.add("handoff", position=recorder.take(), agent=from_agent.name, metadata=facts)
        await self._hooks.on_handoff(context, self._own(from_agent), self._own(to_agent))

    async def on_tool_start(self, context: RunContextWrapper, agent: Agent, tool: Tool) -> None:
        """Hand on."""
        await self._hooks.on_tool_start(context, self._own(agent), tool)

    async def on_tool_end(self, context: RunContextWrapper, agent: Agent, tool: Tool, result: object) -> None:
        """Hand on."""
        await self._hooks.on_tool_end(context, self._own(agent), tool, result)

    def _own(self, agent: Agent) -> Agent:
        return self._scope.graph.original(agent)

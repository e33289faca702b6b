"""The prepared copies of an agent graph: every agent once, however it is reached, and never the user's own objects."""

from __future__ import annotations

import copy
import weakref
from typing import TYPE_CHECKING

from agents import Agent, Handoff
from agents.models.interface import Model
from agents.sandbox import SandboxAgent

from kitaru.errors import KitaruUsageError
from kitaru.seam import run_unit_async
from kitaru_adapters.openai_agents.boundary import durable_run
from kitaru_adapters.openai_agents.mcp import Connections, durable_server
from kitaru_adapters.openai_agents.model import DurableModel
from kitaru_adapters.openai_agents.tools import durable_tool

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from agents import RunContextWrapper

    from kitaru.seam import Call
    from kitaru_adapters.openai_agents.settings import RunnerSettings

__all__ = ["AgentGraph"]


class AgentGraph:
    """Copies of agents whose models, tools and servers are recorded; made for one run and dropped with it.

    Args:
        settings: How the runner was configured.
        connections: Connects MCP servers when a body needs one.
    """

    def __init__(self, settings: RunnerSettings, connections: Connections) -> None:
        self._settings = settings
        self._connections = connections
        self._copies: dict[int, Agent] = {}
        self._originals: dict[int, Agent] = {}

    def prepared(self, agent: Agent) -> Agent:
        """Return the copy of an agent; the same one each time, also in cyclic graphs.

        Args:
            agent: An agent of the user's, or a copy made here.

        Returns:
            The copy.

        Raises:
            KitaruUsageError: Something of the agent cannot be recorded call by call.
        """
        if id(agent) in self._originals:
            return agent
        known = self._copies.get(id(agent))
        if known is not None:
            return known
        if isinstance(agent, SandboxAgent):
            msg = (
                f"The sandbox agent {agent.name!r} makes its tools while it runs, so they cannot be recorded call by "
                "call. Use checkpoint_strategy='runner_call' for it."
            )
            raise KitaruUsageError(msg)
        made = copy.copy(agent)
        self._copies[id(agent)] = made
        self._originals[id(made)] = agent
        self._fill(made, agent)
        return made

    def original(self, agent: Agent) -> Agent:
        """Return the user's agent behind a copy; any other agent as it is."""
        return self._originals.get(id(agent), agent)

    def _fill(self, made: Agent, agent: Agent) -> None:
        if isinstance(agent.model, Model):
            made.model = agent.model if isinstance(agent.model, DurableModel) else DurableModel(agent.model)
        made.tools = [durable_tool(tool, agent, self._settings, self.prepared) for tool in agent.tools]
        made.mcp_servers = [
            durable_server(server, agent.name, self._settings, self._connections) for server in agent.mcp_servers
        ]
        made.handoffs = [self._handoff(entry, agent.name) for entry in agent.handoffs]

    def _handoff(self, entry: Agent | Handoff, source: str) -> Agent | Handoff:
        if not isinstance(entry, Handoff):
            return self.prepared(entry)
        made = copy.copy(entry)
        reference = entry._agent_ref  # noqa: SLF001 - the only place where a handoff keeps its target
        target = reference() if reference is not None else None
        if isinstance(target, Agent):
            made._agent_ref = weakref.ref(self.prepared(target))  # noqa: SLF001 - as above
        made.on_invoke_handoff = self._invoked(entry, target, source)
        return made

    def _invoked(
        self, entry: Handoff, target: object, source: str
    ) -> Callable[[RunContextWrapper, str], Awaitable[Agent]]:
        async def invoke(ctx: RunContextWrapper, arguments: str) -> Agent:
            scope = durable_run()
            if scope is None or not self._settings.handoff_checkpoints or not isinstance(target, Agent):
                return self.prepared(await entry.on_invoke_handoff(ctx, arguments))
            label = f"handoff/{source}/{entry.tool_name}/{scope.completed_model_calls}"
            unit = scope.unit(
                f"{source}_{entry.tool_name}_handoff",
                f"{label}#{scope.count(label)}",
                self._settings.tool,
                kind="function",
                label="handoff",
                identity={"handoff": entry.tool_name, "arguments": arguments},
            )

            async def body(_call: Call) -> str:
                reached = await entry.on_invoke_handoff(ctx, arguments)
                return reached.name

            await run_unit_async(unit, body)
            return self.prepared(target)

        return invoke

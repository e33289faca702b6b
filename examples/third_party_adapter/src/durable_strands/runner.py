"""What users of the adapter call: a Strands agent whose runs go on where they stopped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any, cast

from strands import Agent
from strands.agent import AgentResult
from strands.interrupt import Interrupt

from durable_strands.boundaries import Boundaries
from kitaru.errors import KitaruUsageError
from kitaru.seam import Question, ask_async, in_flow

__all__ = ["DurableAgent"]


class DurableAgent:
    """Runs agents in the body of a flow, where each model call and each tool call is recorded and never repeated.

    Every run has an agent of its own, so that a run that continues begins where the first one began. Interrupts
    become waits: the execution may end, and goes on when a person has answered. Outside of a flow, and inside a
    checkpoint, an agent runs as if this class were not there.

    Args:
        make: Makes the agent of a run.
        name: What the boundaries are called after.
        strategy: `calls`, the only one there is.
        answers: What a person may answer, by the name of the interrupt: a type, or a JSON schema; yes or no by default.
        fail_on: Names of tools whose exceptions end the run; others are told to the model, as Strands does.

    Raises:
        KitaruUsageError: There is no such strategy.
    """

    def __init__(
        self,
        make: Callable[[], Agent],
        *,
        name: str = "agent",
        strategy: str = "calls",
        answers: Mapping[str, object] | None = None,
        fail_on: Collection[str] = (),
    ) -> None:
        if strategy != "calls":
            msg = f"There is no strategy {strategy!r} for Strands agents; use one of: calls."
            raise KitaruUsageError(msg)
        self._make, self._name, self._fail_on, self._schemas = make, name, frozenset(fail_on), answers or {}

    def run(self, prompt: Any, **kwargs: Any) -> AgentResult:
        """Run an agent to its end, and return what `Agent.__call__` returns; it takes the same arguments."""
        # On a thread of its own, as Strands does: there may be a running loop on this one.
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(copy_context().run, asyncio.run, self.run_async(prompt, **kwargs)).result()

    async def run_async(self, prompt: Any, **kwargs: Any) -> AgentResult:
        """Run an agent to its end on the running event loop, as `Agent.invoke_async` does."""
        async for event in self.stream(prompt, **kwargs):
            last = event
        return cast("AgentResult", last["result"])

    async def stream(self, prompt: Any, **kwargs: Any) -> AsyncIterator[dict[str, Any]]:
        """Run an agent and yield what `Agent.stream_async` yields; of an answer that was recorded, its text."""
        agent = self._make()
        boundaries = Boundaries(agent, self._name, self._fail_on) if in_flow() else None
        while prompt is not None:
            asking = None
            try:
                async for event in agent.stream_async(prompt, **kwargs):
                    result = event.get("result")
                    if result is not None and result.stop_reason == "interrupt" and boundaries is not None:
                        asking = result.interrupts
                    else:
                        yield event
            except Exception:
                if boundaries and boundaries.broken:
                    raise boundaries.broken from None
                raise
            prompt = await self._answers(agent, asking) if asking else None

    async def _answers(self, agent: Agent, interrupts: Any) -> list[Any]:
        given = await ask_async([self._question(agent, interrupt) for interrupt in interrupts])
        return [
            {"interruptResponse": {"interruptId": interrupt.id, "response": answer}}
            for interrupt, answer in zip(interrupts, given, strict=True)
        ]

    def _question(self, agent: Agent, interrupt: Interrupt) -> Question:
        blocks = [block for message in agent.messages for block in message["content"]]
        # An interrupt's id holds that of the call it is about; an answer counts for these arguments alone.
        uses = [
            block["toolUse"] for block in blocks if block.get("toolUse", {}).get("toolUseId") in interrupt.id.split(":")
        ]
        shown = [{"tool": use["name"], "arguments": use["input"]} for use in uses]
        return Question(
            name=interrupt.name,
            schema=self._schemas.get(interrupt.name, bool),
            question=str(interrupt.reason or interrupt.name),
            metadata={"interrupt": interrupt.name, "calls": shown},
            bound_to=[interrupt.id, shown],
        )

"""What users of the adapter call: a Strands agent whose runs go on where they stopped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any

from strands import Agent
from strands.agent import AgentResult
from strands.interrupt import Interrupt

from durable_strands.boundaries import Boundaries
from kitaru.errors import KitaruUsageError
from kitaru.seam import Question, ask_async, in_flow

__all__ = ["DurableAgent"]

_STRATEGIES = ("calls",)


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
        if strategy not in _STRATEGIES:
            msg = f"There is no strategy {strategy!r} for Strands agents; use one of: {', '.join(_STRATEGIES)}."
            raise KitaruUsageError(msg)
        self._make = make
        self._name = name
        self._schemas = answers or {}
        self._fail_on = frozenset(fail_on)

    def run(self, prompt: Any, **kwargs: Any) -> AgentResult:
        """Run an agent to its end.

        Args:
            prompt: What `Agent.__call__` takes.
            **kwargs: What else it takes.

        Returns:
            The framework's result.
        """
        # On a thread of its own, as Strands does: there may be a running loop on this one.
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(copy_context().run, asyncio.run, self.run_async(prompt, **kwargs)).result()

    async def run_async(self, prompt: Any, **kwargs: Any) -> AgentResult:
        """Run an agent to its end on the running event loop.

        Args:
            prompt: What `Agent.invoke_async` takes.
            **kwargs: What else it takes.

        Returns:
            The framework's result.
        """
        agent = self._agent()
        result = await agent.invoke_async(prompt, **kwargs)
        while self._is_asking(result):
            result = await agent.invoke_async(await self._answers(agent, result), **kwargs)
        return result

    async def stream(self, prompt: Any, **kwargs: Any) -> AsyncIterator[dict[str, Any]]:
        """Run an agent and yield its events, the last one with the `result`.

        Args:
            prompt: What `Agent.stream_async` takes.
            **kwargs: What else it takes.

        Yields:
            The framework's events; of an answer that was recorded, its text.
        """
        agent, pending = self._agent(), prompt
        while True:
            asking = None
            async for event in agent.stream_async(pending, **kwargs):
                if "result" in event and self._is_asking(event["result"]):
                    asking = event["result"]
                else:
                    yield event
            if asking is None:
                return
            pending = await self._answers(agent, asking)

    def _agent(self) -> Agent:
        agent = self._make()
        Boundaries(agent, self._name, self._fail_on)
        return agent

    def _is_asking(self, result: AgentResult) -> bool:
        return result.stop_reason == "interrupt" and in_flow()

    async def _answers(self, agent: Agent, result: AgentResult) -> list[Any]:
        """Ask a person everything that is open, at once, and return the answers in the words of Strands."""
        interrupts: Sequence[Interrupt] = result.interrupts or ()
        questions = [self._question(agent, interrupt) for interrupt in interrupts]
        given = await ask_async(questions)
        return [
            {"interruptResponse": {"interruptId": interrupt.id, "response": answer}}
            for interrupt, answer in zip(interrupts, given, strict=True)
        ]

    def _question(self, agent: Agent, interrupt: Interrupt) -> Question:
        blocks = [block for message in agent.messages for block in message["content"]]
        uses = [block["toolUse"] for block in blocks if "toolUse" in block]
        # An interrupt's id holds that of the call it is about; an answer counts for these arguments alone.
        calls = [use for use in uses if use["toolUseId"] in interrupt.id.split(":")]
        shown = [{"tool": use["name"], "arguments": use["input"]} for use in calls]
        return Question(
            name=interrupt.name,
            schema=self._schemas.get(interrupt.name, bool),
            question=str(interrupt.reason or interrupt.name),
            metadata={"interrupt": interrupt.name, "calls": shown},
            bound_to=[interrupt.id, shown],
        )

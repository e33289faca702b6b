"""A toy agent framework: a loop of model and tool calls, streams, tools side by side, approvals. It knows no kitaru."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol


class ToolRetryError(Exception):
    """A tool's failure that the model is told."""


class UnavailableError(Exception):
    """Something that this framework cannot do."""


@dataclass(frozen=True)
class Call:
    id: str
    tool: str
    value: str


@dataclass(frozen=True)
class Message:
    """Something said: by the user, by the model, or by the tool that a call went to."""

    role: str
    text: str = ""
    calls: tuple[Call, ...] = ()
    call_id: str = ""
    usage: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class Tool:
    """A tool; `ask` in its body is the framework's way of asking a person."""

    name: str
    function: Callable[[str, Callable[[str], str]], str]
    approval: bool = False
    asks: bool = False
    agent: Agent | None = None


class Model(Protocol):
    def stream(self, messages: Sequence[Message]) -> AsyncIterator[str | Message]:
        """Yield pieces of text, then the whole message."""


@dataclass(frozen=True)
class Agent:
    name: str
    model: Model
    tools: dict[str, Tool] = field(default_factory=dict)


@dataclass(frozen=True)
class Result:
    text: str
    usage: tuple[int, int]


Listener = Callable[[str], object]


class Runner:
    """Runs an agent."""

    def __init__(self, agent: Agent) -> None:
        self.agent = agent

    def run_sync(self, prompt: str) -> Result:
        return asyncio.run(self.run(prompt))

    async def run(self, prompt: str, on_text: Listener | None = None) -> Result:
        messages = [Message("user", prompt)]
        while True:
            said = await self.ask(messages, on_text)
            messages.append(said)
            if not said.calls:
                used = [message.usage for message in messages]
                return Result(said.text, (sum(one for one, _ in used), sum(one for _, one in used)))
            messages += await self.use_all(said.calls)

    async def run_stream(self, prompt: str) -> AsyncIterator[str | Result]:
        """Yield the pieces of text, then the result."""
        heard: asyncio.Queue[str | None] = asyncio.Queue()
        running = asyncio.ensure_future(self.run(prompt, heard.put_nowait))
        running.add_done_callback(lambda _: heard.put_nowait(None))
        while (piece := await heard.get()) is not None:
            yield piece
        yield await running

    async def run_backwards(self, prompt: str) -> Result:
        return await self.run(prompt[::-1])

    async def ask(self, messages: Sequence[Message], on_text: Listener | None) -> Message:
        async for said in self.agent.model.stream(messages):
            if isinstance(said, Message):
                return said
            if on_text is not None:
                on_text(said)
        raise UnavailableError("The model said nothing.")

    async def use_all(self, calls: Sequence[Call]) -> list[Message]:
        """Use the tools of one turn side by side; every one finishes before a failure is raised."""
        return settled(await asyncio.gather(*map(self.use, calls), return_exceptions=True))

    async def use(self, call: Call) -> Message:
        try:
            text = await self.execute(call)
        except ToolRetryError as error:
            text = f"Try again: {error}"
        return Message("tool", text, call_id=call.id)

    async def execute(self, call: Call) -> str:
        tool = self.agent.tools[call.tool]
        if tool.agent is not None:
            return (await self.beside(tool.agent).run(call.value)).text
        return await asyncio.to_thread(tool.function, call.value, self.ask_person)

    def beside(self, agent: Agent) -> Runner:
        """Return the runner of an agent that is called as a tool."""
        return Runner(agent)

    def ask_person(self, question: str) -> str:
        raise UnavailableError(f"There is nobody to ask: {question}")


def settled(found: Sequence[Message | BaseException]) -> list[Message]:
    """Return what came of the calls of one turn, or raise the first failure; errors go before everything else."""
    failures = [one for one in found if isinstance(one, BaseException)]
    for failure in sorted(failures, key=lambda one: not isinstance(one, Exception)):
        raise failure
    return [one for one in found if isinstance(one, Message)]

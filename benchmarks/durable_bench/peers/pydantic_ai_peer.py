"""One agent of PydanticAI, as it is and made durable.

`BENCH_MODE` is `plain`, `kitaru`, `dbos` for its own DBOS integration, or `bare` for a plain agent that makes a bare
commit after each model request and each tool call.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.metadata
import os
from typing import TYPE_CHECKING, Any

from pydantic_ai import Agent
from pydantic_ai.messages import ModelMessage, ModelRequest, ModelResponse, TextPart, ToolCallPart, UserPromptPart
from pydantic_ai.models.function import AgentInfo, FunctionModel
from pydantic_ai.usage import UsageLimits

from durable_bench.bare import BareCommits
from durable_bench.filler import Filler
from durable_bench.meter import Meter

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

Costs = dict[str, float | None]
ENDLESS = UsageLimits(request_limit=None)


class Peer:
    """One process, one store; `BENCH_MODE` says which way."""

    def __init__(self, folder: Path) -> None:
        self._calls = self._size = 0
        self._filler = Filler()
        mode = os.environ["BENCH_MODE"]
        self.version = f"pydantic-ai {importlib.metadata.version('pydantic-ai-slim')}, {mode}"
        self._run: Callable[[list[ModelMessage]], Awaitable[None]] = getattr(self, f"_{mode}")(folder)

    def _answer(self, messages: list[ModelMessage], _info: AgentInfo) -> ModelResponse:
        asked = sum(isinstance(message, ModelResponse) for message in messages) - self._before
        if asked >= self._calls - 1:
            return ModelResponse(parts=[TextPart("done")])
        return ModelResponse(parts=[ToolCallPart("look", {"number": asked}, tool_call_id=f"call-{asked}")])

    def _agent(self, look: Callable[[int], Awaitable[str]], **more: Any) -> Agent[None, str]:  # noqa: ANN401
        return Agent(FunctionModel(self._answer, model_name="scripted"), name="bench", tools=[look], **more)

    async def _look(self, number: int) -> str:
        del number
        return self._filler.text(self._size)

    def _plain(self, _folder: Path) -> Callable[[list[ModelMessage]], Awaitable[None]]:
        return _running(self._agent(_named(self._look)))

    def _bare(self, folder: Path) -> Callable[[list[ModelMessage]], Awaitable[None]]:
        commits = BareCommits(folder)

        async def answer(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
            response = self._answer(messages, info)
            await commits.commit()
            return response

        async def look(number: int) -> str:
            found = await self._look(number)
            await commits.commit()
            return found

        return _running(Agent(FunctionModel(answer, model_name="scripted"), name="bench", tools=[look]))

    def _kitaru(self, folder: Path) -> Callable[[list[ModelMessage]], Awaitable[None]]:
        os.environ |= {"KITARU_STORE": str(folder / "kitaru.db"), "KITARU_CONFIG_PATH": str(folder)}
        flow = importlib.import_module("kitaru").flow
        durable = importlib.import_module("kitaru.adapters.pydantic_ai").KitaruAgent
        agent = durable(self._agent(_named(self._look)))
        history: list[ModelMessage] = []

        @flow
        async def story() -> None:
            await agent.run("go", message_history=history, usage_limits=ENDLESS)

        async def run(given: list[ModelMessage]) -> None:
            history[:] = given
            handle = await asyncio.to_thread(story.run)
            await asyncio.to_thread(handle.wait)

        return run

    def _dbos(self, folder: Path) -> Callable[[list[ModelMessage]], Awaitable[None]]:
        dbos: Any = importlib.import_module("dbos").DBOS
        dbos(
            config={
                "name": "bench",
                "system_database_url": f"sqlite:///{folder}/dbos.sqlite",
                "run_admin_server": False,
                "console_log_level": "ERROR",
                "log_level": "ERROR",
            }
        )
        durability = importlib.import_module("pydantic_ai.durable_exec.dbos").DBOSDurability
        agent = self._agent(dbos.step(name="look")(_named(self._look)), capabilities=[durability()])

        async def workflow(history: list[ModelMessage]) -> None:
            await agent.run("go", message_history=history, usage_limits=ENDLESS)

        run: Callable[[list[ModelMessage]], Awaitable[None]] = dbos.workflow()(workflow)
        dbos.launch()
        return run

    def _go(self, calls: int, size: int, history: list[ModelMessage]) -> Costs:
        self._calls, self._size = calls, size
        self._before = sum(isinstance(message, ModelResponse) for message in history)
        with Meter() as meter:
            asyncio.run(self._run(history))
        return meter.result(1)

    def loop(self, calls: int) -> Costs:
        """Make one run of so many model calls, with a tool call after each but the last."""
        return self._go(calls, 100, [])

    def conversation(self, start: int, added: int, calls: int) -> Costs:
        """Make one run over a conversation of `start` letters that each call makes longer by `added`."""
        turns = self._filler.turns(start, added)
        history: list[ModelMessage] = [
            ModelResponse(parts=[TextPart(text)]) if number % 2 else ModelRequest(parts=[UserPromptPart(text)])
            for number, text in enumerate(turns)
        ]
        return self._go(calls, added, history)

    def close(self) -> None:
        """Nothing to close: the stores close with the process."""


def _running(agent: Agent[None, str]) -> Callable[[list[ModelMessage]], Awaitable[None]]:
    async def run(history: list[ModelMessage]) -> None:
        await agent.run("go", message_history=history, usage_limits=ENDLESS)

    return run


def _named(look: Callable[[int], Awaitable[str]]) -> Callable[[int], Awaitable[str]]:
    """Return the tool as a plain function, which is what every integration takes."""

    async def look_up(number: int) -> str:
        return await look(number)

    look_up.__name__ = "look"
    return look_up

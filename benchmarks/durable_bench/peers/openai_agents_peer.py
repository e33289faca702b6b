"""One agent of the OpenAI Agents SDK, as it is and made durable.

`BENCH_MODE` is `plain`, `kitaru`, or `bare` for a plain agent that makes a bare commit after each model call and each
tool call.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.metadata
import os
from typing import TYPE_CHECKING, Any

from agents import Agent, Model, ModelResponse, Runner, function_tool
from agents.testing import ScriptedModel, assistant_message, function_call

from durable_bench.bare import BareCommits
from durable_bench.filler import Filler
from durable_bench.meter import Meter

os.environ["OPENAI_AGENTS_DISABLE_TRACING"] = "1"

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

Costs = dict[str, float | None]
Said = list[Any]


class _Committing(Model):
    """Another model, with a bare commit after each response."""

    def __init__(self, inner: Model, commits: BareCommits) -> None:
        self._inner = inner
        self._commits = commits

    async def get_response(self, *args: Any, **kwargs: Any) -> ModelResponse:  # noqa: ANN401
        """Return the other model's response once the commit is done."""
        response = await self._inner.get_response(*args, **kwargs)
        await self._commits.commit()
        return response

    def stream_response(self, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:  # noqa: ANN401
        """Return the other model's stream; no run here streams."""
        return self._inner.stream_response(*args, **kwargs)


class Peer:
    """One process, one store; `BENCH_MODE` says which way."""

    def __init__(self, folder: Path) -> None:
        self._size = 0
        self._filler = Filler()
        self._commits: BareCommits | None = None
        mode = os.environ["BENCH_MODE"]
        self.version = f"openai-agents {importlib.metadata.version('openai-agents')}, {mode}"
        self._run: Callable[[Agent[None], Said, int], None] = getattr(self, f"_{mode}")(folder)

    def _agent(self, calls: int) -> Agent[None]:
        commits = self._commits

        @function_tool
        async def look(number: int) -> str:
            """Look something up."""
            del number
            found = self._filler.text(self._size)
            if commits is not None:
                await commits.commit()
            return found

        steps = [[function_call("look", {"number": n}, call_id=f"call-{n}")] for n in range(calls - 1)]
        model = ScriptedModel([*steps, [assistant_message("done")]])
        return Agent(name="bench", model=model if commits is None else _Committing(model, commits), tools=[look])

    def _bare(self, folder: Path) -> Callable[[Agent[None], Said, int], None]:
        self._commits = BareCommits(folder)
        return self._plain(folder)

    def _plain(self, _folder: Path) -> Callable[[Agent[None], Said, int], None]:
        def run(agent: Agent[None], said: Said, calls: int) -> None:
            asyncio.run(Runner.run(agent, said, max_turns=calls + 1))

        return run

    def _kitaru(self, folder: Path) -> Callable[[Agent[None], Said, int], None]:
        os.environ |= {"KITARU_STORE": str(folder / "kitaru.db"), "KITARU_CONFIG_PATH": str(folder)}
        flow = importlib.import_module("kitaru").flow
        adapter = importlib.import_module("kitaru.adapters.openai_agents")

        def run(agent: Agent[None], said: Said, calls: int) -> None:
            @flow
            async def story() -> None:
                await adapter.KitaruRunner(agent).run(adapter.OpenAIRunRequest.start(said, max_turns=calls + 1))

            story.run().wait()

        return run

    def _go(self, calls: int, size: int, said: Said) -> Costs:
        self._size = size
        agent = self._agent(calls)
        with Meter() as meter:
            self._run(agent, said, calls)
        return meter.result(1)

    def loop(self, calls: int) -> Costs:
        """Make one run of so many model calls, with a tool call after each but the last."""
        return self._go(calls, 100, [{"role": "user", "content": "go"}])

    def conversation(self, start: int, added: int, calls: int) -> Costs:
        """Make one run over a conversation of `start` letters that each call makes longer by `added`."""
        turns = self._filler.turns(start, added)
        said = [{"role": "assistant" if n % 2 else "user", "content": text} for n, text in enumerate(turns)]
        return self._go(calls, added, [*said, {"role": "user", "content": "go"}])

    def close(self) -> None:
        """Nothing to close: the store closes with the process."""

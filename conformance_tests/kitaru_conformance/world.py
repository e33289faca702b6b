"""What the fake model and the tools of a harness call: it says what comes next, and writes down that it happened."""

from __future__ import annotations

import asyncio
import inspect
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path

import msgspec

import kitaru
from kitaru_conformance.ledger import PATIENCE, PAUSE, Event, Ledger, Phase
from kitaru_conformance.script import Script, ScriptedError, Tool, Turn

__all__ = ["DIE_AT", "FOLDER", "SECRET", "World"]

SECRET = "KITARU_CONFORMANCE_API_KEY"  # noqa: S105 - the name of one
"""Environment variable whose value stands for `{secret}` in scripts, and is told by every scripted failure."""

DIE_AT = "KITARU_CONFORMANCE_DIE_AT"
"""Environment variable that names the event at which a world kills its process."""


FOLDER = "KITARU_CONFORMANCE_FOLDER"
"""Environment variable that names the folder of the ledgers."""


class World:
    """The world around one agent: its model, its tools and the ledger of what they did.

    A world has no memory of its own. What the model says depends on the conversation it is shown, because a process
    that continues a run does not repeat the calls before; what fails depends on the ledger.

    Args:
        script: What is to happen.
        ledger: File of the ledger.
        die_at: `label:phase` or `label:phase:n`, such as `tool:search:begin:2`: at the n-th such event in the ledger
            the process kills itself with SIGKILL.

    Attributes:
        script: What is to happen.
        ledger: What happened.
    """

    def __init__(self, script: Script, ledger: str | Path, die_at: str | None = None) -> None:
        self.script = script
        self.ledger = Ledger(ledger)
        self._die_at = die_at or None

    def delegate(self, tool: str) -> World:
        """Return the world of the agent behind a tool; it shares the ledger.

        Args:
            tool: Name of a tool whose `agent` is set.
        """
        inner = self.script.tool(tool).agent
        if inner is None:
            msg = f"Tool {tool!r} of {self.script.name!r} is no agent; set its `agent` to a script."
            raise LookupError(msg)
        return World(inner, self.ledger.path, self._die_at)

    def turn(self, index: int, results: Mapping[str, str]) -> Turn:
        """Return what the model says now; call this once for every request that reaches the fake model.

        Args:
            index: Number of answers of the model that the conversation holds already. Never count calls.
            results: Text of every tool result in the conversation, by id of its call.

        Raises:
            ScriptedError: This request fails.
        """
        turn = self._begin_turn(index, results)
        self._fail_scripted("model", str(index), turn.failures)
        self._write("model", str(index), "end")
        return turn

    def stream(self, index: int, results: Mapping[str, str]) -> Iterator[str]:
        """Yield the pieces of text the model says now; the streamed form of `turn`.

        What it calls stands in `script.turns[index].calls`, and is to be sent behind the text.

        Args:
            index: As for `turn`.
            results: As for `turn`.

        Raises:
            ScriptedError: This request fails, behind its first piece.
        """
        turn = self._begin_turn(index, results)
        for number, piece in enumerate(turn.pieces):
            if number:
                self._fail_scripted("model", str(index), turn.failures)
            self._write("model", str(index), "chunk", piece)
            yield piece
        self._fail_scripted("model", str(index), turn.failures)
        self._write("model", str(index), "end")

    def use(self, tool: str, value: str, *, ask: Callable[[str], str] | None = None) -> str:
        """Carry out a tool; the body of every tool function of a harness.

        Args:
            tool: Its name.
            value: Its argument.
            ask: The framework's way of asking a person, for tools whose `asks` is set: takes the question, returns the
                answer.

        Returns:
            Its result.

        Raises:
            ScriptedError: This execution fails.
        """
        known = self.script.tool(tool)
        answer = ask(known.asks) if known.asks is not None and ask is not None else ""
        self._begin_tool(known, value)
        until = time.monotonic() + PATIENCE
        while self._is_held(known):
            if time.monotonic() > until:
                raise TimeoutError(_stuck(known))
            time.sleep(PAUSE)
        return self._end_tool(known, value, answer)

    async def use_async(
        self, tool: str, value: str, *, ask: Callable[[str], str | Awaitable[str]] | None = None
    ) -> str:
        """Carry out a tool without blocking the event loop.

        Args:
            tool: As for `use`.
            value: As for `use`.
            ask: As for `use`; it may return an awaitable.

        Returns:
            Its result.

        Raises:
            ScriptedError: This execution fails.
        """
        known = self.script.tool(tool)
        asked = ask(known.asks) if known.asks is not None and ask is not None else ""
        answer = await asked if inspect.isawaitable(asked) else asked
        self._begin_tool(known, value)
        until = time.monotonic() + PATIENCE
        while self._is_held(known):
            if time.monotonic() > until:
                raise TimeoutError(_stuck(known))
            await asyncio.sleep(PAUSE)
        return self._end_tool(known, value, answer)

    def mcp_command(self) -> list[str]:
        """Return the command of an MCP server over stdio that offers the tools marked `mcp` of this agent."""
        return [sys.executable, "-m", "kitaru_conformance.mcp_server", str(self.ledger.path), self.script.encode()]

    def _begin_turn(self, index: int, results: Mapping[str, str]) -> Turn:
        if index >= len(self.script.turns):
            msg = f"The script of {self.script.name!r} has {len(self.script.turns)} turns; turn {index} was asked for."
            raise LookupError(msg)
        self._write("model", str(index), "begin", msgspec.json.encode(dict(sorted(results.items()))).decode())
        return self.script.turns[index].shown(results)

    def _begin_tool(self, tool: Tool, value: str) -> None:
        self._write("tool", tool.name, "begin", value)
        self._fail_scripted("tool", tool.name, tool.failures)

    def _is_held(self, tool: Tool) -> bool:
        if tool.after is not None and not self.ledger.count(f"tool:{tool.after}", phase="end"):
            return True
        return tool.holds and not self.ledger.count(f"tool:{tool.name}", phase="released") and not _is_cancelled()

    def _end_tool(self, tool: Tool, value: str, answer: str) -> str:
        self._write("tool", tool.name, "end", value)
        return tool.result.replace("{value}", value).replace("{answer}", answer)

    def _fail_scripted(self, kind: str, name: str, failures: int) -> None:
        if failures and self.ledger.count(f"{kind}:{name}", phase="failed", agent=self.script.name) < failures:
            self._write(kind, name, "failed")
            msg = f"scripted failure of {kind} {name} {os.environ.get(SECRET, '')}".rstrip()
            raise ScriptedError(msg)

    def _write(self, kind: str, name: str, phase: Phase, value: str = "") -> None:
        event = {"kind": kind, "name": name, "phase": phase, "agent": self.script.name, "value": value}
        self.ledger.write(msgspec.convert(event, Event))
        if self._die_at is None:
            return
        kind_, name_, phase_, n = [*self._die_at.split(":"), "1"][:4]
        here = (kind, name, phase) == (kind_, name_, phase_)
        if here and self.ledger.count(f"{kind}:{name}", phase=phase) == int(n):
            os.kill(os.getpid(), signal.SIGKILL)


def _is_cancelled() -> bool:
    call = kitaru.current_call()
    return call is not None and call.cancelled


def _stuck(tool: Tool) -> str:
    return f"Tool {tool.name!r} waited {PATIENCE:g} s for {tool.after!r} to finish, or for its own release."

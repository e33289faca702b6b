"""A neutral script of one agent run: what the model says turn by turn, and what the tools do.

The contract writes scripts; the harness of an adapter builds an agent of its framework from one. Nothing in a script
belongs to a framework, and every script is JSON, so that another process can read it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

__all__ = ["Script", "ScriptedError", "Tool", "ToolCall", "Turn"]


class ScriptedError(Exception):
    """A failure that the script asks for; the framework under test meets it as it would meet any other."""


class ToolCall(msgspec.Struct, frozen=True):
    """A model's wish to call a tool.

    Attributes:
        tool: Name of the tool.
        value: Its one argument, called `value`.
        id: Id of the call, unique in the script.
    """

    tool: str
    value: str
    id: str


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """One answer of the model.

    Attributes:
        text: What it says. `{c1}` stands for the result of the call with id `c1` as the model was shown it.
        calls: The tools it wants called, all in this one answer.
        chunks: The pieces in which a streamed answer arrives; empty for the whole text at once. They join to `text`.
        failures: How many requests for this turn fail before one succeeds. A streamed request fails behind its first
            piece.
        usage: Input and output tokens that the answer reports.
    """

    text: str = ""
    calls: tuple[ToolCall, ...] = ()
    chunks: tuple[str, ...] = ()
    failures: int = 0
    usage: tuple[int, int] = (10, 5)

    @property
    def pieces(self) -> tuple[str, ...]:
        """The pieces in which a streamed answer arrives; none for an answer without text."""
        return self.chunks or ((self.text,) if self.text else ())

    def shown(self, results: Mapping[str, str]) -> Turn:
        """Return the turn as a model says it that was shown these tool results.

        Args:
            results: Text of each tool result in the conversation, by id of its call.
        """

        def filled(text: str) -> str:
            for call_id, result in results.items():
                text = text.replace(f"{{{call_id}}}", result)
            return text

        return msgspec.structs.replace(self, text=filled(self.text), chunks=tuple(map(filled, self.chunks)))


class Tool(msgspec.Struct, frozen=True, kw_only=True):
    """A tool with the signature `(value: str) -> str`.

    A harness gives the framework a function of that name and signature which calls `World.use`; all other attributes
    but those marked *harness* are then true of it already.

    Attributes:
        name: Its name.
        result: What it returns; `{value}` stands for its argument, `{answer}` for what a person answered.
        failures: How many of its executions raise `ScriptedError` before one succeeds.
        handled: *harness*: its failures are told to the model by the framework's own means instead of ending the run.
        approval: *harness*: a person has to approve each call before it runs.
        asks: *harness*: the question that its body asks a person before it does anything; the harness hands the
            framework's way of asking to `World.use`.
        after: Name of a tool that must have finished before this one finishes.
        holds: Whether it stays in its body until `Ledger.release` names it, or until its call is cancelled.
        mcp: *harness*: it comes from the MCP server that `World.mcp_command` starts.
        agent: *harness*: it is another agent, run from this script with `World.delegate`, whose answer is the result.
        durable: *harness*: `False` opts this one tool out of recording.
        effect: *harness*: what the adapter is told about running it twice, such as `irreversible`.
    """

    name: str
    result: str = "{value}"
    failures: int = 0
    handled: bool = False
    approval: bool = False
    asks: str | None = None
    after: str | None = None
    holds: bool = False
    mcp: bool = False
    agent: Script | None = None
    durable: bool = True
    effect: str | None = None


class Script(msgspec.Struct, frozen=True, kw_only=True):
    """One run of an agent.

    Attributes:
        prompt: What the user says.
        turns: The model's answers, in order; the last one calls no tool.
        tools: The agent's tools.
        name: Name of the agent.
    """

    prompt: str = "go"
    turns: tuple[Turn, ...]
    tools: tuple[Tool, ...] = ()
    name: str = "agent"

    def encode(self) -> str:
        """Return the script as JSON."""
        return msgspec.json.encode(self).decode()

    @classmethod
    def decode(cls, text: str) -> Script:
        """Read a script back.

        Args:
            text: What `encode` returned.
        """
        return msgspec.json.decode(text, type=cls)

    def tool(self, name: str) -> Tool:
        """Return a tool of this agent.

        Args:
            name: Its name.

        Raises:
            LookupError: There is none of that name.
        """
        for tool in self.tools:
            if tool.name == name:
                return tool
        msg = (
            f"The script of {self.name!r} has no tool {name!r}; it has: {', '.join(tool.name for tool in self.tools)}."
        )
        raise LookupError(msg)

    def everyone(self) -> Iterator[Script]:
        """Yield this script and those of the agents that it delegates to."""
        yield self
        for tool in self.tools:
            if tool.agent is not None:
                yield from tool.agent.everyone()

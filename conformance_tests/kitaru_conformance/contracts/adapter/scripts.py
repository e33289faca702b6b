"""Scripts that several cases run."""

from __future__ import annotations

from kitaru_conformance.harness import AdapterHarness
from kitaru_conformance.script import Script, Tool, ToolCall, Turn

__all__ = ["BROKEN_MODEL", "BROKEN_TOOL", "CHAIN", "TALK", "broken", "chain", "pair"]


def chain(*, a: Tool | None = None, b: Tool | None = None, turns: tuple[int, ...] = (0, 0, 0)) -> Script:
    """Return a run of five calls, one after the other: model, tool a, model, tool b, model.

    Args:
        a: What the first tool is like.
        b: What the second tool is like.
        turns: How many requests of each turn fail.
    """
    said = (
        Turn(calls=(ToolCall("a", "one", "c1"),), failures=turns[0]),
        Turn(calls=(ToolCall("b", "two", "c2"),), failures=turns[1]),
        Turn(text="{c1} and {c2}", chunks=("{c1} ", "and ", "{c2}"), failures=turns[2]),
    )
    tools = (a or Tool(name="a", result="A {value}"), b or Tool(name="b", result="B {value}"))
    return Script(turns=said, tools=tools)


def pair(first: Tool, second: Tool) -> Script:
    """Return a run whose model calls two tools in one turn.

    Args:
        first: The tool that is called first.
        second: The other one.
    """
    calls = (ToolCall(first.name, "one", "c1"), ToolCall(second.name, "two", "c2"))
    return Script(turns=(Turn(calls=calls), Turn(text="{c1} and {c2}")), tools=(first, second))


CHAIN = chain()

TALK = Script(turns=(Turn(text="Hello there, world", chunks=("Hello ", "there, ", "world")),))
BROKEN_TOOL = chain(b=Tool(name="b", result="B {value}", failures=1))
BROKEN_MODEL = chain(turns=(0, 1, 0))


def broken(harness: type[AdapterHarness]) -> Script:
    """Return a run that fails once before its end, by a tool wherever the failure of a tool ends a run.

    Args:
        harness: The class of the harness.
    """
    return BROKEN_TOOL if harness.tool_failures == "raised" else BROKEN_MODEL

"""Tools that are nothing but a question to a person."""

from __future__ import annotations

import copy
import functools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TypeVar, cast

from pydantic import PlainSerializer
from pydantic_ai.tools import Tool

from kitaru.errors import KitaruUsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pydantic_ai.toolsets import AbstractToolset, ToolsetTool

__all__ = ["HitlMarker", "hitl_marker", "hitl_tool"]

_KEY = "kitaru_hitl"
_ATTRIBUTE = "__kitaru_hitl__"
F = TypeVar("F", bound="Callable[..., object] | Tool[Any]")


@dataclass(frozen=True)
class HitlMarker:
    """What to ask when the model calls the tool; its dump is text, because tool metadata travels inside results.

    Attributes:
        question: Text for the person, unless the model brings its own.
        name: First part of the wait's name; the tool's name when left out.
        schema: Type of the answer, a live type.
        question_arg: Argument that holds the model's own question.
    """

    question: str | None = None
    name: str | None = None
    schema: Annotated[object, PlainSerializer(repr)] = field(default=None)
    question_arg: str | None = "question"

    def text(self, args: Mapping[str, object]) -> str | None:
        """Return the model's question if it brought one that is not blank, else the static one."""
        own = args.get(self.question_arg) if self.question_arg is not None else None
        return own if isinstance(own, str) and own.strip() else self.question


def hitl_tool(
    *,
    question: str | None = None,
    name: str | None = None,
    schema: object = None,
    question_arg: str | None = "question",
) -> Callable[[F], F]:
    """Make a tool a pure question: its body never runs, a person's answer is its result.

    Args:
        question: Text for the person.
        name: First part of the wait's name; the tool's name when left out.
        schema: Type of the answer.
        question_arg: Argument in which the model may bring its own question; `None` switches that off.

    Returns:
        A decorator for a function or a `Tool`.
    """
    marker = HitlMarker(question, name, schema, question_arg)

    def mark(tool: F) -> F:
        if isinstance(tool, Tool):
            marked = copy.copy(tool)
            marked.metadata = {**(tool.metadata or {}), _KEY: marker}
            return cast("F", marked)
        return cast("F", _question_only(cast("Callable[..., object]", tool), marker))

    return mark


def _question_only(function: Callable[..., object], marker: HitlMarker) -> Callable[..., object]:
    from kitaru_adapters.pydantic_ai.waits import REMEDIES

    @functools.wraps(function)
    def never_runs(*_args: object, **_kwargs: object) -> NoReturn:
        msg = (
            f"{function.__name__!r} is a question to a person, which needs a run at flow scope; here it was called "
            f"inside a checkpoint or without kitaru. {REMEDIES}"
        )
        raise KitaruUsageError(msg)

    setattr(never_runs, _ATTRIBUTE, marker)
    return never_runs


def hitl_marker(toolset: AbstractToolset[object], name: str, tool: ToolsetTool[object]) -> HitlMarker | None:
    """Return the marker of a tool that is a pure question.

    Args:
        toolset: The toolset of the tool.
        name: Name of the tool in that toolset.
        tool: The framework's description of the tool.

    Returns:
        The marker, or `None` for an ordinary tool.
    """
    marked = (tool.tool_def.metadata or {}).get(_KEY)
    if isinstance(marked, HitlMarker):
        return marked
    known = getattr(toolset, "tools", None)
    source = known.get(getattr(tool, "original_name", None) or name) if isinstance(known, dict) else None
    found = getattr(getattr(source, "function", None), _ATTRIBUTE, None)
    return found if isinstance(found, HitlMarker) else None

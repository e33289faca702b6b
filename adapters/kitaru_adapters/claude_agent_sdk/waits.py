"""Tool calls that wait for a person: the run stops at them, the flow asks, another invocation goes on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from kitaru.errors import KitaruContextError, KitaruUsageError
from kitaru.seam import Question, ask, ask_async, in_flow
from kitaru_adapters.claude_agent_sdk.request import ClaudeRunRequest, ClaudeToolDecision
from kitaru_adapters.kit.limits import Limits, bounded
from kitaru_adapters.kit.names import slug

if TYPE_CHECKING:
    from kitaru.records.plain import JsonMapping
    from kitaru_adapters.claude_agent_sdk.types import ClaudeDeferredTool, ClaudeRunResult

__all__ = ["ClaudeToolApproval", "wait_for_tool_approval", "wait_for_tool_approval_async"]


@dataclass(frozen=True)
class ClaudeToolApproval:
    """Which tool calls must be approved before they run.

    Attributes:
        match: Names of tools, where `*` stands for anything; or a function of name and arguments.
        ask: The question to put, as a text or as a function of the call; `None` for a plain one.
    """

    match: Sequence[str] | Callable[[str, JsonMapping], bool]
    ask: str | Callable[[ClaudeDeferredTool], str] | None = field(default=None)

    def __post_init__(self) -> None:
        """Refuse a single text, which would be read as a list of letters.

        Raises:
            KitaruUsageError: `match` is neither a list of names nor a function.
        """
        names = not isinstance(self.match, str) and isinstance(self.match, Sequence) and all(self.match)
        if not (names or callable(self.match)):
            msg = f"match={self.match!r} must be a list of tool names or a function of name and arguments."
            raise KitaruUsageError(msg)

    def matches(self, name: str, arguments: Mapping[str, object]) -> bool:
        """Return whether this call must be approved.

        Args:
            name: Name of the tool.
            arguments: Its arguments.
        """
        if callable(self.match):
            return bool(self.match(name, arguments))
        return any(fnmatchcase(name, pattern) for pattern in self.match)

    def question(self, call: ClaudeDeferredTool) -> str:
        """Return the question to put about a call.

        Args:
            call: The call.
        """
        if callable(self.ask):
            return self.ask(call)
        return self.ask or _question(call)


def wait_for_tool_approval(
    result: ClaudeRunResult,
    *,
    schema: type = bool,
    name: str | None = None,
    question: str | None = None,
    timeout: float | None = None,
    metadata: Mapping[str, object] | None = None,
) -> ClaudeRunRequest:
    """Ask whether the tool call a run stopped at may go ahead; use it in the flow body only.

    Args:
        result: A result with status `requires_approval`.
        schema: `bool` for yes or no; `ClaudeToolDecision`, to take a changed input or a reason as well.
        name: Name of the wait; made from the tool's name when left out.
        question: What to ask.
        timeout: How many seconds to poll before the flow is suspended.
        metadata: Facts to show with the question; the call itself is shown anyway.

    Returns:
        The request to hand to the runner next: it goes on in the same session with the decision.

    Raises:
        KitaruUsageError: There is nothing to decide, or the schema is no decision.
        KitaruContextError: Not in the flow body.
    """
    asked = _ask_about(result, schema, name, question, timeout, metadata)
    return _request(result, ask([asked])[0])


async def wait_for_tool_approval_async(
    result: ClaudeRunResult,
    *,
    schema: type = bool,
    name: str | None = None,
    question: str | None = None,
    timeout: float | None = None,  # noqa: ASYNC109 - the window of the wait, not of this coroutine
    metadata: Mapping[str, object] | None = None,
) -> ClaudeRunRequest:
    """Do the same as `wait_for_tool_approval` without blocking the event loop.

    Args:
        result: A result with status `requires_approval`.
        schema: `bool` or `ClaudeToolDecision`.
        name: Name of the wait.
        question: What to ask.
        timeout: How many seconds to poll before the flow is suspended.
        metadata: Facts to show with the question.

    Returns:
        The request to hand to the runner next.

    Raises:
        KitaruUsageError: There is nothing to decide, or the schema is no decision.
        KitaruContextError: Not in the flow body.
    """
    asked = _ask_about(result, schema, name, question, timeout, metadata)
    return _request(result, (await ask_async([asked]))[0])


def _ask_about(
    result: ClaudeRunResult,
    schema: type,
    name: str | None,
    question: str | None,
    timeout: float | None,
    metadata: Mapping[str, object] | None,
) -> Question:
    call = result.deferred_tool
    if call is None or result.session_id is None:
        msg = (
            f"This result has status {result.status!r}: no tool call waits for a decision, so there is nothing to ask."
        )
        raise KitaruUsageError(msg)
    if not (schema is bool or (isinstance(schema, type) and issubclass(schema, ClaudeToolDecision))):
        msg = f"schema={schema!r} is no decision about a tool call; use bool or ClaudeToolDecision."
        raise KitaruUsageError(msg)
    if not in_flow():
        msg = (
            "wait_for_tool_approval was called outside a flow body, where nothing can wait. Return the result to the "
            "flow and ask there."
        )
        raise KitaruContextError(msg)
    shown = {"tool_use_id": call.id, "tool": call.name, "input": bounded(dict(call.input), Limits())}
    return Question(
        name=name or f"approve_{slug(call.name, fallback='tool')}",
        schema=schema,
        question=question or str(result.metadata.get("approval_question") or _question(call)),
        metadata={**shown, **(metadata or {})},
        timeout=timeout,
        bound_to={"tool_use_id": call.id, "tool": call.name, "input": dict(call.input)},
    )


def _request(result: ClaudeRunResult, answer: object) -> ClaudeRunRequest:
    call = result.deferred_tool
    assert call is not None  # noqa: S101 - checked before the question was put
    given = answer if isinstance(answer, ClaudeToolDecision) else ClaudeToolDecision(approved=bool(answer))
    decision = ClaudeToolDecision(
        **{**given.model_dump(include=set(ClaudeToolDecision.model_fields)), "tool_use_id": call.id}
    )
    return ClaudeRunRequest.resume("", str(result.session_id), cwd=result.metadata.get("cwd"), decision=decision)


def _question(call: ClaudeDeferredTool) -> str:
    return f"May Claude run the tool {call.name}?"

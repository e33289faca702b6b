"""Waiting for people: approvals, deferred calls and questions of tools become waits of the flow, opened together."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import msgspec
from pydantic_ai.exceptions import ApprovalRequired, CallDeferred, ModelRetry, ToolFailed

import kitaru
from kitaru import seam
from kitaru.errors import KitaruUsageError
from kitaru_adapters.kit.names import identifier, slug
from kitaru_adapters.pydantic_ai.framework import current_run_context
from kitaru_adapters.pydantic_ai.hitl import hitl_marker
from kitaru_adapters.pydantic_ai.runs import CALLING, run_state
from kitaru_adapters.pydantic_ai.types import ADAPTER

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from pydantic_ai.messages import ToolCallPart
    from pydantic_ai.tools import DeferredToolRequests, DeferredToolResults, RunContext
    from pydantic_ai.toolsets import AbstractToolset, ToolsetTool

    from kitaru_adapters.pydantic_ai.settings import Settings

__all__ = ["ToolCall", "answer_deferred", "defer_hitl", "suspendable", "wait_for_input"]

_PRIVATE = "kitaru_wait"
REMEDIES = (
    "Take the tool out of checkpointing with tool_checkpoint_config_by_name={'<tool>': False} so that it runs at flow "
    "scope, or make it a pure question with @hitl_tool, or wait in the code of the flow itself."
)


@dataclass
class _Frame:
    """What the body of one tool at flow scope asked for, and where that body stands."""

    place: str
    questions: list[seam.Question] = field(default_factory=list)

    def ask(self, name: str, *, timeout: float | None, **shown: Any) -> Any:
        """Ask without staying: where the answer is missing, the batch of calls waits for it at flow scope."""
        asked = seam.Question(name=name, timeout=timeout, key=f"{self.place}/{name}/{len(self.questions)}", **shown)
        self.questions.append(asked)
        return seam.ask([msgspec.structs.replace(asked, timeout=0)])[0]


@dataclass(frozen=True)
class ToolCall:
    """One call of a tool as its toolset sees it.

    Attributes:
        name: Name of the tool in its toolset.
        args: Validated arguments.
        ctx: The framework's context of the call.
        tool: The framework's description of the tool.
    """

    name: str
    args: dict[str, object]
    ctx: RunContext[object]
    tool: ToolsetTool[object]

    @property
    def shown(self) -> str:
        """Name of the tool as the model calls it."""
        return self.ctx.tool_name or self.name


@dataclass
class _Paused:
    """A tool body that stopped at a wait and starts again once the answer is there."""

    call_id: str
    suspension: seam.Suspension
    questions: list[seam.Question]
    again: Callable[[], Awaitable[object]]


_FRAME: ContextVar[_Frame | None] = ContextVar("kitaru_pydantic_ai_tool_frame", default=None)


def wait_for_input(
    *,
    question: str | None = None,
    schema: object = bool,
    name: str | None = None,
    timeout: float | None = None,
    metadata: Mapping[str, object] | None = None,
) -> Any:
    """Ask a person from the body of a tool that runs at flow scope.

    Args:
        question: Text for the person.
        schema: Type of the answer.
        name: Name of the wait; made of the tool and the call when left out.
        timeout: How long the runner polls before it leaves the process, in seconds.
        metadata: Kept with the wait.

    Returns:
        The answer.

    Raises:
        KitaruUsageError: The tool runs inside a checkpoint, or its call has no id to name the wait by.
    """
    ctx = CALLING.get() or current_run_context()
    if seam.in_checkpoint():
        tool = f"Tool {ctx.tool_name!r}" if ctx is not None and ctx.tool_name else "This code"
        msg = f"{tool} waits for input inside a checkpoint, where an execution cannot pause. {REMEDIES}"
        raise KitaruUsageError(msg)
    shown = {**(metadata or {}), "adapter": ADAPTER, "source": "tool_body"}
    if ctx is not None and ctx.tool_name:
        name = name or f"{slug(ctx.tool_name, fallback='tool')}_{_call_id(ctx.tool_name, ctx.tool_call_id)}"
        shown |= {"tool_name": ctx.tool_name, "tool_call_id": ctx.tool_call_id}
    frame = _FRAME.get()
    if frame is None or name is None:
        return kitaru.wait(schema=schema, name=name, question=question, timeout=timeout, metadata=shown)
    return frame.ask(name, schema=schema, question=question, metadata=shown, timeout=timeout)


def _call_id(tool: str, call_id: str | None) -> str:
    return identifier(call_id, what=f"A call of tool {tool!r}")


def defer_hitl(settings: Settings, toolset: AbstractToolset[object], call: ToolCall) -> None:
    """Turn a call of a pure question into a deferred one; every other call passes.

    Args:
        settings: What the caller set for the agent.
        toolset: The toolset of the tool.
        call: The call.

    Raises:
        CallDeferred: The tool is a question to a person; its body never runs.
    """
    marker = hitl_marker(toolset, call.name, call.tool)
    if marker is None:
        return
    call_id = _call_id(call.shown, call.ctx.tool_call_id)
    asked = seam.Question(
        name=f"{slug(marker.name or call.shown, fallback='question')}_{call_id}",
        schema=marker.schema,
        question=marker.text(call.args),
        metadata=_metadata(settings, call.shown, call.ctx.tool_call_id or "", call.args, None),
        bound_to={"tool_call_id": call.ctx.tool_call_id, "arguments": dict(call.args)},
    )
    _pending(call.ctx)[call.ctx.tool_call_id or ""] = asked
    raise CallDeferred(metadata={_PRIVATE: asked.name})


async def suspendable(ctx: RunContext[object], run: Callable[[], Awaitable[object]]) -> object:
    """Run the body of a tool at flow scope; where it stops at a wait, its siblings are not disturbed.

    Args:
        ctx: The framework's context of the call.
        run: The body.

    Returns:
        What the tool returned.

    Raises:
        CallDeferred: The body waits for a person; the batch of calls carries the wait to flow scope.
    """
    frame = _Frame(run_state(ctx).key(f"step{ctx.run_step}", "wait", ctx.tool_call_id))
    token, calling = _FRAME.set(frame), CALLING.set(ctx)
    try:
        return await run()
    except seam.Suspension as suspension:
        paused = _Paused(ctx.tool_call_id or "", suspension, frame.questions, lambda: suspendable(ctx, run))
    finally:
        _FRAME.reset(token)
        CALLING.reset(calling)
    _pending(ctx)[paused.call_id] = paused
    raise CallDeferred(metadata={_PRIVATE: True})


def _pending(ctx: RunContext[object]) -> dict[str, seam.Question | _Paused]:
    return cast("dict[str, seam.Question | _Paused]", run_state(ctx).pending)


async def answer_deferred(
    settings: Settings, ctx: RunContext[object], requests: DeferredToolRequests
) -> DeferredToolResults | None:
    """Open one wait for each call of a batch that needs a person, all of them together, and give the answers back.

    Args:
        settings: What the caller set for the agent.
        ctx: The framework's context of the step.
        requests: The batch.

    Returns:
        The answers, or `None` where the run does not stand at flow scope.
    """
    if not seam.in_flow():
        return None
    approvals = {call.tool_call_id: _approval(settings, call, requests) for call in requests.approvals}
    pending = _pending(ctx)
    calls: dict[str, seam.Question | _Paused] = {}
    for call in requests.calls:
        known = pending.pop(call.tool_call_id) if call.tool_call_id in pending else None
        calls[call.tool_call_id] = known or _deferred(settings, ctx, call, requests)
    answers = await _ask({**approvals, **calls})
    results = {key: await _resume(ctx, calls[key], answers.get(key)) for key in calls}
    if (events := run_state(ctx).events) is not None:
        events.deferred(ctx, requests, answers)
    return requests.build_results(approvals={key: bool(answers[key]) for key in approvals}, calls=results)


async def _ask(questions: Mapping[str, seam.Question | _Paused]) -> dict[str, object]:
    """Open all waits of a batch in one commit, then wait for all of them."""
    named = [(key, question) for key, asked in questions.items() for question in _of(asked)]
    foreign = [asked.suspension for asked in questions.values() if isinstance(asked, _Paused) and not asked.questions]
    if foreign:
        seam.open_questions([question for _, question in named])
        raise foreign[0]
    values = await seam.ask_async([question for _, question in named]) if named else []
    return {key: value for (key, _), value in zip(named, values, strict=True)}


def _of(asked: seam.Question | _Paused) -> list[seam.Question]:
    return asked.questions[-1:] if isinstance(asked, _Paused) else [asked]


async def _resume(ctx: RunContext[object], call: seam.Question | _Paused, answer: object) -> object:
    """Return the result of a deferred call: the answer itself, or what the paused body comes to now."""
    while isinstance(call, _Paused):
        try:
            return await call.again()
        except (ModelRetry, ToolFailed) as signal:
            return signal
        except (CallDeferred, ApprovalRequired) as signal:
            again = _pending(ctx).pop(call.call_id, None)
            if not isinstance(again, _Paused):
                msg = f"A tool body that had waited for input then deferred its own call; do that first. {REMEDIES}"
                raise KitaruUsageError(msg) from signal
            await _ask({call.call_id: again})
            call = again
    return answer


def _approval(settings: Settings, call: ToolCallPart, requests: DeferredToolRequests) -> seam.Question:
    call_id = _call_id(call.tool_name, call.tool_call_id)
    args = call.args_as_dict()
    return seam.Question(
        name=f"approve_{slug(call.tool_name, fallback='tool')}_{call_id}",
        schema=bool,
        question=f"Approve the call of {call.tool_name!r}?",
        metadata=_metadata(settings, call.tool_name, call.tool_call_id, args, requests),
        bound_to={"tool_call_id": call.tool_call_id, "arguments": args},
    )


def _deferred(
    settings: Settings, ctx: RunContext[object], call: ToolCallPart, requests: DeferredToolRequests
) -> seam.Question:
    call_id = _call_id(call.tool_name, call.tool_call_id)
    args = call.args_as_dict()
    return seam.Question(
        name=f"defer_{slug(call.tool_name, fallback='tool')}_{call_id}",
        schema=_return_schema(ctx, call.tool_name),
        question=f"What is the result of {call.tool_name!r}?",
        metadata=_metadata(settings, call.tool_name, call.tool_call_id, args, requests),
        bound_to={"tool_call_id": call.tool_call_id, "arguments": args},
    )


def _return_schema(ctx: RunContext[object], tool_name: str) -> object:
    manager = ctx.tool_manager
    tool = manager.tools.get(tool_name) if manager is not None and manager.tools is not None else None
    schema = tool.tool_def.return_schema if tool is not None else None
    if not schema:
        msg = (
            f"Tool {tool_name!r} was deferred, but nothing says what its result looks like, so nobody could be asked "
            "for it. Annotate the return type of the tool, or give its ToolDefinition a return_schema."
        )
        raise KitaruUsageError(msg)
    return schema


def _metadata(
    settings: Settings,
    tool: str,
    call_id: str,
    args: Mapping[str, object],
    requests: DeferredToolRequests | None,
) -> dict[str, object]:
    known: dict[str, object] = {"adapter": ADAPTER, "tool_name": tool, "tool_call_id": call_id}
    if settings.capture.for_tool(tool) != "full":
        return known
    extra = dict(requests.metadata.get(call_id) or {}) if requests is not None else {}
    extra.pop(_PRIVATE, None)
    return {**known, "tool_args": dict(args), **({"metadata": extra} if extra else {})}

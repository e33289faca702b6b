"""Watches the tools of a run: what started, what completed, and what must wait for somebody's decision."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias, cast

from claude_agent_sdk import ClaudeAgentOptions, HookMatcher

from kitaru.seam import ControlSignal
from kitaru_adapters.claude_agent_sdk.types import ClaudeToolCall

if TYPE_CHECKING:
    from collections.abc import Callable

    from claude_agent_sdk import (
        HookCallback,
        HookContext,
        HookInput,
        HookJSONOutput,
        PostToolUseFailureHookInput,
        PostToolUseHookInput,
        PreToolUseHookInput,
    )
    from claude_agent_sdk.types import HookEvent

    from kitaru_adapters.claude_agent_sdk.guard import RunGuard
    from kitaru_adapters.claude_agent_sdk.notes import NoteBook
    from kitaru_adapters.claude_agent_sdk.request import ClaudeToolDecision
    from kitaru_adapters.claude_agent_sdk.waits import ClaudeToolApproval

    Done: TypeAlias = PostToolUseHookInput | PostToolUseFailureHookInput

__all__ = ["ToolWatch"]

_ASK_AGAIN = (
    "Not now: another tool call of this turn waits for a person's approval. Ask for this one again when you have seen "
    "the result of that one."
)
_DENIED = "A person decided that this tool call must not run."


class ToolWatch:
    """The hooks of one attempt; they are added to the user's own and have no opinion of theirs but on approvals.

    Args:
        guard: Ends the run when an observation cannot be kept.
        book: Where the observations go; `None` to keep none.
        approval: Which calls need an approval.
        decision: The decision about the call that the session stopped at.
        arguments: Whether arguments may be kept with the calls.
    """

    def __init__(
        self,
        guard: RunGuard,
        book: NoteBook | None,
        *,
        approval: ClaudeToolApproval | None = None,
        decision: ClaudeToolDecision | None = None,
        arguments: bool = False,
    ) -> None:
        self._guard = guard
        self._book = book
        self._approval = approval
        self._decision = decision
        self._arguments = arguments
        self._deferred: str | None = None
        self._calls: dict[str, ClaudeToolCall] = {}
        self.transcript_path: str | None = None
        self.on_activity: Callable[[], None] = lambda: None

    @property
    def calls(self) -> list[ClaudeToolCall]:
        """The tool calls seen so far, in the order they started."""
        return list(self._calls.values())

    def hooks(self, options: ClaudeAgentOptions) -> dict[HookEvent, list[HookMatcher]] | None:
        """Return the hooks of the options with ours behind them.

        Args:
            options: Options of the run; they are not changed.
        """
        if self._book is None and self._approval is None and self._decision is None:
            return options.hooks
        ours: dict[HookEvent, HookCallback] = {"PreToolUse": self._before}
        if self._book is not None:
            ours |= {"PostToolUse": self._after, "PostToolUseFailure": self._after}
        merged = {event: list(found) for event, found in (options.hooks or {}).items()}
        for event, callback in ours.items():
            merged.setdefault(event, []).append(HookMatcher(hooks=[callback]))
        return merged

    async def _before(self, data: HookInput, _id: str | None, _context: HookContext) -> HookJSONOutput:
        self.on_activity()
        self.transcript_path = data.get("transcript_path")
        call = cast("PreToolUseHookInput", data)
        try:
            verdict = self._verdict(call)
            if verdict.get("permissionDecision") in {None, "allow"}:
                await self._note_start(call)
        except (Exception, ControlSignal) as error:  # noqa: BLE001 - the program drops it and would run the tool
            return self._stop(error, "PreToolUse")
        # Which keys a verdict has is known at run time only.
        return {"hookSpecificOutput": {"hookEventName": "PreToolUse", **verdict}} if verdict else {}  # type: ignore[typeddict-item]

    async def _note_start(self, data: PreToolUseHookInput) -> None:
        kept = data["tool_input"] if self._arguments else None
        call = ClaudeToolCall(id=data["tool_use_id"], name=data["tool_name"], arguments=kept)
        self._calls[call.id] = call
        if self._book is not None:
            await self._book.write("tool_started", id=call.id, name=call.name)

    async def _note_end(self, data: Done) -> None:
        known = self._calls.get(data["tool_use_id"])
        done = ClaudeToolCall(
            id=data["tool_use_id"],
            name=data["tool_name"],
            duration_ms=data.get("duration_ms"),
            failed=data["hook_event_name"] == "PostToolUseFailure",
            arguments=known.arguments if known else None,
        )
        self._calls[done.id] = done
        if self._book is not None:
            await self._book.write("tool_completed", **done.model_dump(exclude={"arguments"}))

    async def _after(self, data: HookInput, _id: str | None, _context: HookContext) -> HookJSONOutput:
        try:
            await self._note_end(cast("Done", data))
        except (Exception, ControlSignal) as error:  # noqa: BLE001 - as above
            return self._stop(error, data["hook_event_name"])
        return {}

    def _stop(self, error: BaseException, event: str) -> HookJSONOutput:
        # Nothing may happen that is not written down: the run ends here, and raises the error.
        self._guard.fail(error)
        reason = "The run could not be recorded."
        if event != "PreToolUse":
            return {"continue_": False, "stopReason": reason}
        denied = {"hookEventName": event, "permissionDecision": "deny", "permissionDecisionReason": reason}
        # A dictionary with a variable event is not seen to be the typed one.
        return {"continue_": False, "stopReason": reason, "hookSpecificOutput": denied}  # type: ignore[typeddict-item]

    def _verdict(self, data: PreToolUseHookInput) -> dict[str, object]:
        key = str(data["tool_use_id"])
        if self._decision is not None and self._decision.tool_use_id == key:
            return _decided(self._decision)
        if self._deferred not in {None, key}:
            return {"permissionDecision": "deny", "permissionDecisionReason": _ASK_AGAIN}
        if self._approval is not None and self._approval.matches(data["tool_name"], data["tool_input"]):
            self._deferred = key
            return {"permissionDecision": "defer"}
        return {}


def _decided(decision: ClaudeToolDecision) -> dict[str, object]:
    if not decision.approved:
        return {"permissionDecision": "deny", "permissionDecisionReason": decision.message or _DENIED}
    if decision.updated_input is None:
        return {"permissionDecision": "allow"}
    return {"permissionDecision": "allow", "updatedInput": decision.updated_input}

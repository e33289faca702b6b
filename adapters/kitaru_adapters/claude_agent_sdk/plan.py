"""How an attempt goes about it: afresh from the prompt, or on from where an earlier attempt broke off."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from claude_agent_sdk import ClaudeAgentOptions, project_key_for_directory

from kitaru.errors import KitaruUsageError
from kitaru_adapters.claude_agent_sdk.errors import ClaudeInterruptedError
from kitaru_adapters.claude_agent_sdk.notes import derived_session_id
from kitaru_adapters.claude_agent_sdk.options import owns_session
from kitaru_adapters.claude_agent_sdk.sessions import KitaruSessionStore
from kitaru_adapters.claude_agent_sdk.transcript import (
    answered_tools,
    find_transcript,
    missing_entries,
    read_entries,
    was_answered,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from claude_agent_sdk import SessionKey, SessionStoreEntry

    from kitaru_adapters.claude_agent_sdk.notes import AttemptNotes, Fields, NoteBook
    from kitaru_adapters.claude_agent_sdk.request import ClaudeRunRequest

__all__ = ["OnInterrupted", "Plan", "check_continuable", "make_plan"]

OnInterrupted = Literal["rerun", "continue", "fail"]

_GO_ON = "Continue from where you left off."
_RESUME_SWITCH = {"CLAUDE_CODE_RESUME_INTERRUPTED_TURN": "1"}
_SEEN_TWICE = (
    "An earlier attempt ended inside the resumed session, so Claude sees the prompt of that attempt and this one."
)
_UNKNOWN = (
    "The process broke off while this tool ran, so it is not known whether it took effect. Check before you assume "
    "either, and before you call it again."
)
_NOT_RUN = "The process broke off before this tool was run. Call it again if it is still needed."


@dataclass(frozen=True)
class Plan:
    """How one attempt runs.

    Attributes:
        options: What it runs with.
        session_id: The session it will be, as far as that is known before.
        prompt: What Claude is told; `None` to tell nothing and let the session go on by itself.
        told: Ids of tool calls whose result the session holds already.
        warnings: What a reader of the result should know.
    """

    options: ClaudeAgentOptions
    session_id: str | None
    prompt: str | None
    told: frozenset[str] = frozenset()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Situation:
    """What an attempt finds when it starts.

    Attributes:
        request: The request.
        options: Options for it.
        book: Notes of the invocation.
        earlier: Its earlier attempts.
        derive: Whether session ids are derived.
        fork: Whether a resumed session belongs to another execution and must stay as it is.
        observed: Whether started tools are written down.
    """

    request: ClaudeRunRequest
    options: ClaudeAgentOptions
    book: NoteBook
    earlier: Sequence[AttemptNotes]
    derive: bool
    fork: bool
    observed: bool = True

    @property
    def last(self) -> AttemptNotes | None:
        """The last attempt; it broke off or failed, for otherwise there would be no further one."""
        return self.earlier[-1] if self.earlier else None


def check_continuable(options: ClaudeAgentOptions) -> None:
    """Refuse options with which a session cannot be kept in the journal.

    Args:
        options: Options of the run.

    Raises:
        KitaruUsageError: They ask for file checkpointing or for the latest conversation.
    """
    for name in ("enable_file_checkpointing", "continue_conversation"):
        if getattr(options, name):
            msg = (
                f"{name}=True does not go together with on_interrupted='continue' or approvals: the session has to be "
                "kept in the journal, and the SDK refuses that combination or would take another session. Leave one "
                "of them out."
            )
            raise KitaruUsageError(msg)


async def make_plan(found: Situation, policy: OnInterrupted) -> Plan:
    """Decide how an attempt runs.

    Args:
        found: What it finds.
        policy: What to do about an attempt that broke off.

    Raises:
        ClaudeInterruptedError: An earlier attempt broke off and the policy says to fail.
    """
    last = found.last
    if last is not None and last.interrupted and policy == "fail":
        msg = (
            f"Attempt {last.attempt} of this invocation broke off in session {last.session_id}, and "
            "on_interrupted='fail' leaves the decision to the flow. earlier_attempts lists which tools ran."
        )
        raise ClaudeInterruptedError(msg, earlier_attempts=[attempt.as_fact() for attempt in found.earlier])
    if last is not None and last.session_id and (policy == "continue" or found.request.decision is not None):
        plan = await _go_on(found, last.session_id)
        if plan is not None:
            return plan
    return await asyncio.to_thread(_afresh, found)


def _afresh(found: Situation) -> Plan:
    options, request = found.options, found.request
    session_id = options.session_id or options.resume
    own_id = derived_session_id(found.book.call, found.book.label)
    told: frozenset[str] = frozenset()
    warnings: tuple[str, ...] = ()
    if options.resume is not None and found.fork:
        options, session_id = replace(options, fork_session=True, session_id=own_id), own_id
    elif options.resume is not None and found.last is not None and request.decision is None:
        told, warnings = frozenset(answered_tools(_on_disk(options.resume, options))), (_SEEN_TWICE,)
    elif found.derive and not owns_session(options):
        options, session_id = replace(options, session_id=own_id), own_id
    if request.decision is None:
        return Plan(options, session_id, request.prompt, told, warnings)
    return Plan(_resumable(options), session_id, None, told, warnings)


async def _go_on(found: Situation, session_id: str) -> Plan | None:
    """Return the plan that goes on with an unfinished session, or `None` when it had not come to anything."""
    options, request = found.options, found.request
    entries = await _caught_up(found, session_id)
    store = options.session_store
    # An earlier invocation may have put the very same prompt into the session: only what this one added counts.
    added = store.entries(session_id) if isinstance(store, KitaruSessionStore) else entries
    if request.decision is None and not was_answered(added, request.prompt):
        return None
    resumed = replace(options, resume=session_id, session_id=None, fork_session=False)
    answered = frozenset(answered_tools(entries))
    if request.decision is not None and request.decision.tool_use_id not in answered:
        return Plan(_resumable(resumed), session_id, None, answered)
    return Plan(resumed, session_id, _GO_ON, answered)


async def _caught_up(found: Situation, session_id: str) -> list[SessionStoreEntry]:
    """Bring the stored session up to date: with the program's own file, which is ahead, and with stored results."""
    options = found.options
    on_disk = await asyncio.to_thread(_on_disk, session_id, options)
    store = options.session_store
    if store is None:
        return on_disk
    key: SessionKey = {"project_key": project_key_for_directory(options.cwd), "session_id": session_id}
    entries = await store.load(key) or []
    added = missing_entries(entries, on_disk, lambda call: _outcome(found, call))
    await store.append(key, added)
    return [*entries, *added]


def _outcome(found: Situation, call: str) -> Fields | None:
    """Return what Claude is told about a call that its session left open; nothing for one still to be decided on."""
    results = {result["key"]: result["result"] for attempt in found.earlier for result in attempt.results}
    if call in results:
        return dict(results[call])
    started = any(call in attempt.started for attempt in found.earlier)
    decision = found.request.decision
    if not started and decision is not None and decision.tool_use_id == call:
        return None
    text = _UNKNOWN if started or not found.observed else _NOT_RUN
    return {"content": [{"type": "text", "text": text}], "is_error": True}


def _on_disk(session_id: str, options: ClaudeAgentOptions) -> list[SessionStoreEntry]:
    path = find_transcript(session_id, options)
    return [] if path is None else read_entries(path)


def _resumable(options: ClaudeAgentOptions) -> ClaudeAgentOptions:
    return replace(options, env={**options.env, **_RESUME_SWITCH})

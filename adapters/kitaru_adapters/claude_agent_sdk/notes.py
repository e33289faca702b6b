"""What an attempt writes down before its outcome is known, and what a later attempt reads out of it."""

from __future__ import annotations

import asyncio
import socket
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias, cast

from kitaru.records.plain import JsonMapping
from kitaru_adapters.claude_agent_sdk.types import ClaudeEarlierAttempt, ClaudeToolCall

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kitaru.seam import Call
    from kitaru_adapters.claude_agent_sdk.launcher import Lease

__all__ = ["AttemptNotes", "Fields", "NoteBook", "derived_session_id"]

Fields: TypeAlias = JsonMapping
"""What a note holds: JSON that this adapter has written itself."""

_SESSIONS = uuid.UUID("5f0c9d1e-6a0f-5d57-9e5b-3a1f6f0f6c11")


def derived_session_id(call: Call, label: str) -> str:
    """Return the session id of one attempt: known before Claude starts, and different for every attempt.

    Args:
        call: The call the attempt belongs to.
        label: Which invocation inside the call it is.

    Returns:
        A UUID.
    """
    return str(uuid.uuid5(_SESSIONS, f"{call.execution_id}/{call.call_id}/{label}/{call.attempt}"))


@dataclass
class AttemptNotes:
    """The notes of one attempt, read back.

    Attributes:
        attempt: Its number.
        intent: What was written before the program started.
        session_id: The session, as reported or as intended.
        lease: Process of the program.
        ended: How the attempt ended, if it could say so.
        started: Tools that started, by id.
        completed: Tools that completed, by id.
        results: Stored results of durable tools, in the order they were stored.
        reused: Ids of stored results that this attempt took from earlier ones.
        begun: How many calls of an irreversible tool were begun, by identity.
    """

    attempt: int
    intent: Fields = field(default_factory=dict)
    session_id: str | None = None
    lease: Lease | None = None
    ended: str | None = None
    started: dict[str, Fields] = field(default_factory=dict)
    completed: dict[str, Fields] = field(default_factory=dict)
    results: list[Fields] = field(default_factory=list)
    reused: set[str] = field(default_factory=set)
    begun: dict[str, int] = field(default_factory=dict)

    @property
    def interrupted(self) -> bool:
        """Whether the attempt broke off instead of ending with an answer or an error of Claude's."""
        return self.ended in {None, "interrupted"}

    def take(self, kind: str, value: Fields) -> None:
        """Sort one note in."""
        if kind == "intent":
            self.intent, self.session_id = value, value.get("session_id")
        elif kind == "session":
            self.session_id = value["session_id"]
        elif kind == "lease":
            self.lease = cast("Lease", value)
        elif kind == "ended":
            self.ended = value["status"]
        elif kind == "tool_started":
            self.started[value["id"]] = value
        elif kind == "tool_completed":
            self.completed[value["id"]] = value
        elif kind == "tool_result":
            self.results.append(value)
        elif kind == "tool_reused":
            self.reused.add(value["key"])
        elif kind == "tool_begun":
            self.begun[value["identity"]] = value["number"]

    def as_fact(self, *, reused: Iterable[str] = ()) -> ClaudeEarlierAttempt:
        """Return the public form.

        Args:
            reused: Keys of stored results that later attempts have taken.
        """
        taken = set(reused)
        unfinished = [call for key, call in self.started.items() if key not in self.completed]
        return ClaudeEarlierAttempt(
            attempt=self.attempt,
            session_id=self.session_id,
            host=self.intent.get("host"),
            interrupted=self.interrupted,
            completed_tools=[_tool(call) for call in self.completed.values()],
            unfinished_tools=[_tool(call) for call in unfinished],
            unused_results=[str(result["key"]) for result in self.results if result["key"] not in taken],
        )


class NoteBook:
    """The notes of one invocation inside a call.

    Args:
        call: The call.
        label: Which invocation inside the call it is; calls with one invocation have one label.
    """

    def __init__(self, call: Call, label: str) -> None:
        self.call = call
        self.label = label
        self._prefix = f"claude/{label}/"

    async def write(self, kind: str, **value: object) -> None:
        """Write a note; it is durable when this returns.

        Args:
            kind: Which note.
            **value: Its JSON-ready fields.
        """
        await asyncio.to_thread(self.call.note, f"{self._prefix}{kind}", value)

    async def begin(self, session_id: str | None) -> None:
        """Write the intent: what is about to be started, before it is."""
        await self.write("intent", session_id=session_id, host=socket.gethostname())

    def earlier(self) -> list[AttemptNotes]:
        """Return the notes of earlier attempts of this call, oldest first."""
        attempts: dict[int, AttemptNotes] = {}
        for note in self.call.notes():
            if note.name.startswith(self._prefix) and note.attempt < self.call.attempt:
                found = attempts.setdefault(note.attempt, AttemptNotes(note.attempt))
                found.take(note.name.removeprefix(self._prefix), cast("Fields", note.value))
        return [attempts[number] for number in sorted(attempts)]


def _tool(call: Fields) -> ClaudeToolCall:
    failed = bool(call.get("failed"))
    return ClaudeToolCall(id=call["id"], name=call["name"], duration_ms=call.get("duration_ms"), failed=failed)

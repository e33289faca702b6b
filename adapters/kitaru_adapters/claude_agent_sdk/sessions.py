"""Claude's sessions in the journal, so that another machine can go on with them."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, TypedDict, cast

from claude_agent_sdk import SessionStore, fold_session_summary

import kitaru
from kitaru.errors import KitaruRuntimeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from claude_agent_sdk import (
        SessionKey,
        SessionListSubkeysKey,
        SessionStoreEntry,
        SessionStoreListEntry,
        SessionSummaryEntry,
    )

    from kitaru.seam import Call

__all__ = ["KitaruSessionStore", "saved_session", "session_artifact"]


class _Batch(TypedDict):
    """One note: entries that were appended, or a deletion, which has none."""

    project_key: str
    session_id: str
    subpath: str | None
    mtime: int
    entries: list[SessionStoreEntry] | None


class KitaruSessionStore(SessionStore):
    """A `SessionStore` over the notes of one call: every batch is durable before `append` returns.

    Nothing is rewritten: a session is the batches that were appended to it, and a deletion is one more note.

    Args:
        call: The call whose notes hold the sessions; all its attempts see them.
        label: Keeps several stores inside one call apart.
        base: Returns what a session held before this call, by its key; `None` for a session it does not know.
    """

    def __init__(
        self,
        call: Call,
        *,
        label: str = "sessions",
        base: Callable[[SessionKey], Sequence[SessionStoreEntry] | None] | None = None,
    ) -> None:
        self._call = call
        self._name = f"claude/{label}/transcript"
        self._base = base

    async def append(self, key: SessionKey, entries: list[SessionStoreEntry]) -> None:
        """Append a batch of transcript entries.

        Args:
            key: The session, or one of its parts.
            entries: The entries; an empty batch leaves no trace.
        """
        if entries:
            await self._write(key, entries=list(entries))

    async def load(self, key: SessionKey) -> list[SessionStoreEntry] | None:
        """Return everything a session holds, or `None` for one that was never written.

        Args:
            key: The session, or one of its parts.
        """
        return await asyncio.to_thread(self._load, key)

    async def list_sessions(self, project_key: str) -> list[SessionStoreListEntry]:
        """List the main transcripts of a project.

        Args:
            project_key: The project.

        Returns:
            Session ids with the time of their last change in milliseconds.
        """
        found: dict[str, int] = {}
        for batch in self._alive():
            if batch["project_key"] == project_key and batch["subpath"] is None:
                found[batch["session_id"]] = batch["mtime"]
        return [{"session_id": session, "mtime": mtime} for session, mtime in found.items()]

    async def list_session_summaries(self, project_key: str) -> list[SessionSummaryEntry]:
        """Return the SDK's summary of every main transcript of a project.

        Args:
            project_key: The project.
        """
        found: dict[str, SessionSummaryEntry] = {}
        for batch in self._alive():
            if batch["project_key"] == project_key and batch["subpath"] is None:
                session = batch["session_id"]
                key: SessionKey = {"project_key": project_key, "session_id": session}
                found[session] = fold_session_summary(found.get(session), key, batch["entries"] or [])
                found[session]["mtime"] = batch["mtime"]
        return list(found.values())

    async def delete(self, key: SessionKey) -> None:
        """Delete a session with all its parts, or one part of it.

        Args:
            key: The session, or one of its parts.
        """
        await self._write(key, entries=None)

    async def list_subkeys(self, key: SessionListSubkeysKey) -> list[str]:
        """List the parts of a session besides its main transcript.

        Args:
            key: The session.
        """
        wanted = (key["project_key"], key["session_id"])
        parts = (batch["subpath"] for batch in self._alive() if (batch["project_key"], batch["session_id"]) == wanted)
        return list(dict.fromkeys(part for part in parts if part is not None))

    def entries(self, session_id: str) -> list[SessionStoreEntry]:
        """Return what this call itself has appended to the main transcript of a session, in any project.

        Args:
            session_id: The session.
        """
        batches = (b for b in self._alive() if b["session_id"] == session_id and b["subpath"] is None)
        return _unique(entry for batch in batches for entry in batch["entries"] or [])

    async def _write(self, key: SessionKey, *, entries: list[SessionStoreEntry] | None) -> None:
        batch: _Batch = {
            "project_key": key["project_key"],
            "session_id": key["session_id"],
            "subpath": key.get("subpath"),
            "mtime": time.time_ns() // 1_000_000,
            "entries": entries,
        }
        await asyncio.to_thread(self._call.note, self._name, batch)

    def _load(self, key: SessionKey) -> list[SessionStoreEntry] | None:
        wanted = (key["project_key"], key["session_id"], key.get("subpath"))
        own = [b for b in self._alive() if (b["project_key"], b["session_id"], b["subpath"]) == wanted]
        before = self._base(key) if self._base is not None else None
        if not own and before is None:
            return None
        return _unique([*(before or []), *(entry for batch in own for entry in batch["entries"] or [])])

    def _alive(self) -> Iterator[_Batch]:
        """Yield the batches that no later deletion covers, in order."""
        batches = [cast("_Batch", note.value) for note in self._call.notes(self._name)]
        deletions = [(position, batch) for position, batch in enumerate(batches) if batch["entries"] is None]
        for position, batch in enumerate(batches):
            deleted = any(later > position and _covers(deletion, batch) for later, deletion in deletions)
            if batch["entries"] is not None and not deleted:
                yield batch


def _covers(deletion: _Batch, batch: _Batch) -> bool:
    same = all(deletion[name] == batch[name] for name in ("project_key", "session_id"))
    return same and deletion["subpath"] in {None, batch["subpath"]}


def _unique(entries: Iterator[SessionStoreEntry] | list[SessionStoreEntry]) -> list[SessionStoreEntry]:
    """Drop entries that a repeated batch brought twice; those without an id are kept as they are."""
    seen: set[str] = set()
    kept: list[SessionStoreEntry] = []
    for entry in entries:
        key = entry.get("uuid")
        if key is None or key not in seen:
            kept.append(entry)
        if key is not None:
            seen.add(key)
    return kept


def session_artifact(session_id: str, part: int) -> str:
    """Return the name under which an invocation saves what it added to a session.

    Args:
        session_id: The session.
        part: The how-manieth invocation of the execution that wrote to it, from 1.
    """
    return f"session__{session_id}_{part}"


def saved_session(execution_ids: Sequence[str], parts: int) -> Callable[[SessionKey], list[SessionStoreEntry] | None]:
    """Return a function that puts a session together from what earlier invocations saved.

    Args:
        execution_ids: Where to look, in this order: the execution, and the one it replays.
        parts: How many parts there must be.

    Returns:
        For `KitaruSessionStore`: the entries of a main transcript, or `None` when a part is missing.
    """

    def find(key: SessionKey) -> list[SessionStoreEntry] | None:
        if key.get("subpath") is not None:
            return None
        entries: list[SessionStoreEntry] = []
        for part in range(1, parts + 1):
            found = _load_first(execution_ids, session_artifact(key["session_id"], part))
            if found is None:
                return None
            entries.extend(found)
        return entries

    return find


def _load_first(execution_ids: Sequence[str], name: str) -> list[SessionStoreEntry] | None:
    for execution_id in execution_ids:
        with contextlib.suppress(KitaruRuntimeError):
            return cast("list[SessionStoreEntry]", kitaru.load(execution_id, name))
    return None

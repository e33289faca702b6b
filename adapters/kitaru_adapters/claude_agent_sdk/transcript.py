"""Claude's own record of a session: where it lies, what it says, and what is missing at its end."""

from __future__ import annotations

import json
import os
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, cast

from claude_agent_sdk import project_key_for_directory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from claude_agent_sdk import ClaudeAgentOptions, SessionStoreEntry

    from kitaru_adapters.claude_agent_sdk.notes import Fields

__all__ = [
    "answered_tools",
    "find_transcript",
    "missing_entries",
    "read_entries",
    "was_answered",
]


def find_transcript(session_id: str, options: ClaudeAgentOptions) -> Path | None:
    """Return the file in which the program keeps a session on this machine.

    Args:
        session_id: The session.
        options: Options of the run; their environment decides about the configuration folder.

    Returns:
        The file, or `None` when there is none.
    """
    projects = _config_folder(options) / "projects"
    expected = projects / project_key_for_directory(options.cwd) / f"{session_id}.jsonl"
    if expected.is_file():
        return expected
    return next(projects.glob(f"*/{session_id}.jsonl"), None)


def read_entries(path: Path) -> list[SessionStoreEntry]:
    """Return the complete lines of a transcript; a last line that was cut off by a crash is left out."""
    # JSON leaves other characters as they are that `splitlines` takes for the end of a line.
    return list(_entries(path.read_text(encoding="utf-8", errors="replace").split("\n")))


def answered_tools(entries: Iterable[SessionStoreEntry]) -> set[str]:
    """Return the ids of tool calls whose result the session holds."""
    return {
        str(block["tool_use_id"]) for entry in entries for block in _blocks(entry) if block.get("type") == "tool_result"
    }


def was_answered(entries: Iterable[SessionStoreEntry], prompt: str) -> bool:
    """Return whether the session holds the prompt and something of an answer, so that there is something to go on with.

    Args:
        entries: The session.
        prompt: What Claude was told.
    """
    asked = False
    for entry in entries:
        if entry.get("type") == "user" and prompt in _texts(cast("dict[str, object]", entry)):
            asked = True
        elif asked and entry.get("type") == "assistant":
            return True
    return False


def missing_entries(
    stored: Sequence[SessionStoreEntry],
    on_disk: Sequence[SessionStoreEntry],
    outcome: Callable[[str], Fields | None],
) -> list[SessionStoreEntry]:
    """Return what a stored session lacks: lines it was not sent before the crash, and outcomes of open tool calls.

    Args:
        stored: The session as it was stored.
        on_disk: The same session in the program's own file, as far as it is on this machine.
        outcome: Returns what is known of an open call, as content and error flag; `None` leaves it open.

    Returns:
        Entries to append.
    """
    known = {entry.get("uuid") for entry in stored}
    later = [entry for entry in on_disk if entry.get("uuid") is not None and entry.get("uuid") not in known]
    entries = [*stored, *later]
    answered = answered_tools(entries)
    open_calls = [(entry, key) for entry in entries for key in _tool_uses(entry) if key not in answered]
    found = [(entry, key, outcome(key)) for entry, key in open_calls]
    return [*later, *(_result_entry(entry, key, result) for entry, key, result in found if result is not None)]


def _result_entry(asked: SessionStoreEntry, key: str, result: Fields) -> SessionStoreEntry:
    content = result.get("content", [])
    kept = {name: value for name, value in asked.items() if name not in {"message", "requestId"}}
    block = {"tool_use_id": key, "type": "tool_result", "content": content, "is_error": bool(result.get("is_error"))}
    entry = {
        **kept,
        "parentUuid": asked["uuid"],
        "uuid": str(uuid.uuid4()),
        "type": "user",
        "message": {"role": "user", "content": [block]},
        "toolUseResult": content,
    }
    return cast("SessionStoreEntry", entry)


def _config_folder(options: ClaudeAgentOptions) -> Path:
    environment = {**os.environ, **options.env}
    if configured := environment.get("CLAUDE_CONFIG_DIR"):
        return Path(configured)
    return Path(environment.get("HOME") or Path.home()) / ".claude"


def _entries(lines: Iterable[str]) -> Iterator[SessionStoreEntry]:
    for line in lines:
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict):
            yield cast("SessionStoreEntry", entry)


def _blocks(entry: SessionStoreEntry) -> Iterator[dict[str, object]]:
    message = cast("dict[str, object]", entry).get("message")
    content = message.get("content") if isinstance(message, dict) else None
    if isinstance(content, list):
        yield from (block for block in content if isinstance(block, dict))


def _texts(entry: Mapping[str, object]) -> list[str]:
    message = entry.get("message")
    content = message.get("content") if isinstance(message, dict) else None
    if isinstance(content, str):
        return [content]
    return [str(block.get("text")) for block in content or [] if isinstance(block, dict)]


def _tool_uses(entry: SessionStoreEntry) -> Iterator[str]:
    yield from (str(block["id"]) for block in _blocks(entry) if block.get("type") == "tool_use")

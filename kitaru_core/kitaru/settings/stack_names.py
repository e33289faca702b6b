"""Which stacks are remembered, and which of them is active."""

from __future__ import annotations

from typing import Final

import msgspec

from kitaru.errors import KitaruStateError, KitaruUsageError
from kitaru.records.plain import JsonObject
from kitaru.settings.user_file import Section, read_user_file, user_file_path

__all__ = ["DEFAULT_STACK", "StackEntry", "active_stack_name", "find_stack", "remembered_stacks"]


class StackEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A stack as it is remembered.

    Attributes:
        id: Its id.
        name: Its name.
        kind: What kind of stack it is, such as `local` or `kubernetes`.
        labels: Labels of the user's own.
        components: Its parts by role, each with its settings.
    """

    id: str
    name: str
    kind: str = "local"
    labels: dict[str, str] = {}
    components: dict[str, JsonObject] = {}


DEFAULT_STACK: Final = StackEntry(
    id="00000000-0000-4000-8000-000000000001",
    name="default",
    components={"runner": {"kind": "local"}, "storage": {"kind": "local"}, "sandbox": {"kind": "local"}},
)
"""The local stack that always exists."""


def remembered_stacks(content: Section | None = None) -> dict[str, StackEntry]:
    """Return all stacks by name, the default one first.

    Args:
        content: Content of the settings file, if it was read already.

    Raises:
        KitaruUsageError: What is remembered of them is malformed.
    """
    content = read_user_file() if content is None else content
    try:
        kept = msgspec.convert(content.get("stacks") or [], list[StackEntry])
    except msgspec.ValidationError as error:
        msg = f"The section 'stacks' of {user_file_path()} is malformed: {error}. Correct or remove it."
        raise KitaruUsageError(msg) from error
    return {DEFAULT_STACK.name: DEFAULT_STACK} | {entry.name: entry for entry in kept}


def find_stack(name_or_id: str, content: Section | None = None) -> StackEntry:
    """Return a stack by its exact name or id.

    Args:
        name_or_id: Which one.
        content: Content of the settings file, if it was read already.

    Raises:
        KitaruStateError: There is none.
    """
    if name_or_id == DEFAULT_STACK.name:
        return DEFAULT_STACK
    stacks = remembered_stacks(content)
    found = stacks.get(name_or_id) or next((entry for entry in stacks.values() if entry.id == name_or_id), None)
    if found is None:
        msg = (
            f"There is no stack {name_or_id!r}; the stacks known here are: {', '.join(stacks)}. Use one, or create it."
        )
        raise KitaruStateError(msg)
    return found


def active_stack_name(content: Section | None = None) -> str:
    """Return the name of the active stack, which need not exist any more.

    Args:
        content: Content of the settings file, if it was read already.
    """
    content = read_user_file() if content is None else content
    found = content.get("active_stack")
    return found if isinstance(found, str) and found else DEFAULT_STACK.name

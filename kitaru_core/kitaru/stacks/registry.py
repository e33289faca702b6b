"""The stacks known on this machine, and which of them is active.

A local stack named `default` always exists and cannot be lost. What is said here about the active stack never touches
an execution that was started before.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Final

import msgspec

from kitaru.errors import KitaruStateError
from kitaru.settings import values
from kitaru.settings.stack_names import DEFAULT_STACK, StackEntry, active_stack_name, find_stack, remembered_stacks
from kitaru.settings.user_file import Section, read_user_file, update_user_file
from kitaru.stacks.kinds import LOCAL, stack_components

__all__ = [
    "StackInfo",
    "create_stack",
    "current_stack",
    "delete_stack",
    "isolated_target",
    "list_stacks",
    "use_stack",
]

_ISOLATED: Final = "isolated"


class StackInfo(msgspec.Struct, frozen=True):
    """A stack, in short.

    Attributes:
        id: Its id.
        name: Its name.
        is_active: Whether executions run on it when they name no other.
    """

    id: str
    name: str
    is_active: bool


def list_stacks() -> list[StackInfo]:
    """Return all stacks, `default` first.

    Raises:
        KitaruUsageError: The settings file is malformed.
    """
    content = read_user_file()
    active = active_stack_name(content)
    return [StackInfo(entry.id, entry.name, entry.name == active) for entry in remembered_stacks(content).values()]


def current_stack() -> StackInfo:
    """Return the active stack.

    Raises:
        KitaruStateError: It no longer exists; `default` never takes its place by itself.
    """
    content = read_user_file()
    entry = find_stack(active_stack_name(content), content)
    return StackInfo(entry.id, entry.name, is_active=True)


def use_stack(name_or_id: str) -> StackInfo:
    """Make a stack the active one, for this and later processes.

    Args:
        name_or_id: Its exact name or id.

    Returns:
        The stack.

    Raises:
        KitaruUsageError: The name is blank.
        KitaruStateError: There is no such stack.
    """
    wanted = values.text(name_or_id, "The name of the stack to use")
    with update_user_file() as content:
        entry = find_stack(wanted, content)
        content["active_stack"] = entry.name
    return StackInfo(entry.id, entry.name, is_active=True)


def create_stack(
    name: str,
    *,
    activate: bool = True,
    labels: Mapping[str, str] | None = None,
    kind: str = LOCAL,
    settings: Mapping[str, str] | None = None,
) -> StackInfo:
    """Create a stack; a local one has a runner, a place for artifacts and a sandbox on this machine.

    Args:
        name: Its name.
        activate: Whether to make it the active one.
        labels: Labels of your own.
        kind: Its kind: `local`, or one that a plugin offers.
        settings: What a stack of that kind is given.

    Returns:
        The stack.

    Raises:
        KitaruUsageError: The name is blank, a label is no text, nobody offers the kind, or a setting cannot be.
        KitaruStateError: There is a stack of this name.
    """
    cleaned = values.text(name, "The name of the new stack")
    entry = StackEntry(
        id=str(uuid.uuid4()),
        name=cleaned,
        kind=kind,
        labels=_labels(labels or {}),
        components=stack_components(kind, settings),
    )
    with update_user_file() as content:
        known = remembered_stacks(content)
        if cleaned in known or any(cleaned == other.id for other in known.values()):
            msg = f"There is a stack {cleaned!r} already. Use it with use_stack({cleaned!r}), or take another name."
            raise KitaruStateError(msg)
        _keep(content, {**known, cleaned: entry})
        if activate:
            content["active_stack"] = cleaned
        active = active_stack_name(content)
    return StackInfo(entry.id, entry.name, is_active=entry.name == active)


def delete_stack(name_or_id: str, *, recursive: bool = False, force: bool = False) -> None:
    """Forget a stack; nothing outside of kitaru is deleted.

    Args:
        name_or_id: Its exact name or id.
        recursive: Forget its components too. A local stack's components are part of it, so this changes nothing there.
        force: Delete it even when it is active; `default` becomes active then.

    Raises:
        KitaruUsageError: The name is blank.
        KitaruStateError: There is no such stack, it is `default`, or it is active and `force` is not given.
    """
    del recursive
    wanted = values.text(name_or_id, "The name of the stack to delete")
    with update_user_file() as content:
        entry = find_stack(wanted, content)
        if entry.id == DEFAULT_STACK.id:
            msg = f"The stack {entry.name!r} is always there and cannot be deleted."
            raise KitaruStateError(msg)
        if entry.name == active_stack_name(content):
            if not force:
                msg = (
                    f"The stack {entry.name!r} is active, so it was not deleted. Use another one first, or delete it "
                    "with force=True, which makes `default` active."
                )
                raise KitaruStateError(msg)
            content["active_stack"] = DEFAULT_STACK.name
        _keep(content, {name: other for name, other in remembered_stacks(content).items() if name != entry.name})


def isolated_target(stack: str | None) -> str:
    """Return the word for the execution target that takes isolated bodies on a stack.

    Args:
        stack: Name of the stack; `None` for this machine.

    Raises:
        KitaruStateError: There is no such stack any more.
    """
    if stack is None or stack == DEFAULT_STACK.name:
        return _ISOLATED
    return str(find_stack(stack).components.get("runner", {}).get(_ISOLATED, _ISOLATED))


def _keep(content: Section, entries: Mapping[str, StackEntry]) -> None:
    content["stacks"] = [msgspec.to_builtins(entry) for entry in entries.values() if entry.id != DEFAULT_STACK.id]


def _labels(labels: object) -> dict[str, str]:
    return {
        values.text(name, "The name of a label"): values.text(value, f"The label {name!r}")
        for name, value in values.mapping(labels, "labels").items()
    }

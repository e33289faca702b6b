"""`kitaru stack`: where executions run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from cyclopts import Parameter
from rich.text import Text

from kitaru.cli.arguments import OutputOption
from kitaru.cli.listing import PAGE_SIZE, page_of, show_lines
from kitaru.cli.output import Output, plain_json
from kitaru.errors import KitaruUsageError
from kitaru.settings.masking import mask_variables
from kitaru.settings.stack_names import DEFAULT_STACK, StackEntry, find_stack
from kitaru.stacks import registry
from kitaru.stacks.kinds import LOCAL

__all__ = ["create", "current", "delete", "list_stacks", "show", "use"]

KindOption = Annotated[str, Parameter(name="--type")]
SettingsOption = Annotated[tuple[str, ...], Parameter(name="--set", negative="", consume_multiple=False)]


def list_stacks(*, page: int = 1, size: int = PAGE_SIZE, output: OutputOption = "text") -> None:
    """List the stacks.

    Args:
        page: Which page, from 1.
        size: How many on a page.
        output: text for people, json for programs.
    """
    found = registry.list_stacks()
    shown = page_of(found, page, size)
    lines = [f"{stack.name}: {stack.id}{' (active)' if stack.is_active else ''}" for stack in shown]
    view = show_lines("Stacks", lines, total=len(found), page=page, size=size)
    Output("stack.list", output).items([_shape(stack) for stack in shown], view)


def current(*, output: OutputOption = "text") -> None:
    """Show the active stack.

    Args:
        output: text for people, json for programs.
    """
    stack = registry.current_stack()
    Output("stack.current", output).item(_shape(stack), Text(f"Active stack: {stack.name}\n  Stack ID: {stack.id}"))


def show(stack: str, *, output: OutputOption = "text") -> None:
    """Show a stack and what it is made of.

    Args:
        stack: Its name or id.
        output: text for people, json for programs.
    """
    entry = find_stack(stack)
    known = next(one for one in registry.list_stacks() if one.id == entry.id)
    item = {**_shape(known), "stack_type": entry.kind}
    parts = _components(entry)
    lines = [
        f"Stack: {entry.name}{' (active)' if item['is_active'] else ''}",
        f"  Stack ID: {entry.id}",
        f"  Type: {entry.kind}",
        f"  Managed: {'yes' if item['is_managed'] else 'no, it is always there'}",
        *map(_line, parts),
    ]
    Output("stack.show", output).item({**item, "components": parts}, Text("\n".join(lines)))


def _shape(stack: registry.StackInfo) -> dict[str, Any]:
    return {**plain_json(stack), "is_managed": stack.id != DEFAULT_STACK.id}


def _components(entry: StackEntry) -> list[dict[str, Any]]:
    return [_component(entry, role, part) for role, part in entry.components.items()]


def _component(entry: StackEntry, role: str, part: Mapping[str, Any]) -> dict[str, Any]:
    details = mask_variables({name: str(value) for name, value in part.items() if name != "kind"})
    shape = {"role": role, "name": entry.name, "backend": str(part.get("kind", entry.kind))}
    return {**shape, "details": details} if details else shape


def _line(part: Mapping[str, Any]) -> str:
    about = "".join(f"; {name}: {value}" for name, value in part.get("details", {}).items())
    return f"  {part['role'].replace('_', ' ').capitalize()}: {part['name']} ({part['backend']}){about}"


def use(stack: str, *, output: OutputOption = "text") -> None:
    """Make a stack the active one.

    Args:
        stack: Its name or id.
        output: text for people, json for programs.
    """
    found = registry.use_stack(stack)
    Output("stack.use", output).item(_shape(found), Text(f"Activated stack: {found.name}"))


def create(
    name: str,
    *,
    kind: KindOption = LOCAL,
    settings: SettingsOption = (),
    activate: bool = True,
    output: OutputOption = "text",
) -> None:
    """Create a stack.

    Args:
        name: Its name.
        kind: Its kind: local, or one that a plugin offers.
        settings: A setting of that kind, as FIELD=VALUE; may be given several times.
        activate: Whether to make it the active one.
        output: text for people, json for programs.
    """
    before = registry.current_stack().name
    created = registry.create_stack(name, activate=activate, kind=kind, settings=_pairs(settings))
    parts = _components(find_stack(created.id))
    item = {**_shape(created), "previous_active_stack": before, "components_created": parts, "stack_type": kind}
    lines = [f"Created stack: {created.name} ({kind})"]
    if created.is_active:
        lines.append(f"  Active stack: {before} → {created.name}")
    Output("stack.create", output).item(item, Text("\n".join(lines)))


def delete(stack: str, *, recursive: bool = False, force: bool = False, output: OutputOption = "text") -> None:
    """Forget a stack; nothing outside of kitaru is deleted.

    Args:
        stack: Its name or id.
        recursive: Forget its components too.
        force: Delete it even when it is active; `default` becomes active then.
        output: text for people, json for programs.
    """
    was_active = any(one.is_active and stack in (one.name, one.id) for one in registry.list_stacks())
    registry.delete_stack(stack, recursive=recursive, force=force)
    active = registry.current_stack().name
    item: dict[str, object] = {
        "deleted_stack": stack,
        "components_deleted": [],
        "new_active_stack": active if was_active else None,
        "recursive": recursive,
    }
    Output("stack.delete", output).item(item, Text(f"Deleted stack: {stack}\n  Active stack: {active}"))


def _pairs(texts: tuple[str, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in texts:
        field, equals, value = text.partition("=")
        if not equals or field in found:
            trouble = "is given twice" if equals else "must be FIELD=VALUE"
            msg = f"--set {text!r}: {field!r} {trouble}. Give each setting once, as FIELD=VALUE."
            raise KitaruUsageError(msg)
        found[field] = value
    return found

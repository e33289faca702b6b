"""Which kinds of stack there are, and what their stacks are made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, cast

from kitaru import hooks
from kitaru.errors import KitaruUsageError
from kitaru.records.plain import JsonObject
from kitaru.settings import values
from kitaru.stacks.local import LocalStackDriver

if TYPE_CHECKING:
    from kitaru.hooks.cards import StackKind
    from kitaru.stacks.api import StackDriver

__all__ = ["LOCAL", "stack_components"]

LOCAL: Final = "local"
"""The kind that is known without asking a plugin."""


def stack_components(kind: str, settings: Mapping[str, str] | None = None) -> dict[str, JsonObject]:
    """Return the parts of a new stack.

    Args:
        kind: The word for its kind.
        settings: What it is given, by the fields of the kind's card.

    Raises:
        KitaruUsageError: Nobody offers the kind, it has no such field, or a setting cannot be.
        KitaruPluginError: The kind is not the built-in one, and a plugin is broken.
    """
    given = values.mapping(settings or {}, "The settings of the stack")
    if kind == LOCAL:
        _check_fields(kind, {}, given)
        return {role: dict(part) for role, part in LocalStackDriver().components({}).items()}
    card = _card(kind)
    _check_fields(kind, card.fields, given)
    driver = cast("StackDriver", card.load())
    cleaned = {field: values.text(value, f"The setting {field!r} of the stack") for field, value in given.items()}
    return {role: dict(part) for role, part in driver.components(cleaned).items()}


def _card(kind: str) -> StackKind:
    offered = hooks.get_manager().stack_kinds()
    card = offered.get(kind)
    if card is None:
        known = ", ".join(sorted({LOCAL, *offered}))
        msg = f"There is no kind of stack {kind!r}; it can be: {known}. Other kinds come with plugins."
        raise KitaruUsageError(msg)
    return card


def _check_fields(kind: str, known: Mapping[str, str], given: Mapping[str, object]) -> None:
    from difflib import get_close_matches

    for field in given:
        if field not in known:
            near = get_close_matches(field, known, 1)
            hint = f"Did you mean {near[0]!r}?" if near else f"Its settings are: {', '.join(known) or 'none'}."
            msg = f"A stack of the kind {kind!r} has no setting {field!r}. {hint}"
            raise KitaruUsageError(msg)

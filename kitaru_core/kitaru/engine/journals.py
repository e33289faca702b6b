"""The journal this process records in, opened on first use and shared by everything in it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, cast

from kitaru.engine.hooking import show_observers
from kitaru.errors import KitaruUsageError
from kitaru.journal.registry import open_journal
from kitaru.settings.paths import store_address

if TYPE_CHECKING:
    from kitaru.journal.api import Durability, Journal

__all__ = ["default_journal", "set_durability"]

_durability: Durability | None = None


def set_durability(level: str | None) -> None:
    """Set what a commit survives for journals opened from now on; `None` goes back to the environment.

    Raises:
        KitaruUsageError: It is neither `power` nor `process`.
    """
    global _durability  # noqa: PLW0603 - a process-local default, set by `configure`
    _durability = None if level is None else _checked(level)


def _checked(level: str) -> Durability:
    cleaned = level.strip().casefold()
    if cleaned not in {"power", "process"}:
        msg = (
            f"{level!r} is no durability level; use `power` (survives the loss of power, the default) or `process` "
            "(survives the death of the process, and is faster)."
        )
        raise KitaruUsageError(msg)
    return cast("Durability", cleaned)


def default_journal(address: str | None = None) -> Journal:
    """Return the open journal of an address, or of the settings.

    Args:
        address: An address or path; by default `KITARU_STORE`, or the file in the configuration directory.
    """
    level = _durability or _checked(os.environ.get("KITARU_DURABILITY") or "power")
    return open_journal(address or store_address(), durability=level, on_committed=show_observers)

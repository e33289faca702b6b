"""The journal this process records in, opened on first use and shared by everything in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kitaru.engine.hooking import show_observers
from kitaru.journal.registry import open_journal
from kitaru.settings.paths import store_address

if TYPE_CHECKING:
    from kitaru.journal.api import Durability, Journal

__all__ = ["default_journal"]


def default_journal(address: str | None = None) -> Journal:
    """Return the open journal of an address, or of the settings.

    Args:
        address: An address or path; by default `KITARU_STORE`, or the file in the configuration directory.
    """
    return open_journal(address or store_address(), durability=_durability, on_committed=show_observers)


def _durability() -> Durability:
    # Settings are read, and what reads them is loaded, when the first journal is opened.
    from kitaru.settings.resolve import durability

    return durability()

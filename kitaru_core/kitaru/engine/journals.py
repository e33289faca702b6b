"""The journal this process records in, opened on first use and shared by everything in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kitaru.hooks.manager import get_manager
from kitaru.journal.registry import open_journal
from kitaru.records.record import Record
from kitaru.settings.paths import store_address
from kitaru.settings.resolve import durability

if TYPE_CHECKING:
    from kitaru.journal.api import Journal
    from kitaru.journal.commit import Committed

__all__ = ["default_journal"]


def default_journal(address: str | None = None) -> Journal:
    """Return the open journal of an address, or of the settings.

    Args:
        address: An address or path; by default `KITARU_STORE`, or the file in the configuration directory.
    """
    # Plugins are loaded before anything is recorded: a broken one is an error here, not in the middle of a run.
    get_manager()
    return open_journal(address or store_address(), durability=durability(), on_committed=_show_observers)


def _show_observers(committed: list[Committed]) -> None:
    manager = get_manager()
    if not manager.record_hooks_active:
        return
    for lease, seq, fact, digest in committed:
        manager.record_committed(Record(lease.execution_id, seq, fact, digest.hex()))  # type: ignore[arg-type]  # every fact written here is a known one

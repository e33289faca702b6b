"""The journals this process has open, one per address."""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol, cast

from kitaru import hooks
from kitaru.errors import KitaruUsageError

if TYPE_CHECKING:
    from kitaru.journal.api import Committed, Durability, Journal, Opener

__all__ = ["EMBEDDED", "Attendant", "close_all", "embedded_opener", "open_journal"]

EMBEDDED: Final = ("memory", "sqlite")
"""Address schemes of the journals built in."""


class Attendant(Protocol):
    """Stands between a journal and those who use it."""

    def show(self, committed: list[Committed]) -> None:
        """See records that became durable, in the order of the journal."""

    def around(self, journal: Journal) -> Journal:
        """Return the journal that is to be used in the place of one that was opened."""

    def opened(self, journal: Journal) -> None:
        """Do what is to be done once, as soon as others can use the journal as well."""


_lock = threading.Lock()
_open: dict[str, Journal] = {}
_inherited: list[Journal] = []


def open_journal(
    address: str,
    *,
    durability: Durability | Callable[[], Durability] = "power",
    on_committed: Callable[[list[Committed]], None] | None = None,
    attend: Callable[[str], Attendant] | None = None,
) -> Journal:
    """Return the open journal of an address, opening it if need be.

    Args:
        address: `sqlite:///path`, a plain path, `memory:` (one per process, gone with it) or `memory:name`.
        durability: What an append survives, or a function that says so; asked for at the first opening only.
        on_committed: Observer of durable records; taken from the first opening.
        attend: Makes what observes the records instead, and stands around the journal; also of the first opening.

    Returns:
        The journal.

    Raises:
        KitaruUsageError: No driver knows the scheme.
        KitaruJournalError: The journal cannot be opened.
    """
    key = _normalise(address)
    attendant = None
    with _lock:
        journal = _open.get(key)
        if journal is None:
            level = durability() if callable(durability) else durability
            attendant = None if attend is None else attend(key)
            journal = _opener(key)(key, level, on_committed if attendant is None else attendant.show)
            journal = _open[key] = journal if attendant is None else attendant.around(journal)
    if attendant is not None:
        attendant.opened(journal)
    return journal


def close_all() -> None:
    """Close every open journal; done by itself when the interpreter exits."""
    with _lock:
        journals = list(_open.values())
        _open.clear()
    for journal in journals:
        journal.close()


def _normalise(address: str) -> str:
    if address.startswith("memory:"):
        return address
    if "://" in address and not address.startswith("sqlite:///"):
        return address
    path = address.removeprefix("sqlite:///")
    return f"sqlite:///{_absolute(path, os.environ.get('HOME'), '' if path[:1] in {'/', '~'} else str(Path.cwd()))}"


@lru_cache(maxsize=64)
def _absolute(path: str, _home: str | None, start: str) -> str:
    return str(Path(start, Path(path).expanduser()))


def embedded_opener() -> Opener:
    """Return the function that opens the journals built in, `sqlite` and `memory`."""
    return _open_embedded


def _opener(address: str) -> Opener:
    scheme = address.partition(":")[0]
    if scheme in EMBEDDED:
        return _open_embedded
    drivers = hooks.get_manager().journals()
    if scheme not in drivers:
        known = ", ".join(sorted({*EMBEDDED, *drivers}))
        msg = (
            f"No installed journal driver knows {scheme!r} addresses; there are: {known}. Install the plugin or "
            "correct KITARU_STORE."
        )
        raise KitaruUsageError(msg)
    return cast("Opener", drivers[scheme].load())


def _open_embedded(
    address: str, durability: Durability, on_committed: Callable[[list[Committed]], None] | None
) -> Journal:
    from kitaru.journal.sqlite import SqliteJournal

    path = None if address.startswith("memory:") else Path(address.removeprefix("sqlite:///"))
    return SqliteJournal(path, durability=durability, on_committed=on_committed)


def _forget_inherited() -> None:
    # A forked child must not use, and not close, connections its parent opened.
    global _lock  # noqa: PLW0603 - the parent may have held the lock while it forked
    _lock = threading.Lock()
    _inherited.extend(_open.values())
    _open.clear()


atexit.register(close_all)
os.register_at_fork(after_in_child=_forget_inherited)

"""A right journal, from which the doubles of journals are made."""

from __future__ import annotations

from pathlib import Path

from kitaru.journal.sqlite import SqliteJournal


class Right:
    """A journal that passes on everything it is asked."""

    fails = frozenset()

    def __init__(self, address, durability, on_committed):
        path = None if address == "memory:" else Path(address.removeprefix("sqlite:///"))
        self.inner = SqliteJournal(path, durability=durability, on_committed=on_committed)

    def __getattr__(self, name):
        return getattr(self.inner, name)


def wrong(*ids):
    """Mark a double with the ids of the cases it must fail, and no others."""

    def mark(kind):
        kind.fails = frozenset(f"J-{number}" for number in ids)
        return kind

    return mark

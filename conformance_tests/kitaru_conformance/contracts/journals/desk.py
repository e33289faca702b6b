"""Where the cases open journals: any number of times, in this process and in others."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from typing import cast

from kitaru.errors import KitaruUsageError
from kitaru.hooks import get_manager
from kitaru.journal.api import Committed, Durability, Journal, Opener

__all__ = ["Desk", "find_opener"]

_SECONDS = 20.0


def find_opener(address: str, named: str | None) -> Opener:
    """Return the function that opens an address.

    Args:
        address: The address.
        named: `module:function` of an opener that no plugin offers, or `None`.

    Raises:
        KitaruUsageError: No installed plugin offers a journal for such addresses.
    """
    if named:
        module, _, name = named.partition(":")
        return cast("Opener", getattr(import_module(module), name))
    scheme = address.partition(":")[0]
    drivers = get_manager().journals()
    if scheme not in drivers:
        msg = f"No plugin offers a journal for {scheme!r} addresses; there are: {', '.join(sorted(drivers))}."
        raise KitaruUsageError(msg)
    return cast("Opener", drivers[scheme].load())


class Desk:
    """Opens one address, and closes what it opened.

    Args:
        address: The address.
        opener: As in `find_opener`.
    """

    def __init__(self, address: str, opener: str | None) -> None:
        self.address = address
        self._named = opener
        self._opener = find_opener(address, opener)
        self._journals: list[Journal] = []
        self._children: list[subprocess.Popen[str]] = []

    def open(
        self, durability: Durability = "process", on_committed: Callable[[list[Committed]], None] | None = None
    ) -> Journal:
        """Open the address once more."""
        journal = self._opener(self.address, durability, on_committed)
        self._journals.append(journal)
        return journal

    def start(self, action: str, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        """Start another process that opens the address and does something; see `child`."""
        module = "kitaru_conformance.contracts.journals.child"
        command = [sys.executable, "-m", module, self.address, self._named or "", action, *arguments]
        child = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **environment},
        )
        self._children.append(child)
        return child

    def run(self, action: str, *arguments: str, **environment: str) -> str:
        """Have another process do something to its end, whatever that is, and return what it said."""
        said, _ = self.start(action, *arguments, **environment).communicate(timeout=_SECONDS)
        return said

    def close(self) -> None:
        """End all processes and close all journals."""
        for child in self._children:
            child.kill()
            child.communicate()
        for journal in self._journals:
            journal.close()

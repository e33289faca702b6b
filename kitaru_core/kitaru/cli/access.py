"""The door to executions, opened only by commands that need it: help and settings stay quick."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kitaru.operating.client import KitaruClient

__all__ = ["open_client"]


def open_client() -> KitaruClient:
    """Return a client whose answers and cancellations are recorded as coming from the command line."""
    from kitaru.operating.client import KitaruClient

    return KitaruClient(surface="cli")

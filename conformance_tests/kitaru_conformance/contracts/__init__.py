"""The contracts of the suite, each in a module of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

__all__ = ["CONTRACTS"]

CONTRACTS: Final[Mapping[str, str]] = {
    "JournalContract": "kitaru_conformance.contracts.journals",
}
"""Where each contract class is. A name that no subject has in a run is reported as uncovered."""

"""What is expected of a kind of stack."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from kitaru.records.plain import JsonMapping

__all__ = ["StackDriver"]


class StackDriver(Protocol):
    """Knows the parts that a stack of one kind is made of."""

    def components(self, settings: Mapping[str, str]) -> Mapping[str, JsonMapping]:
        """Check the settings of a new stack, and return its parts.

        Args:
            settings: What the stack was given; only fields that the kind's card names.

        Returns:
            Plain settings of each part by its role: `runner`, `storage`, `sandbox`. The `runner` may say with
            `isolated` which execution target takes the bodies that are declared isolated.

        Raises:
            KitaruUsageError: A setting is missing, or cannot be.
        """
        ...

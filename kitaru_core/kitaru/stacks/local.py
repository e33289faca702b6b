"""The kind of stack that needs nothing but this machine."""

from __future__ import annotations

from collections.abc import Mapping

from kitaru.records.plain import JsonMapping
from kitaru.settings.stack_names import DEFAULT_STACK

__all__ = ["LocalStackDriver"]


class LocalStackDriver:
    """Runs everything on this machine and keeps it there; it takes no settings."""

    def components(self, settings: Mapping[str, str]) -> Mapping[str, JsonMapping]:
        """Return a runner, a place for artifacts and a sandbox on this machine.

        Args:
            settings: None, as the card names no field.
        """
        del settings
        return DEFAULT_STACK.components

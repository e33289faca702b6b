"""Where a plugin comes from, so that every error about it can say so."""

from __future__ import annotations

from dataclasses import dataclass

from kitaru.errors import KitaruPluginError

__all__ = ["Origin"]


@dataclass(frozen=True, slots=True)
class Origin:
    """A plugin's name and the distribution that brought it.

    Attributes:
        name: Name it is registered under: that of its entry point, or the one given in code.
        distribution: The installed distribution, or `None` for a plugin registered in code.
        version: That distribution's version.
    """

    name: str
    distribution: str | None = None
    version: str | None = None

    def __str__(self) -> str:
        """Return the plugin as errors name it."""
        if self.distribution is None:
            return f"Plugin {self.name!r} (registered in code)"
        return f"Plugin {self.name!r} of {self.distribution} {self.version}"

    @property
    def way_out(self) -> str:
        """What a user can do about a plugin that is broken."""
        if self.distribution is None:
            return "Correct it, or do not register it."
        return f"Upgrade or uninstall {self.distribution}, or set KITARU_PLUGINS_DISABLED={self.name} to go without it."

    def fault(self, trouble: str, *, hook: str | None = None, way_out: str | None = None) -> KitaruPluginError:
        """Build the error for something wrong with this plugin.

        Args:
            trouble: What is wrong, and what its author can do about it, in whole sentences.
            hook: The hook concerned.
            way_out: What a user can do; by default, how to go without the plugin.

        Returns:
            The error, with all facts as attributes.
        """
        place = f", hook {hook}" if hook else ""
        return KitaruPluginError(
            f"{self}{place}: {trouble} {way_out or self.way_out}",
            plugin=self.name,
            distribution=self.distribution,
            version=self.version,
            hook=hook,
        )

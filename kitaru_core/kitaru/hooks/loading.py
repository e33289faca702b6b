"""Finding installed plugins: entry points of the group `kitaru`, ours as well as foreign ones.

They are taken in the order of distribution and name, and all of them are checked before the first is registered.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import metadata
from typing import Final, Literal

from kitaru.errors import KitaruPluginError
from kitaru.hooks.distributions import name_and_version
from kitaru.hooks.isolation import describe
from kitaru.hooks.markers import PROJECT
from kitaru.hooks.origin import Origin
from kitaru.hooks.parts import Part, PluginInfo, check_claims, examine

__all__ = ["Survey", "survey"]

_OWN: Final = "kitaru-core"


@dataclass(slots=True)
class Survey:
    """What was found when installed plugins were looked for.

    Attributes:
        parts: The plugins that are fit to be registered.
        idle: The plugins that will not be used: idle, disabled, unsupported or broken.
        faults: What is wrong, one error for each broken plugin or clash.
    """

    parts: list[Part] = field(default_factory=list)
    idle: list[PluginInfo] = field(default_factory=list)
    faults: list[KitaruPluginError] = field(default_factory=list)

    @property
    def plugins(self) -> tuple[PluginInfo, ...]:
        """Every plugin that was found, sorted by distribution and name."""
        every = [*(part.info for part in self.parts), *self.idle]
        return tuple(sorted(every, key=lambda info: (info.distribution or "", info.name)))


def survey(environ: Mapping[str, str] | None = None) -> Survey:
    """Look for installed plugins and check them, without registering one and without raising for a broken one.

    Args:
        environ: Where to read `KITARU_PLUGINS_DISABLED` and `KITARU_PLUGINS_AUTOLOAD`; the process environment if none.

    Returns:
        What was found.
    """
    environ = os.environ if environ is None else environ
    found = Survey()
    entries = [(_origin(entry), entry) for entry in metadata.entry_points(group=PROJECT)]
    for origin, entry in sorted(entries, key=lambda pair: (pair[0].distribution or "", pair[0].name)):
        if _disabled(origin, environ):
            found.idle.append(_idle(origin, "disabled", "Switched off by the environment."))
            continue
        try:
            part = examine(_import(entry, origin), origin)
        except KitaruPluginError as fault:
            found.faults.append(fault)
            found.idle.append(_idle(origin, "broken", str(fault)))
            continue
        if part.state == "active":
            found.parts.append(part)
        else:
            found.idle.append(part.info)
    try:
        check_claims(found.parts)
    except KitaruPluginError as fault:
        found.faults.append(fault)
    return found


def _import(entry: metadata.EntryPoint, origin: Origin) -> object:
    try:
        return entry.load()
    except Exception as error:
        # A module may fail in any way when it is imported; the error must still name its distribution.
        trouble = f"{entry.value} cannot be imported: {describe(error)}."
        if isinstance(error, ModuleNotFoundError):
            trouble += " (A plugin module imports no framework; that belongs behind a card's load().)"
        raise origin.fault(trouble) from error


def _origin(entry: metadata.EntryPoint) -> Origin:
    if entry.dist is None:
        return Origin(entry.name)
    return Origin(entry.name, *name_and_version(entry.dist))


def _disabled(origin: Origin, environ: Mapping[str, str]) -> bool:
    names = {name.strip() for name in environ.get("KITARU_PLUGINS_DISABLED", "").split(",")}
    foreign = origin.distribution != _OWN
    return origin.name in names or (foreign and environ.get("KITARU_PLUGINS_AUTOLOAD") == "0")


def _idle(origin: Origin, state: Literal["disabled", "broken"], trouble: str) -> PluginInfo:
    return PluginInfo(
        name=origin.name, distribution=origin.distribution, version=origin.version, state=state, trouble=trouble
    )

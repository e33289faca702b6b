"""The registered plugins: who listens to which hook, and who offers what."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar, cast

import pluggy

from kitaru.errors import KitaruPluginError
from kitaru.hooks import specs
from kitaru.hooks.checks import known_specs
from kitaru.hooks.isolation import Listener, describe, report, traced
from kitaru.hooks.markers import PROJECT
from kitaru.hooks.origin import Origin
from kitaru.hooks.parts import Part, PluginInfo, check_claims, examine

if TYPE_CHECKING:
    from kitaru.hooks.cards import Card
    from kitaru.hooks.facts import RuntimeConfig

__all__ = ["Registrar"]

_CardT = TypeVar("_CardT", bound="Card")

_BOUNDARY_HOOKS = (
    "kitaru_checkpoint_admit",
    "kitaru_checkpoint_identity",
    "kitaru_checkpoint_scope",
    "kitaru_checkpoint_summary",
    "kitaru_checkpoint_usage",
)
_OBSERVING = frozenset({"kitaru_checkpoint_scope", "kitaru_record_committed"})


class Registrar:
    """Registers plugins as a whole or not at all.

    Attributes:
        boundary_hooks_active: Whether any plugin implements a hook about boundaries; if not, none need be called.
        record_hooks_active: Whether any plugin watches records. A plugin whose card says that it does not listen counts
            in neither.
        record_hooks_owed: Whether any of them is to be shown again what it may have missed.
    """

    def __init__(self, *, trace: bool = False) -> None:
        self.boundary_hooks_active: bool = False
        self.record_hooks_active: bool = False
        self.record_hooks_owed: bool = False
        self._relay = pluggy.PluginManager(PROJECT)
        self._relay.add_hookspecs(specs)
        self._trace = trace
        self._lock = threading.RLock()
        self._parts: dict[str, Part] = {}
        self._config: RuntimeConfig | None = None
        self._listeners: dict[str, tuple[Listener, ...]] = {}
        self._owed: tuple[Listener, ...] = ()
        self._cards: dict[str, dict[str, Card]] = {}
        self._choosy: tuple[Part, ...] = ()
        self._silent: frozenset[str] = frozenset()
        self._refresh()

    @property
    def is_configured(self) -> bool:
        """Whether plugins know the configuration."""
        return self._config is not None

    @property
    def plugins(self) -> tuple[PluginInfo, ...]:
        """The registered plugins, sorted by distribution and name."""
        return tuple(part.info for part in sorted(self._parts.values(), key=_place))

    def versions(self) -> dict[str, str]:
        """Return the version of each distribution that brought a plugin; it is written into each execution."""
        origins = [part.origin for part in self._parts.values()]
        return {origin.distribution: origin.version or "" for origin in origins if origin.distribution is not None}

    def register(self, plugin: object, *, name: str) -> PluginInfo:
        """Register a plugin in code, for this process.

        Args:
            plugin: A module or an object with functions marked by `hookimpl`.
            name: A name for it.

        Returns:
            What lists show of it.

        Raises:
            KitaruPluginError: Something is wrong with it, or it claims what another plugin owns. Nothing has changed.
        """
        part = examine(plugin, Origin(name))
        if part.state == "unsupported":
            raise part.origin.fault(part.trouble, hook="kitaru_plugin_card")
        if part.state == "active":
            self.add([part])
        return part.info

    def unregister(self, name: str) -> bool:
        """Take a plugin out again.

        Args:
            name: Its name.

        Returns:
            Whether there was one.
        """
        with self._lock:
            part = self._parts.pop(name, None)
            if part is None:
                return False
            self._relay.unregister(part.plugin)
            self._refresh()
            return True

    def add(self, parts: Sequence[Part]) -> None:
        """Register plugins that have been examined, all or none.

        Args:
            parts: The plugins.

        Raises:
            KitaruPluginError: Two plugins claim one name, or one refuses the configuration. Nothing has changed.
        """
        with self._lock:
            check_claims([*self._parts.values(), *parts])
            try:
                # pluggy calls the last one registered first; registered backwards, they are called in sorted order.
                for part in sorted(parts, key=_place, reverse=True):
                    self._enter(part)
                self._refresh()
                self._configure_new(parts)
            except BaseException:
                for part in parts:
                    self.unregister(part.origin.name)
                raise

    def attend(self) -> None:
        """Ask those plugins that do not always listen whether they do now, and call only those that do."""
        if self._choosy and self._silent_ones() != self._silent:
            with self._lock:
                self._refresh()

    def _silent_ones(self) -> frozenset[str]:
        return frozenset(part.origin.name for part in self._choosy if not _listens(part))

    def _enter(self, part: Part) -> None:
        try:
            self._relay.register(part.plugin, name=part.origin.name)
        except (ValueError, pluggy.PluginValidationError) as error:
            trouble = f"It cannot be registered: {describe(error)}."
            raise part.origin.fault(trouble) from error
        self._parts[part.origin.name] = part

    def _configure_new(self, parts: Sequence[Part]) -> None:
        if self._config is None:
            return
        new = {part.origin for part in parts}
        for listener in self._listeners["kitaru_configured"]:
            if listener.origin in new:
                listener(config=self._config)

    def _refresh(self) -> None:
        """Build what calls need anew and put it in place at once, so that other threads see old or new, never half."""
        self._choosy = tuple(part for part in self._parts.values() if part.card.listens is not None)
        self._silent = self._silent_ones()
        self._listeners = {name: self._listening(name) for name in known_specs()}
        self._cards = self._offered()
        self.boundary_hooks_active = any(self._listeners[name] for name in _BOUNDARY_HOOKS)
        watching = self._listeners["kitaru_record_committed"]
        self._owed = tuple(one for one in watching if self._parts[one.origin.name].card.delivery == "at_least_once")
        self.record_hooks_active = bool(watching)
        self.record_hooks_owed = bool(self._owed)

    def _listening(self, hook: str) -> tuple[Listener, ...]:
        listeners = [
            Listener(
                hook,
                self._parts[known.plugin_name].origin,
                known.function,
                known.argnames + _offered_names(hook, known.kwargnames),
            )
            for known in reversed(getattr(self._relay.hook, hook).get_hookimpls())
            if hook not in _OBSERVING or known.plugin_name not in self._silent
        ]
        return tuple(traced(listener) if self._trace else listener for listener in listeners)

    def _offered(self) -> dict[str, dict[str, Card]]:
        found: dict[str, dict[str, Card]] = {}
        for part in self._parts.values():
            for hook, cards in part.offers.items():
                found.setdefault(hook, {}).update({claim: card for card in cards for claim in card.claims})
        return found

    def _offers(self, hook: str, _kind: type[_CardT]) -> Mapping[str, _CardT]:
        # `examine` let only cards of this kind through.
        return cast("Mapping[str, _CardT]", self._cards.get(hook, {}))

    def _culprit(self, hook: str, error: BaseException) -> KitaruPluginError:
        """Return the fault of the plugin whose code raised, for calls that go through pluggy."""
        codes = set()
        trace = error.__traceback__
        while trace is not None:
            codes.add(trace.tb_frame.f_code)
            trace = trace.tb_next
        listeners = self._listeners[hook]
        guilty = [one for one in listeners if getattr(one.function, "__code__", None) in codes] or list(listeners)
        names = " or ".join(str(one.origin) for one in guilty[1:])
        trouble = f"It failed with {describe(error)}." + (f" (Or it was: {names}.)" if names else "")
        return guilty[0].origin.fault(trouble, hook=hook)


def _listens(part: Part) -> bool:
    """Ask a plugin whether it listens; one that cannot say is called, and says there what is wrong with it."""
    try:
        return part.card.listens is None or bool(part.card.listens())
    except Exception as error:  # noqa: BLE001 - a plugin that only watches must not keep a run from starting
        report(part.origin.fault(f"It failed with {describe(error)}.", hook="kitaru_plugin_card"))
        return True


def _offered_names(hook: str, names: tuple[str, ...]) -> tuple[str, ...]:
    """Return those parameters with defaults that the hook has; the others keep their default."""
    return tuple(name for name in names if name in known_specs()[hook].parameters)


def _place(part: Part) -> tuple[str, str]:
    return part.origin.distribution or "", part.origin.name

"""A plugin that has been looked at as a whole: its card, its hooks and what it offers."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from kitaru.errors import KitaruPluginError, KitaruUsageError
from kitaru.hooks.cards import (
    AdapterCard,
    ArtifactStoreDriver,
    Card,
    CodecCard,
    JournalDriver,
    ModelProvider,
    PluginCard,
    ResultCacheDriver,
    SecretStoreDriver,
    StackKind,
    TargetDriver,
)
from kitaru.hooks.checks import check_plugin
from kitaru.hooks.distributions import installed_version
from kitaru.hooks.isolation import Listener
from kitaru.hooks.markers import HOOKSPEC_LEVEL
from kitaru.hooks.origin import Origin
from kitaru.hooks.ranges import is_within

__all__ = ["OFFERS", "Part", "PluginInfo", "PluginState", "check_claims", "examine"]

OFFERS: Final[Mapping[str, type[Card]]] = {
    "kitaru_adapters": AdapterCard,
    "kitaru_journals": JournalDriver,
    "kitaru_artifact_stores": ArtifactStoreDriver,
    "kitaru_codecs": CodecCard,
    "kitaru_execution_targets": TargetDriver,
    "kitaru_stack_kinds": StackKind,
    "kitaru_model_providers": ModelProvider,
    "kitaru_secret_stores": SecretStoreDriver,
    "kitaru_result_caches": ResultCacheDriver,
}
"""The hooks that hand out cards, and the kind of card each hands out."""

PluginState = Literal["active", "idle", "disabled", "unsupported", "broken"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginInfo:
    """One plugin as lists show it.

    Attributes:
        name: Name it is registered under.
        distribution: The distribution that brought it, or `None` for one registered in code.
        version: That distribution's version.
        state: `active`; `idle` by its own word; `disabled` by the environment; `unsupported`, with a framework outside
            its range; `broken`.
        level: The hook-spec level it was written for, if it could be asked.
        hooks: The hooks it implements.
        frameworks: The frameworks it names, each with the installed version or `None`.
        homepage: Where to read more.
        trouble: Why it is not active.
    """

    name: str
    distribution: str | None
    version: str | None
    state: PluginState
    level: int | None = None
    hooks: tuple[str, ...] = ()
    frameworks: Mapping[str, str | None] = field(default_factory=dict)
    homepage: str = ""
    trouble: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A plugin that is fit to be registered.

    Attributes:
        origin: Where it comes from.
        plugin: The module or object.
        card: Its card.
        hooks: The hooks it implements.
        frameworks: The frameworks it names, each with the installed version or `None`.
        offers: The cards it hands out, by hook.
        state: `active`, or else why it is not to be registered.
        trouble: The same in words.
    """

    origin: Origin
    plugin: object
    card: PluginCard
    hooks: tuple[str, ...]
    frameworks: Mapping[str, str | None]
    offers: Mapping[str, tuple[Card, ...]] = field(default_factory=dict)
    state: PluginState = "active"
    trouble: str = ""

    @property
    def info(self) -> PluginInfo:
        """The plugin as lists show it."""
        return PluginInfo(
            name=self.origin.name,
            distribution=self.origin.distribution,
            version=self.origin.version,
            state=self.state,
            level=self.card.hookspec,
            hooks=self.hooks,
            frameworks=self.frameworks,
            homepage=self.card.homepage,
            trouble=self.trouble,
        )


def examine(plugin: object, origin: Origin) -> Part:
    """Check a plugin, and ask it for its cards.

    Args:
        plugin: The module or object that implements hooks.
        origin: Where it comes from.

    Returns:
        The plugin with its cards; nothing has been registered.

    Raises:
        KitaruPluginError: Something is wrong with it.
    """
    implementations = check_plugin(plugin, origin)
    card = _card(implementations["kitaru_plugin_card"], origin)
    frameworks = {name: installed_version(name) for name in card.frameworks}
    state, trouble = _state(card, frameworks, origin)
    return Part(
        origin=origin,
        plugin=plugin,
        card=card,
        hooks=tuple(implementations),
        frameworks=frameworks,
        offers=_offers(implementations, origin) if state == "active" else {},
        state=state,
        trouble=trouble,
    )


def check_claims(parts: Sequence[Part]) -> None:
    """Check that no two plugins bear or claim the same name.

    Args:
        parts: All plugins that are, or are to be, registered.

    Raises:
        KitaruPluginError: Two do; it names both.
    """
    owners: dict[tuple[str, str], Origin] = {}
    for part in parts:
        _claim(owners, "", part.origin.name, "plugin name", part.origin)
        for hook, cards in part.offers.items():
            for card in cards:
                for claim in card.claims:
                    _claim(owners, hook, claim, card.what, part.origin)


def clash(first: Origin, second: Origin, what: str, claim: str, hook: str | None) -> KitaruPluginError:
    """Build the error for two plugins that claim one name; neither of them gets it."""
    trouble = f"It claims the {what} {claim!r}, and so does {str(second).replace('Plugin', 'plugin', 1)}."
    way_out = f"Uninstall one of them, or set KITARU_PLUGINS_DISABLED to {first.name!r} or {second.name!r}."
    return first.fault(trouble, hook=hook, way_out=way_out)


def _claim(owners: dict[tuple[str, str], Origin], hook: str, claim: str, what: str, origin: Origin) -> None:
    owner = owners.setdefault((hook, claim), origin)
    if owner is not origin:
        raise clash(owner, origin, what, claim, hook or None)


def _ask(hook: str, function: Callable[..., object], origin: Origin) -> object:
    return Listener(hook, origin, function, ())()


def _card(function: Callable[..., object], origin: Origin) -> PluginCard:
    card = _ask("kitaru_plugin_card", function, origin)
    if not isinstance(card, PluginCard):
        trouble = f"It handed out a {type(card).__name__} where a PluginCard is needed."
        raise origin.fault(trouble, hook="kitaru_plugin_card")
    if not 1 <= card.hookspec <= HOOKSPEC_LEVEL:
        trouble = (
            f"It needs hook-spec level {card.hookspec}, and this version of kitaru has levels 1 to {HOOKSPEC_LEVEL}. "
            "Update kitaru-core, or take a version of the plugin that fits."
        )
        raise origin.fault(trouble, hook="kitaru_plugin_card")
    return card


def _state(card: PluginCard, frameworks: Mapping[str, str | None], origin: Origin) -> tuple[PluginState, str]:
    if not card.enabled:
        return "idle", "It says that it has nothing to do here."
    for name, version in frameworks.items():
        try:
            if version is not None and not is_within(version, card.frameworks[name]):
                return "unsupported", f"It supports {name} {card.frameworks[name]}, and {version} is installed."
        except KitaruUsageError as error:
            raise origin.fault(str(error), hook="kitaru_plugin_card") from error
    return "active", ""


def _offers(implementations: Mapping[str, Callable[..., object]], origin: Origin) -> dict[str, tuple[Card, ...]]:
    found = {}
    for hook, kind in OFFERS.items():
        if hook not in implementations:
            continue
        cards = _ask(hook, implementations[hook], origin)
        if not isinstance(cards, Sequence) or not all(isinstance(card, kind) for card in cards):
            shown = type(cards).__name__ if not isinstance(cards, Sequence) else ", ".join(_kinds(cards))
            trouble = f"It handed out {shown} where a list of {kind.__name__} is needed."
            raise origin.fault(trouble, hook=hook)
        found[hook] = tuple(cards)
    return found


def _kinds(cards: Sequence[object]) -> list[str]:
    return sorted({card.__name__ if inspect.isclass(card) else type(card).__name__ for card in cards})

"""A plugin that cannot work is refused as a whole, before anything is registered."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from kitaru.errors import KitaruPluginError, KitaruUsageError
from kitaru.hooks import AdapterCard, JournalDriver, PluginCard, hookimpl
from kitaru.hooks.markers import HOOKSPEC_LEVEL


def unknown_parameter(boundaries):
    """Ask for a parameter the hook does not have."""


def keyword_only(*, boundary):
    """Ask for a parameter that pluggy never fills."""


def any_keywords(**facts):
    """Ask for whatever there is."""


async def asynchronous(boundary):
    """Return a coroutine that nobody would await."""


@pytest.mark.parametrize(
    ("function", "trouble"),
    [
        (unknown_parameter, "has no parameter 'boundaries'; it has: boundary"),
        (keyword_only, "keyword-only.*plain parameters only"),
        (any_keywords, r"\*\*facts"),
        (asynchronous, "asynchronous.*kitaru_checkpoint_scope"),
    ],
)
def test_a_signature_that_cannot_work_is_refused(listening, manager, function, trouble):
    with pytest.raises(KitaruPluginError, match=trouble) as caught:
        listening(function, name="bad", specname="kitaru_checkpoint_admit")
    assert (caught.value.plugin, caught.value.hook) == ("bad", "kitaru_checkpoint_admit")
    assert manager.plugins == ()


def test_a_misspelt_hook_is_refused_with_the_nearest_name(listening):
    def kitaru_checkpoint_admits():
        """Do nothing."""

    with pytest.raises(KitaruPluginError, match=r"no such hook.*Did you mean kitaru_checkpoint_admit\?"):
        listening(kitaru_checkpoint_admits)


def test_an_optional_hook_of_another_release_is_let_through(manager):
    @hookimpl(optionalhook=True)
    def kitaru_from_the_future():
        """Do nothing."""

    plugin = SimpleNamespace(kitaru_from_the_future=kitaru_from_the_future, kitaru_plugin_card=card_of_level(1))
    assert manager.register(plugin, name="toy").hooks == ("kitaru_plugin_card",)


def test_a_hook_that_lacks_its_mark_is_refused(manager):
    def kitaru_closing():
        """Would never be called."""

    plugin = SimpleNamespace(kitaru_closing=kitaru_closing, kitaru_plugin_card=card_of_level(1))
    with pytest.raises(KitaruPluginError, match="would never be called; put @hookimpl"):
        manager.register(plugin, name="toy")


def test_wrappers_are_refused_where_a_hook_takes_none(listening):
    def kitaru_checkpoint_scope():
        yield

    with pytest.raises(KitaruPluginError, match="takes no wrappers"):
        listening(kitaru_checkpoint_scope, wrapper=True)


def test_a_plugin_without_a_card_is_refused(manager):
    with pytest.raises(KitaruPluginError, match="has no card"):
        manager.register(SimpleNamespace(), name="toy")


@pytest.mark.parametrize("level", [0, HOOKSPEC_LEVEL + 1])
def test_a_level_this_release_does_not_know_is_refused(listening, level):
    with pytest.raises(KitaruPluginError, match=f"level {level}.*Update kitaru-core"):
        listening(level=level)


def test_a_framework_outside_its_range_is_refused_in_words(listening):
    with pytest.raises(KitaruPluginError, match=r"supports pluggy <1, and \d"):
        listening(frameworks={"pluggy": "<1"})


def test_a_plugin_with_nothing_to_do_here_costs_nothing(manager):
    @hookimpl
    def kitaru_plugin_card():
        return PluginCard(name="toy", hookspec=1, enabled=False)

    @hookimpl
    def kitaru_record_committed():
        """Watch."""

    plugin = SimpleNamespace(kitaru_plugin_card=kitaru_plugin_card, kitaru_record_committed=kitaru_record_committed)
    assert manager.register(plugin, name="toy").state == "idle"
    assert not manager.record_hooks_active


def test_a_framework_that_is_absent_is_no_fault(listening):
    info = listening(frameworks={"no-such-framework": ">=1"}).plugins[0]
    assert info.frameworks == {"no-such-framework": None}
    assert info.state == "active"


def test_a_range_that_cannot_be_read_is_a_fault_of_the_plugin(listening):
    with pytest.raises(KitaruPluginError, match="'about 2' is not a version range"):
        listening(frameworks={"pluggy": "about 2"})


def test_cards_of_the_wrong_kind_are_refused(listening):
    def kitaru_journals():
        return [PluginCard(name="not a driver", hookspec=1)]

    with pytest.raises(KitaruPluginError, match="handed out PluginCard where a list of JournalDriver"):
        listening(kitaru_journals)


def test_an_adapter_cannot_default_to_a_strategy_it_does_not_have():
    with pytest.raises(KitaruUsageError, match="default strategy is 'turns'"):
        AdapterCard(
            name="acme",
            framework="acme",
            extra="acme",
            boundaries=("model",),
            strategies=("calls",),
            default_strategy="turns",
            load=dict,
        )


def test_two_plugins_that_claim_one_name_are_refused_naming_both(listening, manager):
    def kitaru_journals():
        return [JournalDriver(schemes=("postgresql",), load=dict)]

    listening(kitaru_journals, name="first")
    with pytest.raises(KitaruPluginError, match=r"'first'.*address scheme 'postgresql'.*'second'") as caught:
        listening(kitaru_journals, name="second")
    assert caught.value.hook == "kitaru_journals"
    assert [info.name for info in manager.plugins] == ["first"]


def test_two_plugins_cannot_bear_one_name(listening):
    listening(name="toy")
    with pytest.raises(KitaruPluginError, match="plugin name 'toy'"):
        listening(name="toy")


def test_a_look_at_a_plugin_does_not_run_its_properties(manager):
    class Plugin:
        kitaru_plugin_card = staticmethod(card_of_level(1))

        @property
        def costly(self):
            msg = "a property was run"
            raise AssertionError(msg)

    assert manager.register(Plugin(), name="toy").state == "active"


def card_of_level(level):
    @hookimpl
    def kitaru_plugin_card():
        return PluginCard(name="toy", hookspec=level)

    return kitaru_plugin_card

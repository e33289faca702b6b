"""The adapter as a plugin."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import distribution, packages_distributions
from types import ModuleType

import pytest

from kitaru.hooks import AdapterCard, get_manager
from kitaru_conformance.contracts.adapter.scripts import CHAIN
from kitaru_conformance.harness import AdapterHarness, Settings
from kitaru_conformance.lab import Lab
from kitaru_conformance.requirements import requirement

__all__ = ["Loading"]

_OPENED = {"checkpoint.started", "checkpoint.completed", "checkpoint.failed"}
_LOOK = """
import sys
from kitaru.hooks import get_manager
card = get_manager().adapters()[sys.argv[1]]
print(*(name for name in sys.argv[2:] if name in sys.modules))
"""


class Loading:
    """Cases about the card by which kitaru knows the adapter."""

    harness: type[AdapterHarness]

    @pytest.fixture
    def card(self) -> AdapterCard:
        """The card of the adapter."""
        found = get_manager().adapters().get(self.harness.adapter)
        assert found is not None, f"no plugin claims the adapter {self.harness.adapter!r}"
        return found

    @requirement("A-01", level="loads")
    def test_a_plugin_claims_the_adapter(self, card: AdapterCard) -> None:
        """An installed plugin hands out a card with the adapter's name.

        If this fails: look at the entry point of the group `kitaru`, and at `kitaru plugins list`.
        """
        assert card.name == self.harness.adapter

    @requirement("A-02", level="loads")
    def test_plugins_are_known_without_importing_the_framework(self, card: AdapterCard) -> None:
        """Listing plugins does not import the framework.

        If this fails: the plugin's module imports it at its top; import it in the card's `load`.
        """
        found = packages_distributions()
        names = [name for name, owners in found.items() if distribution(card.framework).name in owners]
        program = [sys.executable, "-c", _LOOK, card.name, *names]
        shown = subprocess.run(program, check=True, capture_output=True, text=True)  # noqa: S603 - this interpreter
        assert shown.stdout.split() == []

    @requirement("A-03", level="loads")
    def test_the_card_loads_the_adapter(self, card: AdapterCard) -> None:
        """What the card loads is the adapter's public module.

        If this fails: repair A-01 first; then import the module by hand and read the error.
        """
        loaded = card.load()
        assert isinstance(loaded, ModuleType)
        assert loaded.__all__

    @requirement("A-04", level="loads")
    def test_the_card_names_the_strategies_there_are(self, card: AdapterCard) -> None:
        """The card names every strategy, and each of them is examined.

        If this fails: make the card's `strategies` and the harness's `granular` and `whole` say the same.
        """
        examined = {name for name in (self.harness.granular, self.harness.whole) if name is not None}
        assert set(card.strategies) == examined

    @requirement("A-05")
    def test_the_card_names_the_kinds_of_boundary_that_are_opened(
        self, card: AdapterCard, lab: Lab, strategy: str
    ) -> None:
        """Every boundary that is opened is of a kind that the card names.

        If this fails: add the kind to the card's `boundaries`, or open the boundary as what it is.
        """
        records = lab.run(CHAIN, settings=Settings(strategy=strategy)).records
        opened = {record.get("kind_of_work", "function") for record in records if record["kind"] in _OPENED}
        assert opened <= set(card.boundaries)

"""`AdapterContract`: the exam for adapters of agent frameworks."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, ClassVar, Final

import pytest

from kitaru.hooks import get_manager
from kitaru_conformance.contract import Contract
from kitaru_conformance.contracts.adapter.approvals import Approvals
from kitaru_conformance.contracts.adapter.cancellation import Cancellation
from kitaru_conformance.contracts.adapter.capture import Capture
from kitaru_conformance.contracts.adapter.concurrency import Concurrency
from kitaru_conformance.contracts.adapter.crash import Crash
from kitaru_conformance.contracts.adapter.delegates import Delegates
from kitaru_conformance.contracts.adapter.errors import Errors
from kitaru_conformance.contracts.adapter.identity import Identity
from kitaru_conformance.contracts.adapter.loading import Loading
from kitaru_conformance.contracts.adapter.parallel import Parallel
from kitaru_conformance.contracts.adapter.passthrough import Passthrough
from kitaru_conformance.contracts.adapter.questions import Questions
from kitaru_conformance.contracts.adapter.replay import Replay
from kitaru_conformance.contracts.adapter.retries import Retries
from kitaru_conformance.contracts.adapter.reuse import Reuse
from kitaru_conformance.contracts.adapter.secrets import Secrets
from kitaru_conformance.contracts.adapter.storage import Storage
from kitaru_conformance.contracts.adapter.strategies import Strategies
from kitaru_conformance.contracts.adapter.streams import Streams
from kitaru_conformance.contracts.adapter.tools import Tools
from kitaru_conformance.contracts.adapter.usage import Usage
from kitaru_conformance.harness import AdapterHarness
from kitaru_conformance.lab import Lab, Processes

__all__ = ["AdapterContract"]

_programs: Final = pytest.StashKey[dict[str, Processes]]()


class AdapterContract(
    Loading,
    Strategies,
    Passthrough,
    Identity,
    Reuse,
    Crash,
    Replay,
    Parallel,
    Streams,
    Approvals,
    Questions,
    Retries,
    Errors,
    Capture,
    Secrets,
    Usage,
    Storage,
    Concurrency,
    Cancellation,
    Delegates,
    Tools,
    Contract,
):
    """Subclass it, and set `harness` to the class of your harness; everything else follows from that.

    Attributes:
        harness: The class of the harness.
    """

    prefix = "A"
    known_capabilities: ClassVar[Mapping[str, str]] = {
        "granular": "It has a strategy in which each model call and each tool call is a boundary of its own.",
        "whole": "It has a strategy in which a whole run is one boundary.",
        "async": "It can be run on the caller's event loop.",
        "stream": "A run can be read as a stream.",
        "surface": "The harness names the class whose methods run an agent.",
        "parallel": "Tools of one turn run side by side.",
        "approvals": "A person can approve or deny calls of tools.",
        "asks": "The body of a tool can ask a person.",
        "delegates": "Another agent can be called as a tool.",
        "mcp": "Tools can come from an MCP server.",
        "usage": "Tokens reach the framework's result and kitaru's usage records.",
        "capture": "What is kept for people can be chosen.",
        "retries": "Boundaries that fail can be retried by kitaru.",
        "handled": "The failure of a tool can be told to the model instead of ending the run.",
        "opt_out": "Single tools can be left out of recording.",
        "effects": "Tools can be declared irreversible.",
        "override_model": "What a model said can be replaced in a replay.",
        "cancel": "A running execution can be cancelled.",
    }
    harness: type[AdapterHarness]

    def __init_subclass__(cls, **settings: Any) -> None:  # noqa: ANN401 - whatever base classes take
        """Derive what the subject claims from its harness."""
        super().__init_subclass__(**settings)
        harness = getattr(cls, "harness", None)
        if harness is None or "capabilities" in vars(cls):
            return
        strategies = {name for name in ("granular", "whole") if getattr(harness, name) is not None}
        surface = {"surface"} if harness().surface() is not None else set()
        cls.capabilities = harness.capabilities | strategies | surface | (set(harness.forms) - {"sync"})
        cls.subject = cls.subject or harness.adapter

    @classmethod
    def describe(cls) -> Mapping[str, str | list[str]]:
        """Return what the report's table shows of an adapter, as its card says it; the default strategy comes first."""
        manager = get_manager()
        card = manager.adapters().get(cls.harness.adapter)
        if card is None:
            return {}
        ranges = (one.frameworks.get(card.framework) for one in manager.plugin_card().values())
        strategies = sorted(card.strategies, key=lambda name: name != card.default_strategy)
        return {
            "framework": card.framework,
            "range": next((one for one in ranges if one is not None), ""),
            "strategies": strategies,
            "forms": list(cls.harness.forms),
        }

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Run a case once for each strategy, or each form, that the harness has."""
        if "strategy" in metafunc.fixturenames:
            known = [name for name in (self.harness.granular, self.harness.whole) if name is not None]
            metafunc.parametrize("strategy", known)
        if "form" in metafunc.fixturenames:
            metafunc.parametrize("form", self.harness.forms)

    @pytest.fixture
    def lab(self, request: pytest.FixtureRequest, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Lab:  # noqa: ANN401 - a path
        """A store of the test's own, and processes that run scripts in it."""
        monkeypatch.setenv("KITARU_CONFIG_PATH", str(tmp_path))
        programs = request.config.stash.setdefault(_programs, {})
        file = inspect.getfile(self.harness)
        if file not in programs:
            programs[file] = Processes(self.harness)
            request.config.add_cleanup(programs[file].close)
        return Lab(programs[file], self.harness(), tmp_path)

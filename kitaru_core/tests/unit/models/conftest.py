"""A provider of our own under the prefix `stub`, offered through the hook like any other."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from kitaru.artifacts import redaction
from kitaru.hooks import ModelProvider, PluginCard, get_manager, hookimpl
from kitaru.models.api import ModelReply, ModelRequest


class StubProvider:
    """Answers what it is told to, and remembers what it was asked."""

    credentials = ("STUB_API_KEY", "STUB_OTHER_KEY")
    options = ("STUB_BASE_URL",)

    def __init__(self) -> None:
        self.requests: list[ModelRequest] = []
        self.answers: list[ModelReply | Exception] = []

    def complete(self, request: ModelRequest) -> ModelReply:
        self.requests.append(request)
        answer = self.answers.pop(0) if self.answers else ModelReply(text=f"answer {len(self.requests)}")
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def complete_async(self, request: ModelRequest) -> ModelReply:
        return self.complete(request)


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setattr(redaction, "_shared", redaction.Redactor())
    for name in ("STUB_API_KEY", "STUB_OTHER_KEY", "STUB_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "config"


@pytest.fixture
def provider():
    stub = StubProvider()

    @hookimpl
    def kitaru_plugin_card():
        return PluginCard(name="stub", hookspec=1)

    @hookimpl
    def kitaru_model_providers():
        return [ModelProvider(name="stub", load=lambda: stub)]

    plugin = SimpleNamespace(kitaru_plugin_card=kitaru_plugin_card, kitaru_model_providers=kitaru_model_providers)
    get_manager().register(plugin, name="stub-models")
    yield stub
    get_manager().unregister("stub-models")


@pytest.fixture
def keyed(provider, monkeypatch):
    """The stub, with a credential in the environment."""
    monkeypatch.setenv("STUB_API_KEY", "key-of-the-environment")
    return provider

"""The providers of `model_provider_doubles` as subjects."""

from __future__ import annotations

import pytest
from judged import subjects
from model_provider_doubles import DOUBLES, WIRES, InProcessWire

from kitaru_conformance import ModelProviderContract


class InProcess(ModelProviderContract):
    capabilities = frozenset(
        {"cached_tokens", "cost", "credentials", "reasoning_tokens", "streams", "structured", "total_tokens"}
    )

    @pytest.fixture
    def wire(self, monkeypatch):
        monkeypatch.delenv("ACME_API_KEY", raising=False)
        WIRES.append(InProcessWire())
        yield WIRES[-1]
        WIRES.pop()

    @pytest.fixture
    def provider(self):
        return type(self).kind()


globals().update(subjects(DOUBLES, InProcess, kind=lambda one: one))

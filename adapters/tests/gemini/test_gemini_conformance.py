from __future__ import annotations

from pathlib import Path

from kitaru_conformance.contracts.adapter.contract import AdapterContract
from kitaru_conformance.loading import harness_class

GeminiHarness = harness_class(Path(__file__).with_name("conformance_harness.py"), "GeminiHarness")


class TestGeminiInteractions(AdapterContract):
    harness = GeminiHarness
    framework = "google-genai"

from __future__ import annotations

from pathlib import Path

from kitaru_conformance.contracts.adapter.contract import AdapterContract
from kitaru_conformance.loading import harness_class

LangGraphHarness = harness_class(Path(__file__).with_name("conformance_harness.py"), "LangGraphHarness")


class TestLangGraph(AdapterContract):
    harness = LangGraphHarness
    framework = "langgraph"

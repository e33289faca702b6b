"""The published suite, applied to this adapter."""

from __future__ import annotations

from pathlib import Path

from kitaru_conformance.contracts.adapter.contract import AdapterContract
from kitaru_conformance.loading import harness_class

StrandsHarness = harness_class(Path(__file__).with_name("conformance_harness.py"), "StrandsHarness")


class TestStrands(AdapterContract):
    harness = StrandsHarness
    framework = "strands-agents"

"""The published suite, applied to this adapter."""

from __future__ import annotations

from pathlib import Path

from kitaru_conformance import AdapterContract, declared_gap
from kitaru_conformance.loading import harness_class

StrandsHarness = harness_class(Path(__file__).with_name("conformance_harness.py"), "StrandsHarness")


class TestStrands(AdapterContract):
    harness = StrandsHarness
    framework = "strands-agents"

    @declared_gap("Without kitaru, Strands tells the model of a tool's failure, and nothing leaves the run.")
    def test_an_error_of_a_tool_is_what_it_is_without_kitaru(self, lab, strategy):
        super().test_an_error_of_a_tool_is_what_it_is_without_kitaru(lab, strategy)

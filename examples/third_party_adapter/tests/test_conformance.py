"""The published suite, applied to this adapter."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from kitaru_conformance import AdapterContract
from kitaru_conformance.loading import harness_class

TOLD = "Strands tells the model of a tool's failure, so no failed tool is left to retry; `fail_on=` has its own tests."


class TestStrands(AdapterContract):
    harness = harness_class(Path(__file__).with_name("conformance_harness.py"), "StrandsHarness")
    framework = "strands-agents"
    gaps: ClassVar = {"A-33": TOLD, "A-64": TOLD}

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from kitaru_conformance.contracts.adapter.contract import AdapterContract
from kitaru_conformance.loading import harness_class

ONE_BY_ONE = "Claude's program stops at the first call that needs a decision and comes back with the others later."

ClaudeHarness = harness_class(Path(__file__).with_name("conformance_harness.py"), "ClaudeHarness")


class TestClaudeAgentSDK(AdapterContract):
    harness = ClaudeHarness
    framework = "claude-agent-sdk"
    gaps: ClassVar = {"A-86": ONE_BY_ONE, "A-87": ONE_BY_ONE}

"""The doubles as subjects of the contract; `test_doubles.py` runs this in a process of its own."""

from __future__ import annotations

from toy_doubles import DOUBLES
from toy_harness import ToyHarness, ToyHarnessWithServers

from kitaru_conformance import AdapterContract

for _name, _harness in DOUBLES.items():
    globals()[f"Test{_name}"] = type(
        f"Test{_name}", (AdapterContract,), {"harness": _harness, "subject": _name, "__module__": __name__}
    )


class TestRight(AdapterContract):
    harness = ToyHarness
    subject = "Right"


class TestRightWithServers(AdapterContract):
    harness = ToyHarnessWithServers
    subject = "RightWithServers"

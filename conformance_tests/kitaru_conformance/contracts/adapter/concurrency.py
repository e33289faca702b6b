"""Several executions at once."""

from __future__ import annotations

from kitaru_conformance.contracts.adapter.scripts import chain
from kitaru_conformance.harness import AdapterHarness, Settings
from kitaru_conformance.lab import Lab
from kitaru_conformance.requirements import requirement
from kitaru_conformance.script import Tool

__all__ = ["Concurrency"]


class Concurrency:
    """Cases about executions that run at the same time."""

    harness: type[AdapterHarness]

    @requirement("A-170")
    def test_two_executions_in_two_processes_do_not_meet(self, lab: Lab, strategy: str) -> None:
        """Two executions that run at the same time in two processes have their own answers and boundaries.

        If this fails: something outside of the journal, such as a file of the adapter, is shared.
        """
        settings = Settings(strategy=strategy)
        held = chain(a=Tool(name="a", result="X {value}", holds=True))
        ledger = lab.ledger()
        with lab.beside(lambda: lab.run(held, ledger=ledger, settings=settings)) as running:
            ledger.wait_for("tool:a")
            other = lab.run(chain(), settings=settings)
            ledger.release("a")
            first = running.result()
        assert (first.answer.text, other.answer.text) == ("X one and B two", "A one and B two")
        assert first.names == other.names

    @requirement("A-171")
    def test_two_executions_in_one_process_do_not_meet(self, lab: Lab, strategy: str) -> None:
        """Two executions that run at the same time in one process have their own answers and boundaries.

        If this fails: the state of a run stands in a global or on the wrapped agent; keep it in a context variable.
        """
        first, second = lab.together(
            chain(a=Tool(name="a", result="X {value}", after="b")),
            chain(a=Tool(name="a", result="Y {value}")),
            settings=Settings(strategy=strategy),
        )
        assert (first.answer.text, second.answer.text) == ("X one and B two", "Y one and B two")
        assert first.names == second.names

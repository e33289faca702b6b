"""Executions that somebody cancels."""

from __future__ import annotations

import contextlib

from kitaru_conformance.contracts.adapter.scripts import chain
from kitaru_conformance.harness import AdapterHarness
from kitaru_conformance.lab import Lab
from kitaru_conformance.requirements import requirement
from kitaru_conformance.run import Run
from kitaru_conformance.script import Tool

__all__ = ["Cancellation"]

_NOTICED = 5.0
_HELD = chain(a=Tool(name="a", result="A {value}", holds=True))


class Cancellation:
    """Cases about cancelling a running execution."""

    harness: type[AdapterHarness]

    def _cancelled(self, lab: Lab, form: str) -> Run:
        ledger = lab.ledger()
        with lab.beside(lambda: lab.run(_HELD, ledger=ledger, form=form)) as running:
            ledger.wait_for("tool:a")
            lab.client.executions.cancel(lab.newest.exec_id)
            with contextlib.suppress(TimeoutError):
                return running.result(_NOTICED)
            ledger.release("a")  # the tool does not learn of it: the adapter runs it outside of the call's context
            return running.result()

    @requirement("A-180", needs={"cancel"})
    def test_nothing_runs_behind_a_cancelled_call(self, lab: Lab, form: str) -> None:
        """When an execution is cancelled while a tool runs, neither the model nor a tool is called behind it.

        If this fails: the cancel signal is swallowed as an error of the tool; let `BaseException` pass.
        """
        run = self._cancelled(lab, form)
        assert (run.ledger.count("model"), run.ledger.count("tool:b")) == (1, 0)

    @requirement("A-181", needs={"cancel"})
    def test_a_cancelled_execution_is_cancelled_not_failed(self, lab: Lab, form: str) -> None:
        """An execution that was cancelled while a tool ran is shown as cancelled.

        If this fails: repair A-180 first; then look which layer turns the signal into an exception of its own.
        """
        assert self._cancelled(lab, form).status == "cancelled"

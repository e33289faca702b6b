"""Ids of calls that are met again by their key, and of new calls after them."""

from __future__ import annotations

from kitaru.engine.ledger import Ledger, RecordedCall
from kitaru.records.facts import CheckpointStarted


def _recorded(invocation_id: str, key: str) -> RecordedCall:
    fact = CheckpointStarted(
        at=0.0, call_id=invocation_id, invocation_id=invocation_id, name="ask", index=0, attempt=1, key=key
    )
    return RecordedCall(fact, "execution", 0)


def test_new_call_gets_an_id_of_its_own_after_a_keyed_call_was_met_again():
    ledger = Ledger()
    ledger.add(_recorded("ask", "one"))
    ledger.add(_recorded("ask_2", "two"))
    assert [ledger.find("ask", key=key)[0] for key in ("two", "one", "three")] == ["ask_2", "ask", "ask_3"]

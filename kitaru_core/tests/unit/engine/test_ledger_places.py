"""Ids and places of calls that are met again, of those that are left out, and of new calls after them."""

from __future__ import annotations

import pytest

from kitaru.engine.ledger import Ledger, RecordedCall
from kitaru.records.facts import CheckpointCompleted, CheckpointFailed, CheckpointStarted
from kitaru.records.failure import Failure
from kitaru.records.payload import PayloadRef


def _facts(invocation_id: str, index: int, key: str | None) -> dict:
    called = {"call_id": invocation_id, "invocation_id": invocation_id, "name": "ask", "index": index, "attempt": 1}
    return {"at": 0.0, "key": key, **called}


def _recorded(invocation_id: str, key: str | None, index: int = 0) -> RecordedCall:
    return RecordedCall(CheckpointStarted(**_facts(invocation_id, index, key)), "execution", 0)


def _completed(invocation_id: str, index: int, **more: bool) -> RecordedCall:
    facts = _facts(invocation_id, index, invocation_id)
    output = PayloadRef(codec="json/1", hash="", size=0)
    return RecordedCall(CheckpointCompleted(started_at=0.0, output=output, **facts), "execution", 0, **more)


def _failed(invocation_id: str, index: int, *, handled: bool) -> RecordedCall:
    failure = Failure(message="", type="", origin="user_code")
    fact = CheckpointFailed(started_at=0.0, failure=failure, final=True, **_facts(invocation_id, index, invocation_id))
    return RecordedCall(fact, "execution", 0, handled=handled)


def _ledger(*calls: RecordedCall) -> Ledger:
    ledger = Ledger()
    for call in calls:
        ledger.add(call)
    return ledger


def _places(ledger: Ledger, *keys: str, concurrent: bool = False) -> list[int]:
    return [ledger.enter("ask", key=key, concurrent=concurrent)[2] for key in keys]


def test_new_call_gets_an_id_of_its_own_after_a_keyed_call_was_met_again():
    ledger = _ledger(_recorded("ask", "one"), _recorded("ask_2", "two"))
    assert [ledger.enter("ask", key=key)[0] for key in ("two", "one", "three")] == ["ask_2", "ask", "ask_3"]


def test_a_new_call_comes_behind_recorded_ones_that_were_left_out():
    ledger = _ledger(*(_completed(f"ask_{n}", n) for n in range(4)))
    assert _places(ledger, "ask_0", "new", "newer") == [0, 4, 5]


def test_what_follows_a_call_that_sums_others_up_comes_behind_it():
    ledger = _ledger(_completed("ask_0", 0), _completed("sum", 3))
    assert _places(ledger, "sum", "new") == [3, 4]


def test_a_call_that_is_tried_again_comes_behind_the_outcomes_before_it():
    ledger = _ledger(_completed("ask_0", 0), _completed("ask_1", 1), _failed("ask_2", 2, handled=False))
    assert _places(ledger, "ask_0", "ask_2", "new") == [0, 2, 3]


def test_a_failure_that_is_an_outcome_keeps_its_place():
    ledger = _ledger(_completed("ask_0", 0), _failed("ask_1", 1, handled=True))
    assert _places(ledger, "ask_0", "new") == [0, 2]


@pytest.mark.parametrize(("order", "places"), [("abc", [1, 2, 3]), ("cab", [3, 1, 4])])
def test_a_sibling_that_has_no_outcome_yet_gets_a_place_of_its_own(order, places):
    ledger = _ledger(_completed("model", 0), _completed("a", 1), _completed("c", 3))
    assert _places(ledger, "model") + _places(ledger, *order, concurrent=True) == [0, *places]


def test_calls_taken_from_a_source_have_the_places_in_which_they_are_met():
    ledger = _ledger(_completed("ask_0", 5, adopt=True), _completed("ask_1", 9, adopt=True))
    assert _places(ledger, "ask_1", "new", "ask_0") == [0, 1, 2]


def test_what_was_peeked_at_can_be_peeked_at_again_after_it_was_met():
    ledger = _ledger(_completed("ask_0", 0))
    found = ledger.peek("ask_0")
    _places(ledger, "ask_0")
    assert (ledger.peek("ask_0"), ledger.pending) == (found, 0)

"""Which usage records of one call count."""

from __future__ import annotations

import pytest

from kitaru import checkpoint, current_call, flow


@checkpoint
def spend(ids):
    for number, id_ in enumerate(ids, start=1):
        named = {} if id_ is None else {"record_id": id_}
        spent = {"usage": {"input_tokens": 10 * number}, "cost": {"actual_cost_usd": number}}
        current_call().record_usage({**spent, **named})


@flow
def spending(ids):
    spend(ids)


@pytest.mark.parametrize(
    ("ids", "records", "tokens", "dollars"),
    [(["a", "b"], 2, 30, 3), (["a", "a"], 1, 20, 2), ([None, None], 2, 30, 3), ([None, "a", None], 3, 60, 6)],
    ids=["two", "one that is reported again", "without ids", "mixed"],
)
def test_a_record_counts_unless_it_repeats_the_id_of_another(client, ids, records, tokens, dollars):
    handle = spending.run(ids)
    handle.wait(10)
    found = client.executions.get(handle.exec_id).llm_usage_summary
    assert (found["usage_record_count"], found["input_tokens"], found["display_cost_usd"]) == (records, tokens, dollars)

"""An execution that waits for a person is held against a changed agent: no model is asked and no tool runs."""

from __future__ import annotations

import pytest
from pydantic_ai import Tool

import kitaru


def flow_of(body):
    @kitaru.flow
    def errand():
        return body()

    return errand


@pytest.fixture
def errand(lab, call):
    """Make the flow of an agent that pays once somebody approves."""

    def pay(amount: int) -> str:
        lab.counts["pay"] += 1
        return f"paid {amount}"

    def make(name="bot", **settings):
        tools = [Tool(pay, requires_approval=True)]
        agent = lab.agent([call("pay", "p1", amount=1)], "done", name=name, tools=tools, **settings)
        return flow_of(lambda: agent.run_sync("go").output)

    return make


def only(lab, flow):
    (found,) = lab.client.executions.check(flow).executions
    return found


def test_the_same_agent_goes_on_where_it_waits(lab, errand):
    lab._settled(errand().run())
    found = only(lab, errand())
    assert (found.verdict, found.at, found.missed) == ("resumes", "approve_pay_p1", ())
    assert lab.counts == {"bot": 1}


def test_an_answered_one_stops_before_the_tool_and_before_the_model(lab, errand):
    handle = lab._settled(errand().run())
    lab.answer(handle, value=True)
    found = only(lab, errand())
    assert (found.verdict, found.missed) == ("resumes", ())
    assert "pay" in found.at
    assert lab.counts == {"bot": 1}
    assert handle.status == "waiting"


def test_an_agent_of_another_name_would_ask_its_model_again(lab, errand):
    lab._settled(errand().run())
    found = only(lab, errand("other"))
    assert found.verdict == "reruns"
    assert "approve_pay_p1" in found.missed
    assert lab.counts == {"bot": 1}


def test_an_agent_recorded_turn_by_turn_is_stopped_before_its_turn(lab, errand):
    lab._settled(errand().run())
    found = only(lab, errand("other", granular_checkpoints=False))
    assert found.verdict == "reruns"
    assert lab.counts == {"bot": 1}

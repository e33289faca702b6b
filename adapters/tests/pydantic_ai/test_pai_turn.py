from __future__ import annotations

from decimal import Decimal

import pytest
from pydantic import BaseModel
from pydantic_ai import Agent, PromptedOutput, RunContext, TextOutput, ToolOutput
from pydantic_ai.usage import RunUsage

from kitaru import FlowHandle
from kitaru.adapters.pydantic_ai import KitaruAgent


class Price(BaseModel):
    amount: Decimal
    tags: tuple[str, ...]


def shout(text: str) -> tuple[str, int]:
    return text.upper(), len(text)


PRICE = '{"amount": "1.50", "tags": ["a", "b"]}'


@pytest.mark.parametrize(
    ("output_type", "answer", "expected"),
    [
        (str, "plain", "plain"),
        (PromptedOutput(Price), PRICE, Price(amount=Decimal("1.50"), tags=("a", "b"))),
        (PromptedOutput([Price, int]), '{"result": {"kind": "Price", "data": ' + PRICE + "}}", None),
        (TextOutput(shout), "abc", ("ABC", 3)),
        ([TextOutput(shout), ToolOutput(Price)], "abc", ("ABC", 3)),
    ],
)
def test_the_result_of_a_turn_keeps_its_type(lab, output_type, answer, expected):
    agent = lab.agent(answer, output_type=output_type, checkpoint_strategy="turn")
    first, second = lab.twice(lambda: agent.run_sync("go").output)
    assert type(first) is type(second)
    assert first == second
    assert expected is None or first == expected
    assert lab.counts == {"bot": 1}


def test_usage_given_to_a_turn_grows_on_the_first_run_and_on_reuse(lab):
    agent = lab.agent("done", checkpoint_strategy="turn")

    def body():
        usage = RunUsage(requests=5)
        agent.run_sync("go", usage=usage)
        return usage

    first, second = lab.twice(body)
    assert first.requests == 6
    assert first == second


def test_a_turn_can_be_overridden_with_its_output(lab):
    agent = lab.agent("done", checkpoint_strategy="turn")
    handle = lab.run(lambda: agent.run_sync("go").output)
    replay = lab.client.executions.replay(handle.exec_id, from_="bot", overrides={"checkpoint.bot": "corrected"})
    assert FlowHandle.from_exec_id(replay.exec_id).wait(20) == "corrected"


def test_two_turns_of_one_agent_are_two_checkpoints(lab):
    agent = lab.agent(lambda messages: messages[0].parts[0].content, checkpoint_strategy="turn")
    first, second = lab.twice(lambda: [agent.run_sync(text).output for text in ("a", "b")])
    assert first == second == ["a", "b"]
    assert lab.names(lab.client.executions.latest())[:2] == ["bot", "bot_2"]


def test_a_model_and_a_tool_can_be_overridden_with_what_a_person_would_write(lab, call):
    def look() -> dict[str, int]:
        return {"seen": 1}

    agent = lab.agent(call("look"), lambda messages: str(messages[-1].parts[0].content), tools=[look])
    handle = lab.run(lambda: agent.run_sync("go").output)
    for selector, value, expected in (("look_tool", {"seen": 9}, "{'seen': 9}"), ("bot_model_request_2", "x", "x")):
        replay = lab.client.executions.replay(
            handle.exec_id, from_=selector, overrides={f"checkpoint.{selector}": value}
        )
        assert FlowHandle.from_exec_id(replay.exec_id).wait(20) == expected


def test_a_delegate_in_a_tool_uses_the_context_of_its_own_run(lab, call):
    sub = KitaruAgent(Agent(lab.script("sub", name="sub").model, name="sub", deps_type=str))

    async def delegate(ctx: RunContext[str]) -> str:
        return (await sub.run("topic", deps=ctx.deps, usage=ctx.usage)).output

    agent = lab.agent(call("delegate"), "done", tools=[delegate], agent={"deps_type": str})
    handle = lab.run(lambda: agent.run_sync("go", deps="d").usage.requests)
    assert handle.get() == 3
    assert "sub_model_request" not in lab.names(handle)

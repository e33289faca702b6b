from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import pytest
from pydantic import BaseModel, TypeAdapter
from pydantic_ai import BinaryContent, ModelRetry, ToolReturn
from pydantic_ai.exceptions import ToolFailed, UnexpectedModelBehavior

from kitaru.errors import KitaruUserCodeError


def returned(result):
    return [part for message in result.all_messages() for part in message.parts if part.part_kind == "tool-return"]


def invalid():
    return TypeAdapter(int).validate_python("x")


@pytest.mark.parametrize(
    ("signal", "text"),
    [(lambda: ModelRetry("try a number"), "try a number"), (lambda: ToolFailed("no such city"), "no such city")],
)
def test_signals_of_a_tool_reach_the_model_again_on_a_rerun(lab, call, signal, text):
    def ask(n: int) -> int:
        lab.counts["ask"] += 1
        if n == 1:
            raise signal()
        return n

    agent = lab.agent(call("ask", "a", n=1), call("ask", "b", n=2), "done", tools=[ask])
    first, second = lab.twice(lambda: agent.run_sync("go"))
    contents = [[str(part.content) for part in returned(result)] for result in (first, second)]
    assert contents[0] == contents[1]
    assert text in contents[0][0]
    assert lab.counts == {"bot": 3, "ask": 2}


def test_a_validation_error_in_a_tool_is_a_signal_too(lab, call):
    def parse(n: int) -> int:
        lab.counts["parse"] += 1
        return invalid() if n == 1 else n

    agent = lab.agent(call("parse", "a", n=1), call("parse", "b", n=2), "done", tools=[parse])
    first, second = lab.twice(lambda: agent.run_sync("go").output)
    assert (first, second) == ("done", "done")
    assert lab.counts["parse"] == 2


def test_an_unexpected_error_fails_the_unit_and_the_flow_with_its_own_type(lab, call):
    def broken() -> str:
        lab.counts["broken"] += 1
        msg = "gone"
        raise LookupError(msg)

    agent = lab.agent(call("broken"), "done", tools=[broken], tool_checkpoint_config={"retries": 2})
    handle = lab.run(lambda: agent.run_sync("go").output)
    with pytest.raises(KitaruUserCodeError, match="gone") as caught:
        handle.get()
    assert isinstance(caught.value.__cause__, LookupError)
    assert lab.counts == {"bot": 1, "broken": 3}


def test_signals_never_use_up_durable_retries(lab, call):
    def never() -> str:
        lab.counts["never"] += 1
        msg = "again"
        raise ModelRetry(msg)

    agent = lab.agent(
        call("never", "a"), call("never", "b"), "done", tools=[never], tool_checkpoint_config={"retries": 5}
    )
    handle = lab.run(lambda: agent.run_sync("go").output)
    assert handle.status == "failed"
    assert lab.counts["never"] == 2
    assert handle.execution.failure.exception_type.endswith(UnexpectedModelBehavior.__name__)


def test_cancellation_records_nothing(lab, call):
    limits = []

    async def slow() -> str:
        lab.counts["slow"] += 1
        if lab.counts["slow"] == 1:
            limits[0].reschedule(asyncio.get_running_loop().time())
            await asyncio.Event().wait()
        return "slept"

    agent = lab.agent(call("slow"), "done", tools=[slow])

    async def impatient():
        async with asyncio.timeout(None) as limit:
            limits.append(limit)
            return (await agent.run("go")).output

    handle = lab.run(lambda: asyncio.run(impatient()))
    assert handle.status == "failed"
    assert [(c.name, c.status) for c in lab.calls(handle) if c.name == "slow_tool" and c.status == "completed"] == []
    lab.retry(handle)
    assert handle.get() == "done"
    assert lab.counts == {"bot": 2, "slow": 2}


@dataclass
class Place:
    name: str
    since: date


class Weather(BaseModel):
    degrees: Decimal
    places: tuple[str, ...]


@pytest.mark.parametrize(
    "value",
    [
        Place("Oslo", date(2026, 11, 21)),
        Weather(degrees=Decimal("1.50"), places=("a", "b")),
        {"when": date(2026, 11, 21), 3: (1, 2)},
        [Decimal("1.1"), {"nested": {1, 2}}],
        None,
        "text",
        b"bytes",
    ],
)
def test_first_run_and_rerun_hand_out_the_same_types(lab, call, value):
    def give():
        return value

    agent = lab.agent(call("give"), "done", tools=[give])
    first, second = (returned(result)[0].content for result in lab.twice(lambda: agent.run_sync("go")))
    assert type(first) is type(second)
    assert first == second


class Handle:
    """Nothing that could be stored."""


def test_a_result_that_cannot_be_stored_names_tool_type_and_path(lab, call):
    def give() -> dict[str, object]:
        return {"rows": [1, Handle()]}

    agent = lab.agent(call("give"), "done", tools=[give])
    handle = lab.run(lambda: agent.run_sync("go").output)
    failure = handle.execution.failure
    assert handle.status == "failed"
    assert "Tool 'give'" in failure.message
    assert "result['rows'][1]" in failure.message
    assert "Handle" in failure.message


@pytest.mark.parametrize(
    "value",
    [
        {"kind": "tool-return", "return_value": 1},
        {"kind": "model_retry", "message": "x"},
        {"kind": "binary", "data": "AAAA", "media_type": "image/png"},
        {"part_kind": "text", "content": "x", "timestamp": "yesterday"},
    ],
)
def test_a_result_that_looks_like_an_envelope_survives(lab, call, value):
    def give() -> dict[str, object]:
        return value

    agent = lab.agent(call("give"), "done", tools=[give])
    first, second = (returned(result)[0].content for result in lab.twice(lambda: agent.run_sync("go")))
    assert first == second == value


def test_binary_content_and_rich_returns_survive(lab, call):
    def draw() -> ToolReturn:
        lab.counts["draw"] += 1
        picture = BinaryContent(b"\x89PNG\x00\xff", media_type="image/png")
        return ToolReturn("drawn", content=["see:", picture], metadata={"id": 7})

    agent = lab.agent(call("draw"), "done", tools=[draw])
    for result in lab.twice(lambda: agent.run_sync("go")):
        (part,) = returned(result)
        user = next(p for m in result.all_messages()[1:] for p in m.parts if p.part_kind == "user-prompt")
        assert (part.content, part.metadata) == ("drawn", {"id": 7})
        assert user.content[1].data == b"\x89PNG\x00\xff"
    assert lab.counts["draw"] == 1

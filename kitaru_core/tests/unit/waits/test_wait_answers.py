"""Asking, answering, pausing, going on."""

from __future__ import annotations

import asyncio
import enum
import json
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from typing import Any, Literal, TypedDict

import pytest
from pydantic import BaseModel, field_validator

from kitaru import (
    ExecutionStatus,
    KitaruClient,
    KitaruContextError,
    KitaruExecutionError,
    KitaruStateError,
    KitaruUsageError,
    KitaruUserCodeError,
    KitaruWaitValidationError,
    checkpoint,
    flow,
    wait,
    wait_async,
)


class Verdict(BaseModel):
    ok: bool
    note: str = ""

    @field_validator("note")
    @classmethod
    def _short(cls, value):
        if len(value) > 5:
            raise ValueError("too long")
        return value


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Point(TypedDict):
    x: int


@dataclass
class Size:
    width: int


@checkpoint
def step(x):
    return x


@flow
def asks(timeout: Any = 0):
    step(1)
    return wait(name="answer", question="Well?", timeout=timeout, metadata={"k": 1})


def asking(schema):
    @flow
    def asks_for():
        return wait(name="answer", schema=schema, timeout=0)

    return asks_for


def paused(handle):
    KitaruClient().executions.wait(handle.exec_id, timeout=5)
    return handle


def answered(handle, value, client, name="answer"):
    client.executions.input(handle.exec_id, wait=name, value=value)
    client.executions.resume(handle.exec_id, block=True)
    return handle.get()


def test_a_wait_pauses_and_shows_what_it_asks(client):
    handle = paused(asks.run())
    (pending,) = client.executions.pending_waits(handle.exec_id)
    assert handle.status is ExecutionStatus.WAITING
    assert (pending.name, pending.question, pending.schema, pending.metadata) == (
        "answer",
        "Well?",
        {"type": "boolean"},
        {"k": 1},
    )


def test_a_wait_shows_no_secrets(client):
    @flow
    def shows():
        return wait(
            name="answer", question="Send token=abcdef123?", timeout=0, metadata={"args": {"api_key": "abcdef123"}}
        )

    (pending,) = client.executions.pending_waits(paused(shows.run()).exec_id)
    assert "abcdef12" not in f"{pending.question} {pending.metadata}"


def test_the_default_schema_is_a_boolean(client):
    @flow
    def plain():
        return wait(timeout=0)

    handle = paused(plain.run())
    assert answered(handle, True, client, "wait_1") is True


@pytest.mark.parametrize(
    ("schema", "answer", "value"),
    [
        (int, 3, 3),
        (float, 1.5, 1.5),
        (str, "x", "x"),
        (list[int], [1], [1]),
        (dict[str, int], {"a": 1}, {"a": 1}),
        (Literal["a", "b"], "a", "a"),
        (int | None, None, None),
        (Color, "red", Color.RED),
        (Color, Color.BLUE, Color.BLUE),
        (Verdict, {"ok": True}, Verdict(ok=True)),
        (Verdict, Verdict(ok=False), Verdict(ok=False)),
        (Size, {"width": 2}, Size(2)),
        (Point, {"x": 1}, {"x": 1}),
        ({"type": "object", "required": ["a"]}, {"a": 1}, {"a": 1}),
        (None, None, None),
    ],
)
def test_every_kind_of_schema_takes_its_answer(schema, answer, value, client):
    handle = paused(asking(schema).run())
    assert answered(handle, answer, client) == value


@pytest.mark.parametrize(
    ("schema", "answer"),
    [
        (bool, "true"),
        (bool, 1),
        (bool, None),
        (int, "3"),
        (int, True),
        (Verdict, {"ok": "yes"}),
        (Verdict, {}),
        (None, 1),
        ({"type": "string"}, 1),
    ],
)
def test_answers_that_do_not_fit_are_refused_and_the_wait_stays_open(schema, answer, client):
    handle = paused(asking(schema).run())
    with pytest.raises(KitaruWaitValidationError):
        client.executions.input(handle.exec_id, wait="answer", value=answer)
    assert len(client.executions.pending_waits(handle.exec_id)) == 1


def test_a_schema_nobody_knows_is_a_usage_error():
    with pytest.raises(KitaruUserCodeError, match="JSON schema"):
        asking(threading.Lock).run().wait(5)


@pytest.mark.parametrize("timeout", [-1, True, "soon"])
def test_a_wrong_timeout_is_refused(timeout):
    with pytest.raises(KitaruUserCodeError, match="timeout"):
        asks.run(timeout).wait(5)


def test_an_answer_while_the_runner_stays_continues_at_once(client):
    handle = asks.run(30)
    while not client.executions.pending_waits(handle.exec_id):
        time.sleep(0.005)
    began = time.monotonic()
    client.executions.input(handle.exec_id, wait="answer", value=True)
    assert handle.wait(5) is True
    assert time.monotonic() - began < 1


def test_an_answer_from_another_process_reaches_a_living_runner(client):
    handle = asks.run(30)
    while not client.executions.pending_waits(handle.exec_id):
        time.sleep(0.005)
    program = "import sys, kitaru; kitaru.KitaruClient().executions.input(sys.argv[1], wait='answer', value=False)"
    subprocess.run([sys.executable, "-c", program, handle.exec_id], check=True, timeout=30)
    assert handle.wait(5) is False


def test_names_used_again_are_new_waits(client):
    @flow
    def twice():
        return [wait(name="again", schema=int, timeout=0) for _ in range(2)]

    handle = paused(twice.run())
    client.executions.input(handle.exec_id, wait="again", value=1)
    client.executions.resume(handle.exec_id, block=True)
    assert [one.name for one in client.executions.pending_waits(handle.exec_id)] == ["again_2"]
    assert answered(handle, 2, client, "again") == [1, 2]


def test_a_pause_is_not_caught_by_except_exception(client):
    @flow
    def careless():
        try:
            return wait(name="answer", timeout=0)
        except Exception:  # noqa: BLE001 - exactly what must not happen
            return "swallowed"

    handle = paused(careless.run())
    assert answered(handle, True, client) is True


def test_a_paused_run_reuses_what_it_completed(client):
    ran = []

    @checkpoint
    def counted():
        ran.append(1)
        return len(ran)

    @flow
    def body():
        value = counted()
        wait(name="answer", timeout=0)
        return value

    handle = paused(body.run())
    assert (answered(handle, True, client), len(ran)) == (1, 1)


def test_aborting_cancels_a_paused_execution(client):
    handle = paused(asks.run())
    client.executions.abort_wait(handle.exec_id, wait="answer")
    with pytest.raises(KitaruExecutionError, match="wait aborted") as caught:
        handle.wait(5)
    assert caught.value.status is ExecutionStatus.CANCELLED


def test_aborting_ends_a_runner_that_stays(client):
    handle = asks.run(30)
    while not client.executions.pending_waits(handle.exec_id):
        time.sleep(0.005)
    client.executions.abort_wait(handle.exec_id, wait="answer")
    with pytest.raises(KitaruExecutionError):
        handle.wait(5)
    assert handle.status is ExecutionStatus.CANCELLED


def test_cancelling_a_paused_execution_takes_effect_at_once(client):
    handle = paused(asks.run())
    assert client.executions.cancel(handle.exec_id).status is ExecutionStatus.CANCELLED
    assert client.executions.pending_waits(handle.exec_id) == []


def test_cancelling_a_runner_that_stays_ends_it(client):
    handle = asks.run(30)
    while not client.executions.pending_waits(handle.exec_id):
        time.sleep(0.005)
    client.executions.cancel(handle.exec_id)
    with pytest.raises(KitaruExecutionError):
        handle.wait(5)


@pytest.mark.parametrize(("name", "error"), [("", KitaruUsageError), ("nope", KitaruStateError)])
def test_a_wait_that_is_not_there_is_refused(name, error, client):
    handle = paused(asks.run())
    with pytest.raises(error):
        client.executions.input(handle.exec_id, wait=name, value=True)


def test_a_second_answer_is_refused(client):
    handle = paused(asks.run())
    client.executions.input(handle.exec_id, wait="answer", value=True)
    with pytest.raises(KitaruStateError, match="no open wait"):
        client.executions.input(handle.exec_id, wait="answer", value=False)


def test_resuming_with_an_open_wait_is_refused(client):
    handle = paused(asks.run())
    with pytest.raises(KitaruStateError, match="still waits for: answer"):
        client.executions.resume(handle.exec_id)


def test_resuming_what_does_not_wait_is_refused(client):
    handle = flow(lambda: 1).run()
    handle.wait(5)
    with pytest.raises(KitaruStateError, match="completed"):
        client.executions.resume(handle.exec_id)


def test_an_answer_may_resume_at_once(client):
    handle = paused(asks.run())
    client.executions.input(handle.exec_id, wait="answer", value=True, resume=True)
    assert handle.wait(5) is True


def test_waits_are_for_the_flows_body():
    @checkpoint
    def inside():
        wait(timeout=0)

    with pytest.raises(KitaruUserCodeError, match="flow's own body"):
        flow(lambda: inside()).run().wait(5)
    with pytest.raises(KitaruContextError):
        wait(timeout=0)


async def test_an_async_flow_can_wait(client):
    @flow
    async def body():
        return await wait_async(name="answer", schema=int, timeout=30)

    handle = body.run()
    while not client.executions.pending_waits(handle.exec_id):  # noqa: ASYNC110 - only the journal tells
        await asyncio.sleep(0.005)
    client.executions.input(handle.exec_id, wait="answer", value=4)
    assert await handle == 4


def test_all_open_waits_are_listed_with_their_flows(client):
    first, second = paused(asks.run()), paused(asks.run())
    assert [one.exec_id for one in client.waits.list()] == [first.exec_id, second.exec_id]
    assert {one.flow_name for one in client.waits.list(flow="asks")} == {"asks"}


def test_who_answered_is_recorded(client):
    handle = paused(asks.run())
    KitaruClient(surface="dashboard").executions.input(handle.exec_id, wait="answer", value=True)
    (found,) = client.executions.get(handle.exec_id).waits
    assert (found.state, found.answer, found.answered_by["surface"]) == ("resolved", True, "dashboard")


def test_a_process_that_only_waits_ends_when_its_program_does(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "from kitaru import flow, wait\n"
        "@flow\ndef asks():\n    return wait(name='answer', timeout=600)\n"
        "if __name__ == '__main__':\n    print(asks.run().exec_id)\n"
    )
    began = time.monotonic()
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True, timeout=30)
    execution = KitaruClient().executions.get(done.stdout.strip())
    assert (execution.status, time.monotonic() - began < 20) == (ExecutionStatus.WAITING, True)
    json.dumps(execution.pending_wait.schema)

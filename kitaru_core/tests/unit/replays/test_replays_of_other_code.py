"""Continuing and deriving executions whose code or state is not what it was."""

from __future__ import annotations

import importlib
import sys
import threading

import pytest

from kitaru import (
    ExecutionStatus,
    FailureOrigin,
    KitaruDivergenceError,
    KitaruExecutionError,
    KitaruStateError,
    KitaruUserCodeError,
    checkpoint,
    flow,
    wait,
)

SHOP = """
from dataclasses import dataclass
from kitaru import checkpoint, flow

{types}

@checkpoint
def prepares():
    return {prepared}

@checkpoint{options}
def works():
    {work}

@flow
def shop():
    prepared = prepares()
    return str(prepared), works()
"""
BASKET = "@dataclass\nclass Basket:\n    size: int"


@pytest.fixture
def written(tmp_path, monkeypatch):
    """Write the module `changing_shop` and load it."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def write(work, *, types="", prepared="1", options=""):
        (tmp_path / "changing_shop.py").write_text(
            SHOP.format(work=work, types=types, prepared=prepared, options=options)
        )
        importlib.invalidate_caches()
        sys.modules.pop("changing_shop", None)
        return importlib.import_module("changing_shop").shop

    yield write
    sys.modules.pop("changing_shop", None)


def broken(shop):
    handle = shop.run()
    with pytest.raises(KitaruUserCodeError):
        handle.wait(10)
    return handle


def test_a_retry_runs_the_code_of_today(written, client):
    handle = broken(written("raise OSError"))
    written("return 'mended'")
    assert client.executions.retry(handle.exec_id, block=True).result() == ("1", "mended")


def test_a_replay_runs_the_code_of_today(written, client):
    handle = written("return 'old'").run()
    handle.wait(10)
    written("return 'new'", prepared="2")
    replayed = client.executions.replay(handle.exec_id, from_="works")
    assert client.executions.wait(replayed.exec_id, timeout=10).result() == ("1", "new")


def test_shared_values_belong_to_the_code_that_made_them(written):
    options = "(cache=True)"
    written("return 'old'", options=options).run().wait(10)
    changed = written("return 'new'", options=options).run()
    assert changed.wait(10) == ("1", "new")
    again = written("return 'new'", options=options).run()
    assert again.wait(10) == ("1", "new")
    assert [one.execution.checkpoints[1].cache_status for one in (changed, again)] == ["executed", "hit"]


def test_a_class_that_moved_away_is_a_divergence_and_nothing_is_lost(written, client):
    handle = broken(written("raise OSError", types=BASKET, prepared="Basket(3)"))
    written("return 2", types=BASKET.replace("Basket", "Bag"), prepared="Bag(3)")
    execution = client.executions.retry(handle.exec_id, block=True)
    assert (execution.status, execution.failure.origin) == (ExecutionStatus.FAILED, FailureOrigin.DIVERGENCE)
    assert "Basket" in execution.failure.message
    with pytest.raises(KitaruDivergenceError, match="Basket"):
        execution.result()
    written("return 2", types=BASKET, prepared="Basket(3)")
    assert client.executions.retry(handle.exec_id, block=True).result() == ("Basket(size=3)", 2)


def test_an_answer_of_another_schema_is_a_divergence(client):
    def asking(schema):
        @flow
        def asks():
            wait(name="size", schema=schema, timeout=0)
            return wait(name="go", timeout=0)

        return asks

    handle = asking(int).run()
    client.executions.wait(handle.exec_id, timeout=10)
    client.executions.input(handle.exec_id, wait="size", value=3)
    asking(dict[str, int])
    execution = client.executions.resume(handle.exec_id, block=True)
    assert (execution.status, execution.failure.origin) == (ExecutionStatus.FAILED, FailureOrigin.DIVERGENCE)


def test_an_explicit_id_that_went_to_another_checkpoint_is_a_divergence(client):
    @checkpoint
    def one():
        return 1

    @checkpoint
    def two():
        return 2

    chosen = [one]

    @flow
    def body():
        value = chosen[0](id="the call")
        if chosen[0] is one:
            raise OSError
        return value

    handle = broken(body)
    chosen[0] = two
    assert client.executions.retry(handle.exec_id, block=True).failure.origin is FailureOrigin.DIVERGENCE


@checkpoint
def counted(n):
    return n


def test_a_running_source_is_refused(client):
    go_on = threading.Event()

    @flow
    def slow():
        counted(1)
        go_on.wait(10)

    handle = slow.run()
    try:
        with pytest.raises(KitaruStateError, match="running"):
            client.executions.replay(handle.exec_id, from_="counted")
    finally:
        go_on.set()
    handle.wait(10)


def test_a_cancelled_source_can_be_replayed(client):
    asked = []

    @flow
    def body():
        value = counted(1)
        if not asked:
            asked.append(1)
            wait(name="go", timeout=0)
        return value

    handle = body.run()
    client.executions.wait(handle.exec_id, timeout=10)
    client.executions.cancel(handle.exec_id)
    with pytest.raises(KitaruExecutionError):
        handle.wait(10)
    assert body.replay(handle.exec_id, from_="counted").wait(10) == 1

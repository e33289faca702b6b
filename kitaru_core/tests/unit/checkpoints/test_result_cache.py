"""`cache=True`: values shared between executions, and everything that must not be shared."""

from __future__ import annotations

import asyncio

import pytest

from kitaru import KitaruClient, checkpoint, flow
from kitaru.engine.caching import close_caches
from kitaru.engine.runner import live_run

ran = []


@checkpoint(cache=True)
def costly(number):
    ran.append(number)
    return {"square": number * number}


@checkpoint
def cheap(number):
    ran.append(number)
    return number


@checkpoint(cache=True, effect="irreversible")
def pay(number):
    ran.append(number)


@checkpoint(cache=True)
async def slow(number):
    ran.append(number)
    return number


@flow
def once(number):
    return costly(number)


@flow
def twice(number):
    return [costly(number), costly(number)]


@flow
def frugal(number):
    return cheap(number)


@flow
def spend(number):
    pay(number)


@flow
def chained(number):
    return costly.submit(cheap.submit(number)).result()


@flow
async def waiting(number):
    return await asyncio.gather(slow(number), slow(number))


@pytest.fixture(autouse=True)
def client(tmp_path, monkeypatch):
    monkeypatch.setenv("KITARU_CONFIG_PATH", str(tmp_path))
    monkeypatch.setenv("KITARU_STORE", str(tmp_path / "kitaru.db"))
    ran.clear()
    yield KitaruClient()
    close_caches()


def only_call(client, handle):
    (call,) = client.executions.get(handle.exec_id).checkpoints
    return call


def test_another_execution_takes_the_value_and_says_where_it_came_from(client):
    first = once.run(3)
    first.wait()
    second = once.run(3)
    assert second.wait() == {"square": 9}
    call = only_call(client, second)
    assert (call.cache_status, call.original_call_id) == ("hit", only_call(client, first).call_id)
    assert ran == [3]


def test_other_inputs_are_computed(client):
    once.run(3).wait()
    assert once.run(4).wait() == {"square": 16}
    assert ran == [3, 4]


def test_two_calls_of_one_execution_never_answer_each_other():
    twice.run(3).wait()
    assert ran == [3, 3]


def test_nothing_is_shared_unless_somebody_says_so():
    frugal.run(3).wait()
    frugal.run(3).wait()
    assert ran == [3, 3]


def test_run_decides_over_the_checkpoint():
    once.run(3).wait()
    once.run(3, cache=False).wait()
    assert ran == [3, 3]


def test_what_must_not_happen_twice_is_never_answered_by_a_cache():
    spend.run(3).wait()
    spend.run(3).wait()
    assert ran == [3, 3]


def test_a_call_whose_inputs_are_still_computed_is_not_answered():
    chained.run(3).wait()
    chained.run(3).wait()
    assert ran == [3, 3, 3, 3]


def test_asynchronous_calls_share_as_well():
    waiting.run(3).wait()
    ran.clear()
    assert waiting.run(3).wait() == [3, 3]
    assert ran == []


def test_a_replay_runs_what_it_runs(client):
    first = once.run(3)
    first.wait()
    again = client.executions.replay(first.exec_id, from_="costly")
    live_run(again.exec_id).done.wait(10)
    assert ran == [3, 3]


def test_a_hit_is_durable_like_any_other_value(client, tmp_path):
    once.run(3).wait()
    second = once.run(3)
    second.wait()
    close_caches()
    for name in sorted((tmp_path / "results").rglob("*"), reverse=True):
        name.unlink() if name.is_file() else name.rmdir()
    assert only_call(client, second).artifacts[0].load() == {"square": 9}

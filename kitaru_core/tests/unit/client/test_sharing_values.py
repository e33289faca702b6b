"""`cache=True`: values shared between executions, and when they are not."""

from __future__ import annotations

import threading

import pytest

from kitaru import KitaruClient, KitaruUserCodeError, checkpoint, configure, flow, save
from kitaru.engine.caching import close_caches as forget_caches
from kitaru.seam import Unit, run_unit

RAN: list[object] = []


@pytest.fixture(autouse=True)
def _fresh():
    RAN.clear()
    yield
    configure(cache=None)
    forget_caches()


@checkpoint(cache=True)
def shared(x):
    RAN.append(x)
    return {"value": x}


@checkpoint
def unsaid(x):
    RAN.append(x)
    return x


@checkpoint(cache=False)
def never(x):
    RAN.append(x)
    return x


@flow
def once(x):
    return shared(x)


@flow
def twice(x):
    return shared(x), shared(x)


def call_of(handle):
    return KitaruClient().executions.get(handle.exec_id).checkpoints[0]


def test_an_equal_call_of_another_execution_is_answered_and_says_from_where():
    first = once.run(1)
    first.wait(10)
    once.run(2).wait(10)
    third = once.run(1)
    assert (third.wait(10), RAN) == ({"value": 1}, [1, 2])
    found = call_of(third)
    assert (found.cache_status, found.original_exec_id) == ("hit", first.exec_id)
    assert found.original_call_id == call_of(first).call_id


def test_equal_calls_of_one_execution_both_run():
    twice.run(1).wait(10)
    assert RAN == [1, 1]


def test_a_hit_is_durable_and_does_not_depend_on_the_cache_any_more():
    once.run(1).wait(10)
    handle = once.run(1)
    handle.wait(10)
    forget_caches()
    assert KitaruClient().executions.verify(handle.exec_id).is_intact
    assert KitaruClient().artifacts.list(handle.exec_id)[0].load() == {"value": 1}


def test_the_anchor_of_a_replay_runs_although_its_value_is_kept():
    handle = once.run(1)
    handle.wait(10)
    once.replay(handle.exec_id, from_="shared").wait(10)
    assert RAN == [1, 1]


def test_arguments_that_are_futures_count_with_their_values():
    @flow
    def chained(x):
        return shared(unsaid.submit(x)), shared.submit(unsaid.submit(x + 10)).result()

    chained.run(1).wait(10)
    assert chained.run(2).wait(10) == ({"value": 2}, {"value": 12})
    assert chained.run(1).wait(10) == ({"value": 1}, {"value": 11})
    assert RAN.count(1) == 3


async def test_asynchronous_checkpoints_share_as_well():
    @checkpoint(cache=True, version="1")
    async def fetched(x):
        RAN.append(x)
        return x

    @flow
    async def fetches(x):
        return await fetched(x)

    for _ in range(2):
        assert await (await fetches.run_async(5)).wait_async(10) == 5
    assert RAN == [5]


@pytest.mark.parametrize(
    ("step", "at_flow", "at_run", "process", "hits"),
    [
        (unsaid, None, None, None, False),
        (unsaid, True, None, None, True),
        (unsaid, None, True, None, True),
        (unsaid, None, None, True, True),
        (unsaid, False, None, True, False),
        (never, True, None, None, False),
        (never, None, True, None, True),
        (shared, False, None, None, True),
        (shared, None, False, None, False),
    ],
)
def test_the_nearest_word_decides(step, at_flow, at_run, process, hits):
    @flow(cache=at_flow)
    def one():
        step(7)

    configure(cache=process)
    for _ in range(2):
        one.run(cache=at_run).wait(10)
    assert len(RAN) == (1 if hits else 2)


def test_the_environment_turns_it_on(monkeypatch):
    monkeypatch.setenv("KITARU_CACHE", "on")
    for _ in range(2):
        flow(lambda: unsaid(3)).run().wait(10)
    assert RAN == [3]


def test_an_input_that_cannot_be_encoded_is_not_shared():
    @checkpoint(cache=True, version="1")
    def counts(things):
        RAN.append("counted")
        return len(things)

    for _ in range(2):
        assert flow(lambda: counts([threading.Lock()])).run().wait(10) == 1
    assert len(RAN) == 2


@pytest.mark.parametrize("option", [{"effect": "irreversible"}, {"saves": True}])
def test_what_leaves_more_than_its_value_is_not_shared(option):
    saves = option.pop("saves", False)

    @checkpoint(cache=True, version="1", **option)
    def acts():
        RAN.append("acted")
        if saves:
            save("note", 1)

    for _ in range(2):
        flow(lambda: acts()).run().wait(10)
    assert len(RAN) == 2


def made(n, version=None):
    @checkpoint(cache=True, version=version)
    def adds(x):
        RAN.append(n)
        return x + n

    return adds


def run_in_a_flow(step):
    return flow(lambda: step(1)).run().wait(10)


def test_values_that_a_function_closes_over_belong_to_its_code():
    one, two = made(1), made(2)
    assert [run_in_a_flow(step) for step in (one, two, one)] == [2, 3, 2]
    assert RAN == [1, 2]


def test_another_version_is_other_code():
    for version in ("1", "2", "2"):
        run_in_a_flow(made(1, version))
    assert len(RAN) == 2


def test_what_was_deleted_does_not_come_back(client):
    handle = once.run(1)
    handle.wait(10)
    client.executions.delete(handle.exec_id)
    once.run(1).wait(10)
    assert RAN == [1, 1]


def test_a_unit_with_a_key_of_its_adapter_shares_without_inputs():
    @flow(cache=True)
    def asks():
        return run_unit(Unit(name="model", adapter="acme", cache_key="k"), lambda _call: RAN.append(1)).cache_status

    assert [asks.run().wait(10) for _ in range(2)] == ["executed", "hit"]


def test_a_cache_whose_library_is_missing_is_an_error_that_says_what_to_install(monkeypatch):
    monkeypatch.setattr("kitaru_plugins.diskcache_cache.plugin.find_spec", lambda _name: None)
    with pytest.raises(KitaruUserCodeError, match=r"kitaru-core\[cache\]"):
        once.run(1).wait(10)
    assert RAN == []

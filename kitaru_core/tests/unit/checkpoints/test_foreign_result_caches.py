"""Result caches of other people's plugins: what they cost, and what they cannot break."""

from __future__ import annotations

import asyncio
import threading
from types import SimpleNamespace

import pytest

from kitaru import KitaruClient, checkpoint, current_call, flow
from kitaru.engine.caching import close_caches
from kitaru.hooks import PluginCard, ResultCacheDriver, hookimpl
from kitaru.hooks.manager import get_manager


class Cache(dict):
    """A cache in memory that notes the threads in which it is asked, and fails where it is told to."""

    def __init__(self, fails=()):
        self.fails = fails
        self.threads = []

    def get(self, key):
        self._work("get")
        return super().get(key)

    def put(self, key, data):
        self._work("put")
        self[key] = data

    def _work(self, what):
        self.threads.append(threading.current_thread())  # itself: the next thread may be given its number
        if what in self.fails:
            raise ZeroDivisionError(what)

    def close(self):
        pass


@pytest.fixture
def offered():
    """Offer a cache under a name that goes before all others."""

    def offer(cache):
        def load():
            def opened(_folder):
                if "open" in cache.fails:
                    raise ZeroDivisionError
                return cache

            return opened

        def kitaru_plugin_card():
            return PluginCard(name="aaa-toy", hookspec=1)

        def kitaru_result_caches():
            return [ResultCacheDriver(name="aaa-toy", load=load)]

        functions = {one.__name__: hookimpl(one) for one in (kitaru_plugin_card, kitaru_result_caches)}
        get_manager().register(SimpleNamespace(**functions), name="aaa-toy")
        return cache

    yield offer
    get_manager().unregister("aaa-toy")
    close_caches()


RAN: list[int] = []
HOMES: list[threading.Thread] = []


@pytest.fixture(autouse=True)
def _fresh():
    RAN.clear()


@checkpoint(cache=True)
def asks(n):
    RAN.append(n)
    current_call().record_usage({"usage": {"total_tokens": 7}, "cost": {"actual_cost_usd": 2.5}, "model": "m"})
    return n


@checkpoint(cache=True)
async def asks_async(n):
    RAN.append(n)
    return n


@flow
def sync(n):
    return asks(n)


@flow
async def on_a_loop(n):
    HOMES.append(threading.current_thread())
    return await asks_async(n)


def test_what_a_shared_value_cost_is_told_but_not_paid_again(offered):
    offered(Cache())
    sync.run(1).wait(10)
    handle = sync.run(1)
    handle.wait(10)
    execution = KitaruClient().executions.get(handle.exec_id)
    (record,) = execution.checkpoints[0].llm_usage_records
    assert (record["billing_effect"], record["cache_status"]) == ("reused_not_incurred", "checkpoint_cache_hit")
    summary = execution.llm_usage_summary
    assert (summary["reused_total_tokens"], summary["incurred_total_tokens"]) == (7, 0)
    assert (summary["actual_cost_usd"], RAN) == (None, [1])


@pytest.mark.parametrize("fails", ["get", "put", "open"])
def test_a_cache_that_fails_is_logged_and_the_call_goes_on(fails, offered, caplog):
    offered(Cache(fails=(fails,)))
    assert [sync.run(2).wait(10) for _ in range(2)] == [2, 2]
    assert RAN == [2, 2]
    assert "ZeroDivisionError" in caplog.text


def test_the_event_loop_does_not_wait_for_a_cache(offered):
    cache = offered(Cache())
    HOMES.clear()
    assert [asyncio.run(_run()) for _ in range(2)] == [3, 3]
    assert (len(cache.threads), len(HOMES), RAN) == (3, 2, [3])
    assert not {*cache.threads} & {*HOMES}


async def _run():
    return await (await on_a_loop.run_async(3))

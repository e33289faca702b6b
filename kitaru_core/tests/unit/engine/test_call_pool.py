"""Places, threads and the end of the pool in which submitted calls run."""

from __future__ import annotations

import threading
from concurrent.futures import Future, wait
from contextvars import ContextVar

import pytest

from kitaru.engine.pool import CallPool


@pytest.fixture
def pool_of():
    pools = []

    def make(places):
        pools.append(CallPool(places, "test"))
        return pools[-1]

    yield make
    for pool in pools:
        pool.close()


def submitted(pool, work):
    future = Future()
    pool.submit(future, work)
    return future


def test_a_call_keeps_its_place_until_it_is_settled_though_its_thread_is_free(pool_of):
    pool, begun, unsettled = pool_of(2), [], threading.Semaphore(0)

    def work(future):
        begun.append(future)
        unsettled.release()

    futures = [submitted(pool, work) for _ in range(3)]
    unsettled.acquire(timeout=5)
    unsettled.acquire(timeout=5)
    assert not unsettled.acquire(timeout=0.05)
    begun[0].set_result(1)
    assert unsettled.acquire(timeout=5)
    assert set(begun) == set(futures)
    for future in begun[1:]:
        future.set_result(1)


def test_bodies_that_wait_for_each_other_get_a_thread_each(pool_of):
    together, pool = threading.Barrier(6), pool_of(6)
    futures = [submitted(pool, lambda future: future.set_result(together.wait(timeout=10))) for _ in range(6)]
    assert sorted(future.result(timeout=10) for future in futures) == [*range(6)]


def test_one_place_runs_one_call_after_another_in_their_order(pool_of):
    pool, seen = pool_of(1), []

    def work(number):
        def run(future):
            seen.append(number)
            threading.Thread(target=future.set_result, args=(None,)).start()

        return run

    wait([submitted(pool, work(number)) for number in range(50)], timeout=10)
    assert seen == [*range(50)]


def test_no_call_is_forgotten_when_many_submit_and_others_settle(pool_of):
    pool, settling = pool_of(3), pool_of(4)

    def defer(future):
        submitted(settling, lambda told: (future.set_result(1), told.set_result(1)))

    futures: list[Future[int]] = []
    submit = lambda: futures.extend(submitted(pool, defer) for _ in range(400))  # noqa: E731 - a thread's whole work
    threads = [threading.Thread(target=submit) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wait(futures, timeout=30).not_done
    assert len(futures) == 1600


def test_what_a_call_raises_settles_it_and_gives_its_place_back(pool_of):
    pool = pool_of(1)
    failed = submitted(pool, lambda _future: 1 // 0)
    assert submitted(pool, lambda future: future.set_result("next")).result(timeout=5) == "next"
    assert isinstance(failed.exception(timeout=5), ZeroDivisionError)


def test_a_call_sees_the_context_in_which_it_was_submitted(pool_of):
    variable, pool = ContextVar("variable"), pool_of(2)
    variable.set("then")
    future = submitted(pool, lambda future: future.set_result(variable.get()))
    variable.set("now")
    assert future.result(timeout=5) == "then"


def test_closing_leaves_out_what_has_not_begun_and_waits_for_what_is_not_settled():
    pool, begun, ended = CallPool(1, "test"), threading.Event(), threading.Event()
    first = submitted(pool, lambda _future: begun.set())
    second = submitted(pool, lambda future: future.set_result("never"))
    assert begun.wait(timeout=5)
    closing = threading.Thread(target=lambda: (pool.close(), ended.set()))
    closing.start()
    assert not ended.wait(timeout=0.05)
    first.set_result(1)
    assert ended.wait(timeout=5)
    assert second.cancelled()
    with pytest.raises(RuntimeError, match="ended"):
        pool.submit(Future(), lambda future: future.set_result(1))


def no_more(_thread):
    raise RuntimeError("can't start new thread")


def test_calls_wait_for_the_threads_there_are_when_the_system_gives_no_more(pool_of, monkeypatch):
    pool, gate = pool_of(4), threading.Event()
    first = submitted(pool, lambda future: future.set_result(gate.wait(10)))
    monkeypatch.setattr(threading.Thread, "start", no_more)
    second = submitted(pool, lambda future: future.set_result("done"))
    gate.set()
    assert (first.result(10), second.result(10)) == (True, "done")


def test_what_is_refused_for_want_of_a_thread_does_not_run_later(pool_of, monkeypatch):
    pool, ran = pool_of(1), []
    with monkeypatch.context() as exhausted:
        exhausted.setattr(threading.Thread, "start", no_more)
        with pytest.raises(RuntimeError, match="thread"):
            submitted(pool, lambda _future: ran.append("refused"))
    assert submitted(pool, lambda future: future.set_result("taken")).result(10) == "taken"
    assert ran == []

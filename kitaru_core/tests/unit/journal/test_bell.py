"""The bell of the committing thread: no ring is lost, and none blocks whoever rings."""

from __future__ import annotations

import socket
import threading
import time

import pytest

from kitaru.journal.bell import Bell


@pytest.fixture
def bell():
    made = Bell()
    yield made
    made.stop()
    while made.wait():
        continue


def test_a_ring_before_anybody_waits_is_heard(bell):
    bell.ring()
    assert bell.wait()


def test_a_ring_wakes_whoever_waits(bell):
    heard = threading.Event()
    waiting = threading.Thread(target=lambda: bell.wait() and heard.set())
    waiting.start()
    bell.ring()
    waiting.join(10)
    assert heard.is_set()


def test_many_rings_that_nobody_hears_block_nobody(bell):
    for _ in range(10_000):
        bell.ring()
    assert bell.wait()


def test_rings_before_the_end_are_heard_and_then_the_end():
    bell = Bell()
    bell.ring()
    bell.stop()
    assert [bell.wait(), bell.wait()] == [True, False]


def test_a_stopped_bell_can_be_rung():
    bell = Bell()
    bell.stop()
    bell.ring()
    assert not bell.wait()


def test_the_time_limit_that_a_program_sets_for_its_sockets_does_not_count(request):
    socket.setdefaulttimeout(0.01)
    request.addfinalizer(lambda: socket.setdefaulttimeout(None))
    bell = Bell()
    started = time.monotonic()
    threading.Timer(0.1, bell.ring).start()
    assert bell.wait()
    assert time.monotonic() - started > 0.05
    bell.stop()
    assert not bell.wait()

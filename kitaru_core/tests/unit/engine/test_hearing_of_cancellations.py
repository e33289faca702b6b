"""Who hears that an execution was cancelled: everybody who asked to, whatever others do about it."""

from __future__ import annotations

import threading
from contextlib import suppress

import pytest

from kitaru import KitaruClient, flow
from kitaru.seam import ControlSignal, Unit, run_unit


@pytest.fixture
def cancelled():
    """Run a body as a flow's only call, cancel the execution once the body has begun, and wait for its end."""
    begun = threading.Event()

    def run(body):
        def announced(call):
            body(call, begun)

        @flow
        def working():
            run_unit(Unit(name="work", adapter="acme"), announced)

        handle = working.run()
        assert begun.wait(10)
        executions = KitaruClient().executions
        executions.cancel(handle.exec_id)
        return executions.wait(handle.exec_id, timeout=10).status

    return run


def test_a_listener_that_fails_keeps_no_other_from_hearing(cancelled):
    heard = threading.Event()

    def body(call, begun):
        call.on_cancel(lambda: 1 / 0)
        call.on_cancel(heard.set)
        begun.set()
        call.sleep(30)

    assert (cancelled(body), heard.is_set()) == ("cancelled", True)


def test_a_listener_that_comes_after_the_cancellation_hears_of_it_at_once(cancelled):
    heard = threading.Event()

    def body(call, begun):
        begun.set()
        with suppress(ControlSignal):
            call.sleep(30)
        call.on_cancel(heard.set)
        call.raise_if_cancelled()

    assert (cancelled(body), heard.is_set()) == ("cancelled", True)

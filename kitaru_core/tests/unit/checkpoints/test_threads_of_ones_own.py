"""Calling checkpoints from threads that the flow starts itself."""

from __future__ import annotations

import threading

import pytest

from kitaru import KitaruContextError, checkpoint, flow


@checkpoint
def add(a, b):
    return a + b


def in_a_thread(work):
    """Run something in a thread and return what it returned or raised."""
    outcome = []

    def run():
        try:
            outcome.append(work())
        except KitaruContextError as error:
            outcome.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return outcome[0]


@pytest.mark.parametrize("work", [lambda: add(1, 2), lambda: add.submit(1, 2)], ids=["call", "submit"])
def test_without_the_flows_context_the_error_says_how_to_take_it_along(work):
    found = flow(lambda: str(in_a_thread(work))).run().wait(10)
    assert "contextvars.copy_context().run" in found

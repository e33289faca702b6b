"""Calling checkpoints from threads that the flow starts itself."""

from __future__ import annotations

import contextvars
import threading
import time

import pytest

from kitaru import KitaruClient, KitaruContextError, checkpoint, flow, wait
from kitaru.client import ExecutionStatus


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


def waits_in_a_thread(use, timeout=0):
    """Return a flow that waits in a thread with the flow's context and hands what was answered to `use`."""

    def body():
        answers = []
        context = contextvars.copy_context()
        thread = threading.Thread(
            target=context.run, args=(lambda: answers.append(wait(name="go", schema=str, timeout=timeout)),)
        )
        thread.start()
        thread.join()
        return use(answers)

    return flow(body)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("use", [list, lambda answers: [answers[0]]], ids=["returns", "raises"])
def test_a_wait_that_leaves_in_a_thread_pauses_the_flow_whatever_its_body_does_then(use):
    handle = waits_in_a_thread(use).run()
    executions = KitaruClient().executions
    assert executions.wait(handle.exec_id, timeout=10).status is ExecutionStatus.WAITING
    executions.input(handle.exec_id, wait="go", value="yes")
    executions.resume(handle.exec_id, block=True)
    assert handle.get() == ["yes"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_wait_that_is_aborted_in_a_thread_cancels_the_flow():
    handle = waits_in_a_thread(list, timeout=30).run()
    executions = KitaruClient().executions
    while not executions.pending_waits(handle.exec_id):
        time.sleep(0.005)
    executions.abort_wait(handle.exec_id, wait="go")
    assert executions.wait(handle.exec_id, timeout=10).status is ExecutionStatus.CANCELLED

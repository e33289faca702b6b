"""An execution that waits at an interrupt is held against the code; its thread is as it was and goes on."""

from __future__ import annotations

import pytest

from kitaru import flow
from kitaru.adapters.langgraph import wait_for_interrupt


def thread(saver):
    return [each.config for each in saver.list({"configurable": {"thread_id": "t"}})]


@pytest.mark.parametrize("strategy", ["graph_call", "calls"])
@pytest.mark.parametrize("saver", ["memory", "sqlite", "kitaru"])
def test_a_check_leaves_the_thread_as_it_was(world, strategy, saver):
    entered: list[str] = []
    kept = world.saver(saver)
    runner = world.graph_runner(world.asking(kept, "a", entered=entered), strategy)

    @flow
    def story():
        result = runner.invoke({"got": []}, thread_id="t")
        return runner.invoke(wait_for_interrupt(result, schema=str, name="which")).output["got"]

    handle = story.run()
    world.waiting(handle.exec_id)
    before = thread(kept)
    (found,) = world.client.executions.check(story).executions
    assert (found.verdict, found.at) == ("resumes", "which")
    assert (thread(kept), entered) == (before, ["a"])
    world.answer(handle.exec_id, which="blue")
    assert world.result(handle.exec_id) == ["blue"]


@pytest.mark.parametrize("kind", ["none", "memory", "sqlite", "ours"])
@pytest.mark.parametrize("broken", ["scripted:1", "b:2"])
def test_a_check_misses_no_calls_that_a_thread_still_holds(world, kind, broken):
    turns = [world.wish(("a", 1)), world.wish(("b", 2)), "done"]
    runner = world.graph_runner(world.agent(*turns, saver=world.saver(kind)))
    world.crash[broken] = 1

    @flow
    def story():
        return runner.invoke(world.hello, thread_id="t").status

    exec_id = world.fail(story)
    (found,) = world.client.executions.check(story).executions
    assert (found.verdict, found.missed) == ("resumes", ())
    world.retry(exec_id)
    assert world.calls == ["scripted:0", "a:1", "scripted:1", "b:2", "scripted:2"]

from __future__ import annotations

import signal

import pytest

BOUNDARIES = 17


def test_the_example_has_the_boundaries_that_the_others_tests_kill_it_in(undisturbed):
    _, work = undisturbed
    assert len(work) == BOUNDARIES
    assert work[0] == "researcher_model_request"
    assert work[-1] == "publish"


@pytest.mark.parametrize("number", range(1, BOUNDARIES - 1))
def test_killed_in_any_boundary_it_goes_on_and_writes_the_same_brief(example, undisturbed, number):
    assert example.start("--crash-at", str(number)) == -signal.SIGKILL
    exec_id = example.latest().exec_id
    complete, work = example.complete(exec_id), example.work()
    assert example.go_on(exec_id) == 3
    example.approve(exec_id)
    waited = example.complete(exec_id)
    until_wait = len(example.work())
    assert example.go_on(exec_id) == 0
    assert complete.isdisjoint(example.work()[len(work) :])
    assert waited.isdisjoint(example.work()[until_wait:])
    assert example.brief(exec_id) == undisturbed[0]


@pytest.mark.parametrize("number", [1, 2])
def test_killed_after_the_answer_it_is_not_asked_again(example, undisturbed, number):
    assert example.start() == 3
    exec_id = example.latest().exec_id
    example.approve(exec_id)
    complete, work = example.complete(exec_id), example.work()
    crash = {"KITARU_EXAMPLE_CRASH_AT": str(number)}
    assert example.zygote.run(["--continue", exec_id], example.environment | crash) == -signal.SIGKILL
    assert example.go_on(exec_id) == 0
    assert complete.isdisjoint(example.work()[len(work) :])
    assert example.brief(exec_id) == undisturbed[0]


def test_the_wait_is_answered_from_another_process_and_a_refusal_publishes_nothing_new(example):
    assert example.start() == 3
    exec_id = example.latest().exec_id
    (wait,) = example.executions.pending_waits(exec_id)
    assert wait.question == "Publish this brief?"
    assert "summary" in wait.metadata["tool_args"]
    example.executions.input(exec_id, wait=wait.name, value=False)
    assert example.go_on(exec_id) == 0
    assert "chose not to publish" in example.brief(exec_id)

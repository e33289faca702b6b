"""What a snapshot of an execution shows, and when it is read."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from datetime import UTC

import pytest

from kitaru import ExecutionStatus, FailureOrigin, KitaruUsageError, KitaruUserCodeError, checkpoint, flow, save


@checkpoint
def step(n):
    save("note", n, type="context")
    return n


@checkpoint
def other(n):
    save("note", -n, type="blob")
    return n


@checkpoint(retries=1)
def breaks(secret_text):
    raise LookupError(secret_text)


@flow
def works(n):
    return step(n), other(n)


@flow
def second_kind():
    return 1


@flow
def fails():
    step(1)
    breaks("nothing serialised here")


def finished(started, *args):
    handle = started.run(*args)
    handle.wait(10)
    return handle


def test_the_latest_execution_is_the_newest_that_fits(client):
    first, second = finished(works, 1), finished(works, 2)
    finished(second_kind)
    assert client.executions.latest(flow="works").exec_id == second.exec_id
    assert client.executions.latest(status="completed").flow_name == "second_kind"
    assert first.exec_id != second.exec_id


def test_details_of_a_listed_execution_are_read_when_they_are_looked_at(client):
    go_on = threading.Event()

    @flow
    def slow():
        go_on.wait(10)
        return step(1)

    handle = slow.run()
    (listed,) = client.executions.list()
    go_on.set()
    handle.wait(10)
    assert (listed.status, [call.name for call in listed.checkpoints]) == (ExecutionStatus.RUNNING, ["step"])


def test_a_snapshot_does_not_change_and_refreshing_makes_another(client):
    go_on = threading.Event()

    @flow
    def slow():
        go_on.wait(10)

    handle = slow.run()
    before = client.executions.get(handle.exec_id)
    go_on.set()
    handle.wait(10)
    after = before.refresh()
    assert (before.status, before.ended_at) == (ExecutionStatus.RUNNING, None)
    assert (after.status, after.ended_at.tzinfo) == (ExecutionStatus.COMPLETED, UTC)


@pytest.mark.parametrize(
    ("filters", "values"),
    [
        ({"name": "note"}, [1, -1]),
        ({"name": "note", "producing_call": "other"}, [-1]),
        ({"kind": "blob"}, [-1]),
        ({"producing_call": "step"}, [1, 1]),
        ({"name": "nothing"}, []),
        ({"name": "note", "limit": 1}, [1]),
    ],
    ids=str,
)
def test_artifacts_are_filtered_by_name_kind_and_call(filters, values, client):
    handle = finished(works, 1)
    assert [one.load() for one in client.artifacts.list(handle.exec_id, **filters)] == values


@pytest.mark.parametrize("limit", [0, -1, True, "2"])
def test_a_limit_of_artifacts_is_a_number_above_nothing(limit, client):
    handle = finished(works, 1)
    with pytest.raises(KitaruUsageError, match="limit"):
        client.artifacts.list(handle.exec_id, limit=limit)


def test_a_failure_says_what_was_raised_where_and_by_whom(client):
    handle = fails.run()
    with pytest.raises(KitaruUserCodeError):
        handle.wait(10)
    execution = client.executions.get(handle.exec_id)
    failure, call = execution.failure, execution.checkpoints[1]
    assert (failure.message, failure.exception_type) == ("nothing serialised here", "builtins:LookupError")
    assert (failure.origin, failure.call_id) == (FailureOrigin.USER_CODE, call.call_id)
    assert "in breaks" in failure.traceback
    assert [one.failure.message for one in call.attempts] == [failure.message] * 2
    assert call.failure == call.attempts[-1].failure


READS = "import sys, kitaru; print(kitaru.FlowHandle.from_exec_id(sys.argv[1]).get())"


def test_another_process_reads_the_result():
    handle = finished(works, 7)
    done = subprocess.run(
        [sys.executable, "-c", READS, handle.exec_id], capture_output=True, text=True, check=True, timeout=30
    )
    assert done.stdout.strip() == "(7, 7)"


def test_another_process_learns_of_a_failure():
    handle = fails.run()
    with pytest.raises(KitaruUserCodeError):
        handle.wait(10)
    done = subprocess.run(
        [sys.executable, "-c", READS, handle.exec_id], capture_output=True, text=True, check=False, timeout=30
    )
    assert done.returncode == 1
    assert "LookupError" in done.stderr
    assert "KitaruUserCodeError" in done.stderr


def test_executions_are_counted_by_stack(client):
    finished(works, 1)
    (group,) = client.executions.statistics(group_by=["stack"]).groups
    assert (group.keys["stack_name"], group.execution_count) == ("default", 1)


def test_too_many_times_leave_the_newest(client, monkeypatch):
    now = time.time
    for days in (3, 2, 0):
        monkeypatch.setattr(time, "time", lambda days=days: now() - days * 86_400)
        finished(second_kind)
    every = client.executions.statistics(group_by=["time:day"])
    newest = client.executions.statistics(group_by=["time:day"], max_groups=2)
    assert (every.truncated, newest.truncated, newest.groups) == (False, True, every.groups[1:])
    assert [group.keys["day"] for group in every.groups] == sorted(group.keys["day"] for group in every.groups)

"""Starting flows, and what becomes of them."""

from __future__ import annotations

import asyncio
import inspect
import sys
import threading
import time
import types
from dataclasses import dataclass

import pytest
from pydantic import BaseModel

from kitaru import (
    ExecutionStatus,
    FailureOrigin,
    FlowHandle,
    KitaruClient,
    KitaruContextError,
    KitaruExecutionError,
    KitaruNotFoundError,
    KitaruStateError,
    KitaruTimeoutError,
    KitaruUsageError,
    KitaruUserCodeError,
    checkpoint,
    current_execution_id,
    flow,
)
from kitaru.engine.journals import default_journal
from kitaru.journal.api import Draft
from kitaru.records.facts import MetadataLogged


class Point(BaseModel):
    x: int
    y: int = 0


@dataclass
class Pair:
    left: int
    right: str


@checkpoint
def double(x):
    return x * 2


@flow
def returns(value):
    return value


@flow
def fails(text):
    double(1)
    raise ValueError(text)


@flow
def takes_point(point: Point):
    return type(point).__name__, point.x


@flow
def whoami():
    return current_execution_id()


@pytest.mark.parametrize("value", [None, 3, (1, "a"), [1, 2], {"a": (1,)}, Point(x=1), Pair(1, "r"), {1: b"x"}])
def test_the_result_is_what_the_flow_returned(value):
    assert returns.run(value).wait(5) == value


def test_the_result_keeps_its_type():
    assert type(returns.run((1, 2)).wait(5)) is tuple


def test_a_flow_is_used_bare_or_with_keywords():
    @flow(retries=1)
    def decorated():
        """Doc."""
        return 1

    assert (decorated.name, decorated.__doc__, decorated.run().wait(5)) == ("decorated", "Doc.", 1)


def test_calling_a_flow_is_refused_and_says_how_to_run_it():
    with pytest.raises(KitaruUsageError, match=r"returns\.run\(\.\.\.\)"):
        returns(1)


def test_run_returns_before_a_slow_body_ends():
    release = threading.Event()

    @flow
    def slow():
        release.wait(10)
        return "done"

    began = time.monotonic()
    handle = slow.run()
    took = time.monotonic() - began
    assert handle.status is ExecutionStatus.RUNNING
    release.set()
    assert (handle.wait(5), took < 1) == ("done", True)


def test_a_failing_flow_gives_a_handle_and_its_error_is_chained():
    handle = fails.run("bad luck")
    with pytest.raises(KitaruUserCodeError, match="bad luck") as caught:
        handle.wait(5)
    assert isinstance(caught.value.__cause__, ValueError)
    assert (caught.value.exec_id, caught.value.status) == (handle.exec_id, ExecutionStatus.FAILED)
    assert caught.value.failure_origin is FailureOrigin.USER_CODE
    assert f"kitaru executions retry {handle.exec_id}" in str(caught.value)


def test_get_on_an_unfinished_execution_is_a_state_error():
    release = threading.Event()

    @flow
    def slow():
        release.wait(10)

    handle = slow.run()
    with pytest.raises(KitaruStateError, match="no result yet"):
        handle.get()
    release.set()
    assert handle.wait(5) is None


@pytest.mark.parametrize("timeout", ["soon", -1, float("nan")])
def test_a_timeout_that_is_none_is_refused(timeout):
    handle = whoami.run()
    with pytest.raises(KitaruUsageError, match="wait"):
        handle.wait(timeout)
    with pytest.raises(KitaruUsageError, match="wait"):
        KitaruClient().executions.wait(handle.exec_id, timeout=timeout)


def test_waiting_with_a_timeout_leaves_the_execution_alone():
    release = threading.Event()

    @flow
    def slow():
        release.wait(10)
        return 1

    handle = slow.run()
    with pytest.raises(KitaruTimeoutError, match="goes on"):
        handle.wait(0.05)
    release.set()
    assert handle.wait(5) == 1


def test_a_model_is_made_of_a_plain_dict():
    assert takes_point.run({"x": 4}).wait(5) == ("Point", 4)


@pytest.mark.parametrize(
    ("args", "kwargs", "match"),
    [((), {}, "missing"), ((1, 2), {}, "too many"), ((), {"nope": 1}, "missing|unexpected")],
)
def test_wrong_inputs_are_refused_before_anything_is_recorded(args, kwargs, match, client):
    with pytest.raises(KitaruUsageError, match=match):
        returns.run(*args, **kwargs)
    assert client.executions.list() == []


def test_an_input_that_does_not_fit_its_model_names_the_parameter():
    with pytest.raises(KitaruUsageError, match="'point'"):
        takes_point.run({"x": "no number"})


def test_an_input_that_cannot_be_stored_is_refused(client):
    with pytest.raises(KitaruUsageError, match="lock"):
        returns.run(threading.Lock())
    assert client.executions.list() == []


MORE = ["publish_default_on_first_deploy", "version", "tag"]


@pytest.mark.parametrize("name", ["stack", "image", "cache", "retries", "exec_id", "from_", "overrides", "tags", *MORE])
def test_reserved_parameter_names_are_refused_at_decoration(name):
    def bad(*values): ...

    bad.__signature__ = inspect.Signature([inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD)])
    with pytest.raises(KitaruUsageError, match=name):
        flow(bad)


@pytest.mark.parametrize("retries", [-1, True, 1.5])
def test_retries_must_be_a_whole_number(retries):
    with pytest.raises(KitaruUsageError, match="retries"):
        flow(retries=retries)(lambda: None)


def test_flows_do_not_nest():
    @flow
    def outer():
        return returns.run(1).wait()

    with pytest.raises(KitaruUserCodeError, match="do not nest"):
        outer.run().wait(5)


def test_the_execution_id_is_known_inside_and_nowhere_else():
    handle = whoami.run()
    assert handle.wait(5) == handle.exec_id
    assert current_execution_id() is None


def test_inputs_are_frozen_when_the_flow_starts():
    release = threading.Event()

    @flow
    def late(values):
        release.wait(10)
        return values

    given = [1]
    handle = late.run(given)
    given.append(2)
    release.set()
    assert handle.wait(5) == [1]


def test_flow_retries_run_the_body_again_and_reuse_what_completed():
    bodies, calls = [], []

    @checkpoint
    def counted():
        calls.append(1)
        return len(calls)

    @flow(retries=2)
    def flaky():
        bodies.append(1)
        value = counted()
        if len(bodies) < 3:
            raise RuntimeError
        return value

    handle = flaky.run()
    assert (handle.wait(5), len(bodies), len(calls)) == (1, 3, 1)


def test_a_result_that_cannot_be_stored_fails_the_execution_and_says_why():
    @flow
    def unstorable():
        double(2)
        return threading.Lock()

    with pytest.raises(KitaruExecutionError, match="lock") as caught:
        unstorable.run().wait(5)
    assert caught.value.failure_origin is FailureOrigin.RUNTIME


def test_inline_mode_runs_in_the_callers_thread(monkeypatch):
    monkeypatch.setenv("KITARU_RUN_MODE", "inline")

    @flow
    def where():
        return threading.get_ident()

    handle = where.run()
    assert handle.status is ExecutionStatus.COMPLETED
    assert handle.get() == threading.get_ident()


def test_inline_mode_returns_a_handle_on_failure(monkeypatch):
    monkeypatch.setenv("KITARU_RUN_MODE", "inline")
    assert fails.run("x").status is ExecutionStatus.FAILED


async def test_an_async_flow_runs_and_its_handle_can_be_awaited():
    @flow
    async def steps():
        await asyncio.sleep(0)
        return double(4)

    handle = await steps.run_async()
    assert await handle == 8


async def test_waiting_on_a_handle_does_not_block_the_loop():
    release = threading.Event()

    @flow
    def slow():
        release.wait(10)
        return 1

    handle = slow.run()
    task = asyncio.ensure_future(handle.wait_async())
    await asyncio.sleep(0.01)
    release.set()
    assert await task == 1


def test_a_handle_is_made_of_an_id():
    first = returns.run(5)
    first.wait(5)
    again = FlowHandle.from_exec_id(first.exec_id)
    assert (again.wait(5), again.execution.flow_name) == (5, "returns")


def test_an_unknown_id_gives_no_handle():
    with pytest.raises(KitaruNotFoundError, match="nope"):
        FlowHandle.from_exec_id("nope")


def test_an_unknown_stack_is_refused_before_anything_is_recorded():
    with pytest.raises(KitaruStateError, match="moon"):
        returns.run(1, stack="moon")
    assert KitaruClient().executions.list() == []


def test_a_client_can_be_made_inside_a_flow():
    @flow
    def looks_at_itself():
        return KitaruClient().executions.get(current_execution_id()).status

    assert looks_at_itself.run().wait(5) == "running"


def test_a_checkpoint_cannot_start_a_flow():
    @checkpoint
    def starts():
        return returns.run(1)

    @flow
    def outer():
        return starts()

    with pytest.raises(KitaruUserCodeError, match="do not nest"):
        outer.run().wait(5)


def test_a_handle_shows_id_flow_and_status():
    handle = returns.run(1)
    handle.wait(5)
    assert repr(handle) == f"<FlowHandle {handle.exec_id} returns completed>"


def test_deployments_say_that_they_need_the_server():
    with pytest.raises(NotImplementedError, match="server"):
        returns.deploy()


def test_a_nested_context_error_is_one_of_ours():
    with pytest.raises(KitaruContextError, match="no flow is running"):
        double(1)


def test_a_flow_retry_gives_new_calls_ids_of_their_own():
    tries = []

    @flow(retries=1)
    def flaky():
        first = double(1)
        tries.append(1)
        if len(tries) == 1:
            raise RuntimeError
        return first, double(10), double(100)

    handle = flaky.run()
    assert handle.wait(5) == (2, 20, 200)
    assert len({call.call_id for call in handle.execution.checkpoints}) == 3


def test_replaying_at_every_step_changes_nothing_but_how_often_the_body_runs(monkeypatch):
    monkeypatch.setenv("KITARU_REPLAY_EVERY_STEP", "1")
    bodies, calls = [], []

    @checkpoint
    def counted(x):
        calls.append(x)
        return x

    @flow
    def body():
        bodies.append(1)
        return [counted(1), counted(2), counted.map([3, 4]).result()]

    assert body.run().wait(5) == [1, 2, [3, 4]]
    assert (sorted(calls), len(bodies)) == ([1, 2, 3, 4], 3)


async def test_replaying_at_every_step_works_for_async_flows(monkeypatch):
    monkeypatch.setenv("KITARU_REPLAY_EVERY_STEP", "1")
    calls = []

    @checkpoint
    async def counted(x):
        calls.append(x)
        return x

    @flow
    async def body():
        return [await counted(1), *(await asyncio.gather(counted(2), counted(3)))]

    assert await body.run() == [1, 2, 3]
    assert sorted(calls) == [1, 2, 3]


def test_a_flow_starts_while_another_thread_imports_pydantic(monkeypatch):
    @flow
    def plain(values: list):
        return double(values)

    for name in ("pydantic", "pydantic.main", "pydantic.networks"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    handle = plain.run([Pair(1, "a"), {1}])
    assert handle.wait(5) == [Pair(1, "a"), {1}] * 2


def test_the_result_is_found_however_much_was_recorded_before_and_after_it():
    handle = counts.run(30)
    assert handle.wait() == 30
    with default_journal().transact(handle.exec_id) as transaction:
        for n in range(30):
            transaction.append(Draft(MetadataLogged(at=0.0, values={"late": n})))
    assert FlowHandle.from_exec_id(handle.exec_id).get() == 30


@flow
def counts(calls):
    return sum(double(0.5) for _ in range(calls))


def test_a_relative_store_follows_the_working_directory(tmp_path, monkeypatch):
    monkeypatch.setenv("KITARU_STORE", "runs.db")
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        returns.run(name).wait()
        assert [one.flow_name for one in KitaruClient().executions.list()] == ["returns"]
        assert (tmp_path / name / "runs.db").exists()

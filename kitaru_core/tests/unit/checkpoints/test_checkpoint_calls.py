"""Calling checkpoints in every style, and what becomes of their failures."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import os
import signal
import threading
from dataclasses import dataclass

import pytest

from kitaru import (
    ExecutionStatus,
    KitaruContextError,
    KitaruExecutionError,
    KitaruUsageError,
    KitaruUserCodeError,
    RetryPolicy,
    checkpoint,
    flow,
    unmapped,
)


@checkpoint
def add(a, b=0):
    return a + b


@checkpoint
def boom(text="boom"):
    raise KeyError(text)


@checkpoint(runtime="isolated")
def isolated_pid(parent):
    return os.getpid() != parent


@checkpoint(runtime="isolated")
def isolated_death():
    os.kill(os.getpid(), signal.SIGKILL)


@checkpoint(runtime="isolated")
def isolated_failure():
    raise ValueError("from the child")


@dataclass
class Holder:
    value: object


def run(body, *args):
    return flow(body).run(*args).wait(20)


def calls_of(handle):
    return [call.invocation_id for call in handle.execution.checkpoints]


def test_a_direct_call_returns_the_plain_value():
    assert run(lambda: add(1, 2) + 1) == 4


@pytest.mark.parametrize("style", ["__call__", "submit", "map", "product"])
def test_every_style_is_refused_outside_a_flow(style):
    with pytest.raises(KitaruContextError, match="running flow"):
        getattr(add, style)([1])


@pytest.mark.parametrize("style", ["__call__", "submit", "map", "product"])
def test_checkpoints_do_not_nest_in_any_style(style):
    @checkpoint
    def outer():
        getattr(add, style)([1])

    with pytest.raises(KitaruUserCodeError, match="do not nest"):
        run(lambda: outer())


def test_invocation_ids_count_per_name_and_maps_have_ids_of_their_own():
    def body():
        add(1)
        add(2)
        add(3, id="third")
        add.map([1, 2]).result()
        return add.map([3]).result()

    handle = flow(body).run()
    assert handle.wait(5) == [3]
    assert calls_of(handle) == ["add", "add_2", "third", "map:add:0", "map:add:1", "map:add_2:0"]


def test_an_id_used_twice_is_refused():
    def body():
        add(1, id="x")
        add(2, id="x")

    with pytest.raises(KitaruUserCodeError, match="'x'"):
        run(body)


def test_a_checkpoint_named_like_a_second_call_does_not_clash():
    @checkpoint
    def up():
        return 1

    @checkpoint
    def up_2():
        return 2

    def body():
        return up(), up_2(), up(), up_2()

    handle = flow(body).run()
    assert handle.wait(5) == (1, 2, 1, 2)
    assert len(set(calls_of(handle))) == 4


def test_a_failure_reaches_the_flow_as_itself_and_can_be_handled():
    def body():
        try:
            boom("gone")
        except KeyError as error:
            return f"handled {error.args[0]}"

    assert run(body) == "handled gone"


def test_a_submitted_failure_that_was_looked_at_is_the_flows_to_handle():
    def body():
        return type(boom.submit().exception()).__name__

    assert run(body) == "KeyError"


def test_a_submitted_failure_nobody_looked_at_fails_the_execution():
    def body():
        boom.submit("unseen")
        return "fine"

    with pytest.raises(KitaruUserCodeError, match="unseen"):
        run(body)


def test_retries_make_attempts_of_one_call():
    tries = []

    @checkpoint(retries=2)
    def flaky():
        tries.append(1)
        if len(tries) < 3:
            raise ValueError(len(tries))
        return len(tries)

    handle = flow(lambda: flaky()).run()
    assert handle.wait(5) == 3
    (call,) = handle.execution.checkpoints
    assert [(one.number, one.status) for one in call.attempts] == [(1, "failed"), (2, "failed"), (3, "completed")]


def test_a_policy_decides_which_errors_are_retried():
    tries = []

    @checkpoint(retries=RetryPolicy(max_retries=5, retry_on=(OSError,)))
    def picky():
        tries.append(1)
        raise ValueError

    with pytest.raises(KitaruUserCodeError):
        run(lambda: picky())
    assert len(tries) == 1


def test_a_policy_respects_what_the_error_asks_for():
    class SlowDownError(Exception):
        retry_after = 7.5

    policy = RetryPolicy(max_retries=1, delay=1, max_delay=5)
    assert (policy.pause(SlowDownError(), 0), policy.pause(ValueError(), 2)) == (5, 4)


@pytest.mark.parametrize("options", [{"retries": -1}, {"runtime": "moon"}, {"effect": "odd"}, {"timeout": 0}])
def test_wrong_options_are_refused_at_decoration(options):
    with pytest.raises(KitaruUsageError):
        checkpoint(**options)(lambda: None)


def taking(name):
    """Return a function with one parameter of that name."""

    def function(*values): ...

    function.__signature__ = inspect.Signature([inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD)])
    return function


@pytest.mark.parametrize("name", ["id", "after"])
def test_reserved_parameters_are_refused(name):
    with pytest.raises(KitaruUsageError, match=name):
        checkpoint(taking(name))


def test_two_equal_calls_both_run():
    ran = []

    @checkpoint
    def same(x):
        ran.append(x)

    run(lambda: [same(1), same(1)])
    assert ran == [1, 1]


def test_futures_are_replaced_by_values_wherever_they_stand():
    def body():
        one = add.submit(1)
        return add(one, 1), add.submit([one], [2]).result(), run_holder(Holder(one)), add({"a": one}["a"], 0)

    @checkpoint
    def run_holder(holder):
        return holder.value

    assert run(body) == (2, [1, 2], 1, 1)


def test_after_orders_without_passing_a_value():
    order = []
    gate = threading.Event()

    @checkpoint
    def first():
        gate.wait(5)
        order.append("first")

    @checkpoint
    def second():
        order.append("second")

    def body():
        waiting = first.submit()
        later = second.submit(after=waiting)
        gate.set()
        later.result()

    run(body)
    assert order == ["first", "second"]


def test_after_takes_only_futures():
    with pytest.raises(KitaruUserCodeError, match="after="):
        run(lambda: add(1, after=3))


@pytest.mark.parametrize("items", [[1, 2], (1, 2), range(1, 3), iter([1, 2])], ids=["list", "tuple", "range", "iter"])
def test_map_goes_through_any_iterable(items):
    assert run(lambda: add.map(items, 10).result()) == [11, 12]


def test_map_zips_and_product_multiplies():
    assert run(lambda: add.map([1, 2], [10, 20]).result()) == [11, 22]
    assert run(lambda: add.product([1, 2], [10, 20]).result()) == [11, 21, 12, 22]


def test_unmapped_goes_to_every_call():
    assert run(lambda: add.map([[1], [2]], unmapped([9])).result()) == [[1, 9], [2, 9]]


def test_an_empty_map_makes_no_call():
    handle = flow(lambda: add.map([]).result()).run()
    assert (handle.wait(5), calls_of(handle)) == ([], [])


@pytest.mark.parametrize(("args", "match"), [(([1], [1, 2]), "different lengths"), ((1, "ab"), "nothing to map")])
def test_map_refuses_what_cannot_be_mapped(args, match):
    with pytest.raises(KitaruUserCodeError, match=match):
        run(lambda: add.map(*args))


def test_a_map_can_go_through_a_future():
    @checkpoint
    def items():
        return [1, 2, 3]

    assert run(lambda: add.map(items.submit(), 1).result()) == [2, 3, 4]


def test_context_variables_reach_workers():
    seen = contextvars.ContextVar("seen", default="nothing")

    @checkpoint
    def look():
        return seen.get()

    def body():
        seen.set("here")
        return look.submit().result()

    assert run(body) == "here"


def test_a_thread_with_a_copied_context_may_call():
    results = []

    def body():
        context = contextvars.copy_context()
        thread = threading.Thread(target=context.run, args=(lambda: results.append(add(1, 1)),))
        thread.start()
        thread.join()

    run(body)
    assert results == [2]


async def test_async_checkpoints_run_on_the_flows_loop():
    loops = []

    @checkpoint
    async def where(n):
        loops.append(asyncio.get_running_loop())
        await asyncio.sleep(0)
        return n

    @flow
    async def steps():
        loops.append(asyncio.get_running_loop())
        return await asyncio.gather(*(where(n) for n in range(3)))

    assert await steps.run() == [0, 1, 2]
    assert len(set(loops)) == 1


def test_an_async_checkpoint_gives_its_value_in_a_sync_flow():
    @checkpoint
    async def later(x):
        await asyncio.sleep(0)
        return x + 1

    assert run(lambda: (later(1), later.submit(2).result())) == (2, 3)


def test_async_checkpoints_submitted_in_an_async_flow_use_no_thread():
    threads = []

    @checkpoint
    async def where(n):
        threads.append(threading.get_ident())
        return n

    async def body():
        futures = [where.submit(n) for n in range(3)]
        return [await future for future in futures], threading.get_ident()

    values, home = run(body)
    assert (values, set(threads)) == ([0, 1, 2], {home})


def test_the_first_run_hands_out_what_a_rerun_will():
    given = {"a": [1]}

    @checkpoint
    def same():
        return given

    assert run(lambda: same() is given) is False


def test_an_output_that_cannot_be_stored_names_the_place_and_is_not_retried():
    tries = []

    @checkpoint(retries=3)
    def unstorable():
        tries.append(1)
        return {"a": [0, threading.Lock()]}

    handle = flow(lambda: unstorable()).run()
    with pytest.raises(KitaruExecutionError, match=r"\['a'\]\[1\]|\[.a.\]\[1\]"):
        handle.wait(5)
    assert (len(tries), handle.failure.origin) == (1, "runtime")


def test_an_isolated_checkpoint_runs_in_another_process():
    assert run(lambda: isolated_pid(os.getpid())) is True


def test_the_crash_of_an_isolated_child_does_not_kill_the_runner():
    with pytest.raises(KitaruExecutionError, match="killed by signal 9") as caught:
        run(lambda: isolated_death())
    assert caught.value.failure_origin == "runtime"


def test_the_failure_of_an_isolated_child_keeps_its_type():
    def body():
        try:
            isolated_failure()
        except ValueError as error:
            return str(error)

    assert run(body) == "from the child"


def test_a_synchronous_timeout_fails_the_attempt():
    release = threading.Event()

    @checkpoint(timeout=0.05)
    def slow():
        release.wait(5)

    handle = flow(lambda: slow()).run()
    with pytest.raises(KitaruUserCodeError, match="timeout"):
        handle.wait(5)
    release.set()


def test_an_asynchronous_timeout_ends_the_body():
    ended = []

    @checkpoint(timeout=0.05)
    async def slow():
        try:
            await asyncio.sleep(10)
        finally:
            ended.append(1)

    async def body():
        await slow()

    with pytest.raises(KitaruUserCodeError):
        run(body)
    assert ended == [1]


def test_unpack_turns_tuples_round():
    @checkpoint
    def pair(x):
        return x, -x

    assert run(lambda: pair.map([1, 2]).unpack()) == ([1, 2], [-1, -2])


def test_a_handle_sees_calls_in_the_order_of_the_body():
    @checkpoint
    def slow_then_fast(n):
        threading.Event().wait(0.03 if n == 0 else 0)
        return n

    handle = flow(lambda: slow_then_fast.map([0, 1]).result()).run()
    handle.wait(5)
    assert [call.index for call in handle.execution.checkpoints] == [0, 1]
    assert handle.status is ExecutionStatus.COMPLETED


@dataclass
class Account:
    user: str
    password: str


@checkpoint
def logs_in(account):
    return account.user


@flow
def uses(user, password):
    return logs_in(Account(user, password))


def test_a_secret_in_an_object_is_not_shown_among_the_inputs_of_a_call(client):
    handle = uses.run("ada", "hunter2")
    handle.wait(10)
    (call,) = client.executions.get(handle.exec_id).checkpoints
    assert call.inputs == {"account": {"user": "ada", "password": "[redacted]"}}

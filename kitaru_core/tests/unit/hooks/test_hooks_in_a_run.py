"""Hooks called by the real engine: which, in which order, and what a broken plugin may not do."""

from __future__ import annotations

from contextlib import contextmanager

import pytest

import kitaru
from kitaru import checkpoint, flow
from kitaru.engine.journals import default_journal
from kitaru.engine.runner import live_run
from kitaru.errors import BoundaryRefused, KitaruExecutionError
from kitaru.hooks import Summary, Usage, close_manager, get_manager, hookimpl
from kitaru.records.facts import usage_in
from kitaru.seam import Unit, stream_unit

CARD = """
from kitaru.hooks import PluginCard, hookimpl

@hookimpl
def kitaru_plugin_card():
    return PluginCard(name=__name__, hookspec=1)

"""

RUN = """
from kitaru import checkpoint, flow
from kitaru.engine.journals import default_journal

@checkpoint
def think():
    return 1

@flow
def greet():
    return think()

handle = greet.run()
handle.wait()
print(default_journal().records(handle.exec_id)[0].fact.versions)
"""

PAUSE = """
import kitaru

@kitaru.flow
def ask():
    return kitaru.wait(name="approve", schema=bool, timeout=0)

ask.run()
"""

COUNT = """
import kitaru
print("executions:", len(list(kitaru.KitaruClient().executions.list())))
"""

ANSWER = """
import kitaru
client = kitaru.KitaruClient()
(one,) = client.executions.list()
client.executions.input(one.exec_id, wait="approve", value=True)
print("waits:", len(client.executions.pending_waits(one.exec_id)))
"""


@checkpoint(retries=2)
def think(question):
    return f"{question}!"


@checkpoint
def shout(text):
    return text.upper()


@flow
def greet(question):
    return think(question)


@flow
def proclaim(question):
    return shout(think(question))


@flow
def ask(question):
    return kitaru.wait(name="approve", schema=bool, question=question, timeout=0)


@pytest.fixture(autouse=True)
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("KITARU_STORE", str(tmp_path / "kitaru.db"))
    monkeypatch.setenv("KITARU_PLUGINS_AUTOLOAD", "0")
    close_manager()
    yield kitaru.KitaruClient()
    close_manager()


@pytest.fixture
def plug(plugin_of):
    """Register functions as one plugin of the process's own manager."""

    def register(*functions, name="toy"):
        get_manager().register(plugin_of(*map(hookimpl, functions)), name=name)

    return register


def every_behaviour(calls):
    """Return implementations of every hook that a run calls, each noting its call."""

    def kitaru_configured(config):
        calls.append(f"configured for {config.store.partition(':')[0]}")

    def kitaru_checkpoint_identity(boundary):
        calls.append(f"identity of {boundary.name}")

    def kitaru_checkpoint_admit(boundary):
        calls.append(f"admit attempt {boundary.attempt}")

    @contextmanager
    def kitaru_checkpoint_scope(boundary):
        calls.append(f"enter {boundary.invocation_id}")
        yield
        calls.append("leave")

    def kitaru_checkpoint_summary(value):
        calls.append(f"summary of {value}")
        return Summary(text=value)

    def kitaru_checkpoint_usage():
        calls.append("usage")
        return Usage(model="m", input_tokens=3)

    def kitaru_record_committed(record):
        calls.append(record.kind)

    def kitaru_closing():
        calls.append("closing")

    return [one for one in locals().values() if callable(one)]


def test_the_order_of_all_hooks_in_one_run_is_pinned(plug):
    calls = []
    plug(*every_behaviour(calls))
    assert greet.run("hi").wait() == "hi!"
    close_manager()
    assert calls == [
        "configured for sqlite",
        "execution.started",
        "identity of think",
        "admit attempt 1",
        "enter think",
        "leave",
        "summary of hi!",
        "usage",
        "checkpoint.completed",
        "execution.finished",
        "closing",
    ]


def test_an_observer_sees_every_record_in_the_order_of_the_journal(plug, store):
    seen = []

    def kitaru_record_committed(record):
        seen.append((record.execution_id, record.seq, record.kind, record.hash))

    plug(kitaru_record_committed)
    handle = ask.run("Ship it?")
    live_run(handle.exec_id).done.wait(10)
    store.executions.input(handle.exec_id, wait="approve", value=True)
    store.executions.resume(handle.exec_id, block=True)
    recorded = default_journal().records(handle.exec_id)
    assert "execution.paused" in [one.kind for one in recorded]
    assert seen == [(one.execution_id, one.seq, one.kind, one.hash) for one in recorded]


def test_reused_work_enters_no_scope_and_asks_no_policy(plug, store):
    admitted, entered = [], []

    def kitaru_checkpoint_admit(boundary):
        admitted.append(boundary.name)

    def kitaru_checkpoint_scope(boundary):
        entered.append(boundary.name)

    first = proclaim.run("hi")
    first.wait()
    plug(kitaru_checkpoint_admit, kitaru_checkpoint_scope)
    again = store.executions.replay(first.exec_id, from_="shout")
    live_run(again.exec_id).done.wait(10)
    assert store.executions.get(again.exec_id).status == "completed"
    assert admitted == entered == ["shout"]


def test_summary_and_usage_become_part_of_the_history(plug):
    plug(*every_behaviour([]))
    handle = greet.run("hi")
    handle.wait()
    facts = {one.kind: one.fact for one in default_journal().records(handle.exec_id)}
    assert facts["checkpoint.completed"].summary == {"text": "hi!"}
    assert [one.usage["usage"] for one in usage_in(facts["checkpoint.completed"])] == [{"input_tokens": 3}]


def test_identity_tells_alike_calls_apart(plug):
    places = iter(["berlin", "lagos"])

    def kitaru_checkpoint_identity():
        return next(places)

    plug(kitaru_checkpoint_identity)
    digests = set()
    for _ in range(2):
        handle = greet.run("hi")
        handle.wait()
        facts = {one.kind: one.fact for one in default_journal().records(handle.exec_id)}
        digests.add(facts["checkpoint.completed"].digest)
    assert len(digests) == 2


def test_a_refusal_fails_the_call_at_once_and_names_the_policy(plug):
    asked = []

    def kitaru_checkpoint_admit(boundary):
        asked.append(boundary.attempt)
        msg = "no thinking today"
        raise BoundaryRefused(msg)

    plug(kitaru_checkpoint_admit, name="policy")
    with pytest.raises(KitaruExecutionError, match="no thinking today"):
        greet.run("hi").wait()
    assert asked == [1]


def test_a_broken_observer_loses_no_record(plug, caplog):
    def kitaru_record_committed(record):
        msg = f"cannot take {record.kind}"
        raise OSError(msg)

    plug(kitaru_record_committed, name="clumsy")
    handle = greet.run("hi")
    assert handle.wait() == "hi!"
    assert default_journal().records(handle.exec_id)[-1].kind == "execution.finished"
    assert "'clumsy'" in caplog.text


async def count_to_three(_call):
    for number in (1, 2, 3):
        yield number


async def fail_at_two(_call):
    yield 1
    raise OSError("no two")


@flow
async def streamed(*, breaks=False):
    unit = Unit(name="count", kind="model")
    source = fail_at_two if breaks else count_to_three
    async with stream_unit(unit, source, assemble=list, replay=iter) as stream:
        seen = [number async for number in stream]
        await stream.outcome()
    return seen


def test_hooks_stand_around_a_whole_stream_and_not_around_each_item(plug):
    calls = []
    plug(*every_behaviour(calls))
    assert streamed.run().wait() == [1, 2, 3]
    assert [one for one in calls if "." not in one and not one.startswith("configured")] == [
        "identity of count",
        "admit attempt 1",
        "enter count",
        "leave",
        "summary of [1, 2, 3]",
        "usage",
    ]


def test_a_scope_sees_the_exception_of_a_stream_once(plug):
    seen = []

    @contextmanager
    def kitaru_checkpoint_scope():
        try:
            yield
        except OSError as error:
            seen.append(str(error))
            raise

    plug(kitaru_checkpoint_scope)
    with pytest.raises(KitaruExecutionError, match="no two"):
        streamed.run(breaks=True).wait()
    assert seen == ["no two"]


def test_a_refused_stream_is_recorded_as_failed(plug, store):
    def kitaru_checkpoint_admit():
        raise BoundaryRefused("no counting today")

    plug(kitaru_checkpoint_admit)
    handle = streamed.run()
    with pytest.raises(KitaruExecutionError, match="no counting today"):
        handle.wait()
    assert [call.status for call in store.executions.get(handle.exec_id).checkpoints] == ["failed"]


def test_the_versions_of_plugins_are_written_into_the_execution(site, tmp_path):
    site.install("acme-plugin", "2.5", "acme", CARD)
    done = site.run(RUN, KITARU_STORE=str(tmp_path / "kitaru.db"))
    assert "'acme-plugin': '2.5'" in done.stdout


def test_a_broken_plugin_stops_a_run_before_anything_is_recorded(site, tmp_path):
    site.install("acme-plugin", "2.5", "acme", CARD + "@hookimpl\ndef kitaru_closed(): ...")
    done = site.run(RUN, KITARU_STORE=str(tmp_path / "kitaru.db"))
    assert "KitaruPluginError: Plugin 'acme' of acme-plugin 2.5, hook kitaru_closed" in done.stderr
    assert "executions: 0" in site.run(COUNT, KITARU_STORE=str(tmp_path / "kitaru.db")).stdout


def test_an_answer_is_taken_although_a_plugin_is_broken(site, tmp_path):
    environ = {"KITARU_STORE": str(tmp_path / "kitaru.db")}
    assert site.run(PAUSE, **environ).returncode == 0
    site.install("acme-plugin", "2.5", "acme", "1 / 0")
    done = site.run(ANSWER, **environ)
    assert "waits: 0" in done.stdout, done.stderr
    assert "acme-plugin 2.5" in done.stderr


class Endless:
    """A source that is no generator, and so has nothing to close."""

    def __aiter__(self):
        return self

    async def __anext__(self):
        return 1


@flow
async def leaves_early():
    async with stream_unit(Unit(name="count"), lambda _call: Endless(), assemble=list, replay=iter) as stream:
        async for _ in stream:
            break


def test_a_scope_is_left_with_a_stream_whose_source_cannot_be_closed(plug):
    calls = []
    plug(*every_behaviour(calls))
    leaves_early.run().wait(10)
    assert [one for one in calls if one.split()[0] in {"enter", "leave"}] == ["enter count", "leave"]

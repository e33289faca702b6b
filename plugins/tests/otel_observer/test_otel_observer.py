"""Spans and metrics of real flows, as Logfire exports them."""

from __future__ import annotations

import os
import subprocess
import sys
from threading import Event

import logfire
import pytest

import kitaru
from kitaru import checkpoint, flow
from kitaru.engine.runner import live_run
from kitaru.errors import KitaruExecutionError
from kitaru.hooks import HookManager, close_manager
from kitaru.seam import current_call
from kitaru_plugins.otel_observer import plugin


@checkpoint(type="llm_call")
def think(question):
    with logfire.span("inside"):
        current_call().record_usage({"model": "m-1", "usage": {"input_tokens": 7, "output_tokens": 2}})
        return question.upper()


@checkpoint
def shout(text):
    return f"{text}!"


@checkpoint
def stumble():
    msg = "the password is hunter2"
    raise LookupError(msg)


@flow
def greet(question):
    return shout(think(question))


@flow
def trip():
    return stumble()


@flow
def ask():
    return kitaru.wait(name="approve", schema=bool, timeout=0)


def finish(handle):
    live_run(handle.exec_id).done.wait(20)


def test_boundaries_hang_below_their_execution_and_bodies_below_their_boundary(client, spans):
    handle = greet.run("hi")
    handle.wait()
    boundary = spans.one("llm_call think")
    assert spans.parent_of(boundary) == "flow greet"
    assert spans.parent_of(spans.one("inside")) == "llm_call think"
    assert boundary.attributes["kitaru.execution.id"] == handle.exec_id
    assert boundary.attributes["kitaru.checkpoint.attempt"] == 1


def test_the_execution_hangs_below_what_the_program_was_doing(client, spans):
    with logfire.span("request"):
        greet.run("hi").wait()
    assert spans.parent_of(spans.one("flow greet")) == "request"
    assert spans.one("flow greet").attributes["kitaru.status"] == "completed"


def test_reused_work_is_not_reported_again(client, spans):
    first = greet.run("hi")
    first.wait()
    spans.forget()
    replayed = client.executions.replay(first.exec_id, from_="shout")
    finish(replayed)
    assert spans.named("llm_call think") == []
    assert len(spans.named("function shout")) == 1
    assert spans.one("flow greet").attributes["kitaru.execution.source"] == first.exec_id


def test_tokens_are_counted_once_by_direction_and_model(client, metrics):
    first = greet.run("hi")
    first.wait()
    finish(client.executions.replay(first.exec_id, from_="shout"))
    assert metrics.counted("kitaru.tokens") == {("input", "m-1"): 7, ("output", "m-1"): 2}


@checkpoint
def report(ids):
    for id_, tokens in ids:
        current_call().record_usage({"model": "m-1", "usage": {"input_tokens": tokens}, **id_})


@flow
def reporting(*batches):
    for ids in batches:
        report(ids)


@pytest.mark.parametrize(
    ("batches", "tokens"),
    [
        ([[({}, 5), ({}, 7)]], 12),
        ([[({"record_id": "a"}, 5), ({"record_id": "a"}, 7)]], 7),
        ([[({"record_id": "a"}, 5)], [({"record_id": "a"}, 7)]], 12),
        ([[({"record_id": "a", "count_once": True}, 5)], [({"record_id": "a", "count_once": True}, 5)]], 5),
    ],
    ids=["without ids", "one that is reported again", "of two calls", "one job that two calls report"],
)
def test_tokens_are_counted_as_the_execution_counts_them(client, metrics, batches, tokens):
    handle = reporting.run(*batches)
    handle.wait()
    assert client.executions.get(handle.exec_id).llm_usage_summary["input_tokens"] == tokens
    assert metrics.counted("kitaru.tokens") == {("input", "m-1"): tokens}


def test_a_failure_is_told_by_its_kind_and_never_by_its_text(client, spans):
    with pytest.raises(KitaruExecutionError):
        trip.run().wait()
    boundary = spans.one("function stumble")
    assert boundary.attributes["error.type"] == "LookupError"
    assert boundary.status.status_code.name == "ERROR"
    assert spans.one("flow trip").attributes["kitaru.status"] == "failed"
    assert "hunter2" not in "".join(span.to_json() for span in spans.all())


def test_a_pause_ends_the_span_and_a_resume_begins_another(client, spans, metrics):
    handle = ask.run()
    finish(handle)
    client.executions.input(handle.exec_id, wait="approve", value=True)
    client.executions.resume(handle.exec_id, block=True)
    assert spans.one("flow ask").attributes["kitaru.status"] == "waiting"
    assert spans.one("flow").attributes["kitaru.run.reason"] == "resume"
    assert metrics.counted("kitaru.waits") == {("opened",): 1, ("resolved",): 1}


def test_durations_are_measured_by_flow_kind_and_status(client, metrics):
    greet.run("hi").wait()
    assert metrics.counted("kitaru.run.duration") == {("greet", "completed"): 1}
    assert metrics.counted("kitaru.boundary.duration") == {("function", "greet", "completed"): 2}


def test_closing_ends_the_spans_of_executions_that_are_still_open(client, spans):
    started, go_on = Event(), Event()

    @flow
    def linger():
        started.set()
        go_on.wait(20)

    handle = linger.run()
    started.wait(20)
    close_manager()
    go_on.set()
    handle.wait()
    assert spans.one("flow linger").attributes["kitaru.status"] == "left"


async def test_an_asynchronous_body_keeps_its_span(client, spans):
    @checkpoint
    async def ponder(text):
        with logfire.span("within"):
            return text

    @flow
    async def muse():
        return await ponder("x")

    await muse.run().wait_async()
    assert spans.parent_of(spans.one("within")) == "function ponder"


def test_without_the_sdk_the_plugin_is_idle():
    hide = (
        "import importlib.metadata as m; real = m.distribution\n"
        "def distribution(name):\n"
        "    if name == 'opentelemetry-sdk': raise m.PackageNotFoundError(name)\n"
        "    return real(name)\n"
        "m.distribution = distribution\n"
        "from kitaru.hooks import survey\n"
        "print([p.state for p in survey().plugins if p.name == 'otel_observer'])"
    )
    done = subprocess.run([sys.executable, "-c", hide], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "['idle']"


def test_without_a_provider_nothing_is_put_around_a_body():
    ask_plugin = (
        "from kitaru_plugins.otel_observer import plugin\n"
        "from kitaru.records.boundary import Boundary\n"
        "b = Boundary(execution_id='e', flow='f', name='n', invocation_id='n', call_id='c')\n"
        "print(plugin.kitaru_checkpoint_scope(b))"
    )
    done = subprocess.run([sys.executable, "-c", ask_plugin], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "None"


def test_a_run_without_a_provider_neither_loads_opentelemetry_nor_calls_a_hook(tmp_path):
    program = (
        "import sys, kitaru\n"
        "from kitaru.hooks import get_manager\n"
        "@kitaru.flow\n"
        "def flow(): return 1\n"
        "flow.run().wait()\n"
        "manager = get_manager()\n"
        "print('opentelemetry.trace' in sys.modules, manager.record_hooks_active, manager.boundary_hooks_active)\n"
        "from opentelemetry import trace\n"
        "from opentelemetry.sdk.trace import TracerProvider\n"
        "trace.set_tracer_provider(TracerProvider())\n"
        "flow.run().wait()\n"
        "print(manager.record_hooks_active, manager.boundary_hooks_active)\n"
    )
    (tmp_path / "program.py").write_text(program)
    environment = {**os.environ, "KITARU_CONFIG_PATH": str(tmp_path), "KITARU_STORE": "memory:"}
    done = subprocess.run(
        [sys.executable, "program.py"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.splitlines() == ["False False False", "True True"]


def test_the_plugin_names_the_range_it_was_written_for():
    info = HookManager().register(plugin, name="otel_observer")
    assert info.frameworks["opentelemetry-sdk"] is not None

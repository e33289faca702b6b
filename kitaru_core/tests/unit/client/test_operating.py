"""Looking at executions and going on with them."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time

import pytest

from kitaru import (
    ExecutionStatus,
    KitaruClient,
    KitaruExecutionError,
    KitaruNotFoundError,
    KitaruStateError,
    KitaruUsageError,
    checkpoint,
    flow,
    load,
    log,
    save,
    unmapped,
)
from kitaru.errors import KitaruFeatureNotAvailableError

WORLD: dict[str, object] = {}


@pytest.fixture(autouse=True)
def _fresh():
    WORLD.clear()
    WORLD["ran"] = []


@checkpoint
def before():
    WORLD["ran"].append("before")
    return 1


@checkpoint
def fragile(x, extra=None):
    WORLD["ran"].append(f"fragile {x}")
    if not WORLD.get("repaired"):
        raise OSError("broken")
    return x


@flow
def direct():
    return before(), fragile(1)


@flow
def submitted():
    return before(), fragile.submit(1).result()


@flow
def mapped():
    return before(), fragile.map([1, 2], unmapped(None)).result()


@flow
def body_fails():
    value = before()
    if not WORLD.get("repaired"):
        raise RuntimeError("in the body")
    return value


@flow
def storing_fails():
    value = before()
    return value if WORLD.get("repaired") else threading.Lock()


def failed(started):
    handle = started.run()
    with pytest.raises(KitaruExecutionError):
        handle.wait(10)
    WORLD["ran"].clear()
    WORLD["repaired"] = True
    return handle


@pytest.mark.parametrize("started", [direct, submitted, mapped, body_fails, storing_fails], ids=lambda one: one.name)
def test_a_retry_runs_only_what_failed(started, client):
    handle = failed(started)
    execution = client.executions.retry(handle.exec_id, block=True)
    assert (execution.status, execution.failure) == (ExecutionStatus.COMPLETED, None)
    assert "before" not in WORLD["ran"]


def test_a_retry_keeps_the_attempts_that_failed(client):
    handle = failed(direct)
    client.executions.retry(handle.exec_id, block=True)
    call = client.executions.get(handle.exec_id).checkpoints[1]
    assert [one.status for one in call.attempts] == ["failed", "completed"]


def test_only_failed_executions_can_be_retried(client):
    handle = flow(lambda: 1).run()
    handle.wait(10)
    with pytest.raises(KitaruStateError, match="completed"):
        client.executions.retry(handle.exec_id)


def test_a_handled_failure_stays_a_failure_on_a_retry(client):
    seen = []

    @flow
    def handles():
        try:
            fragile(1)
        except OSError as error:
            seen.append(str(error))
        before()
        if not WORLD.get("repaired"):
            raise RuntimeError
        return seen

    handle = failed(handles)
    client.executions.retry(handle.exec_id, block=True)
    assert (seen, WORLD["ran"]) == (["broken", "broken"], [])


SCRIPT = """
import os, sys, time
from kitaru import checkpoint, flow
@checkpoint
def first():
    with open(sys.argv[1], "a") as f: f.write("first\\n")
    return 1
@checkpoint
def second():
    with open(sys.argv[1], "a") as f: f.write("second\\n")
    if len(sys.argv) > 2: os.kill(os.getpid(), 9)
    return 2
@flow
def dies(): return first() + second()
if __name__ == "__main__":
    print(dies.run().exec_id, flush=True)
"""


@pytest.fixture
def killed(tmp_path):
    """An execution whose process died in its second checkpoint."""
    script, effects = tmp_path / "dies.py", tmp_path / "effects"
    script.write_text(SCRIPT)
    done = subprocess.run([sys.executable, script, effects, "kill"], capture_output=True, timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL
    return KitaruClient().executions.latest().exec_id, effects


def test_a_killed_runner_is_a_failure_that_is_seen_at_once(killed, client):
    execution = client.executions.get(killed[0])
    assert (execution.status, execution.status_reason) == (ExecutionStatus.FAILED, "runner lost")
    assert execution.failure.origin == "runtime"
    assert [call.status for call in execution.checkpoints] == ["completed"]


@pytest.mark.parametrize("verb", ["retry", "resume"])
def test_a_killed_execution_goes_on_without_repeating_what_was_complete(verb, killed, monkeypatch):
    exec_id, effects = killed
    monkeypatch.setattr(sys, "argv", ["dies.py", str(effects)])
    execution = getattr(KitaruClient().executions, verb)(exec_id, block=True)
    assert (execution.result(), effects.read_text().split()) == (3, ["first", "second", "second"])


def test_two_resumes_at_once_start_one_runner(killed, client, monkeypatch):
    exec_id, effects = killed
    monkeypatch.setattr(sys, "argv", ["dies.py", str(effects)])
    outcomes = []

    def resume():
        try:
            outcomes.append(client.executions.resume(exec_id, block=True).status)
        except KitaruStateError:
            outcomes.append("refused")

    threads = [threading.Thread(target=resume) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (sorted(map(str, outcomes)), effects.read_text().count("second")) == (["completed", *["refused"] * 3], 2)


def test_a_running_execution_ends_at_its_next_boundary_when_cancelled(client):
    @checkpoint
    def slow():
        WORLD["inside"] = True
        time.sleep(0.1)

    @flow
    def loops():
        while True:
            slow()

    handle = loops.run()
    while "inside" not in WORLD:
        time.sleep(0.005)
    client.executions.cancel(handle.exec_id)
    with pytest.raises(KitaruExecutionError, match="cancelled"):
        handle.wait(10)


def test_cancelling_interrupts_an_async_body(client):
    import asyncio

    @flow
    async def sleeps():
        WORLD["inside"] = True
        await asyncio.sleep(60)

    handle = sleeps.run()
    while "inside" not in WORLD:
        time.sleep(0.005)
    handle.cancel()
    with pytest.raises(KitaruExecutionError):
        handle.wait(10)
    assert handle.status is ExecutionStatus.CANCELLED


def test_cancelling_what_has_ended_is_refused(client):
    handle = flow(lambda: 1).run()
    handle.wait(10)
    with pytest.raises(KitaruStateError):
        handle.cancel()


@flow
def quick(n):
    return n


def test_lists_are_newest_first_filtered_and_paged(client):
    ids = [quick.run(n) for n in range(3)]
    for handle in ids:
        handle.wait(10)
    newest_first = [handle.exec_id for handle in reversed(ids)]
    assert [one.exec_id for one in client.executions.list()] == newest_first
    assert [one.exec_id for one in client.executions.list(page=2, size=2)] == newest_first[2:]
    assert [one.exec_id for one in client.executions.list(limit=1)] == newest_first[:1]
    assert client.executions.list(flow="other") == client.executions.list(flow=" ") == []
    assert len(client.executions.list(flow="quick", status="completed")) == 3


@pytest.mark.parametrize(
    "window", [{"limit": 0}, {"limit": True}, {"page": 1}, {"limit": 1, "size": 1}, {"size": 0}, {"page": 0, "size": 1}]
)
def test_windows_that_cannot_be_are_refused(window, client):
    with pytest.raises(KitaruUsageError):
        client.executions.list(**window)


def test_an_unknown_status_lists_the_known_ones(client):
    with pytest.raises(KitaruUsageError, match="waiting"):
        client.executions.list(status="sleeping")


def test_latest_of_nothing_is_a_lookup_error(client):
    with pytest.raises(LookupError):
        client.executions.latest()


@pytest.mark.parametrize("method", ["get", "retry", "resume", "cancel", "verify", "pending_waits"])
def test_an_unknown_execution_is_not_found(method, client):
    with pytest.raises(KitaruNotFoundError, match="'nope'"):
        getattr(client.executions, method)("nope")


@pytest.mark.parametrize("setting", ["server_url", "auth_token", "project"])
def test_server_settings_say_that_there_is_no_server(setting):
    with pytest.raises(KitaruFeatureNotAvailableError, match=setting):
        KitaruClient(**{setting: "x"})


@checkpoint
def saves(name="note"):
    save(name, {"a": 1}, type="context", tags=["x"])
    save(name, {"a": 2}, type="context", tags=["x"])
    log(color="red", nested={"a": 1})
    log(nested={"b": 2}, empty=None)
    return "out"


@checkpoint
def loads(exec_id, name):
    return load(exec_id, name)


@flow
def stores():
    log(stage="begun")
    return saves()


@flow
def reads(source, name):
    return loads(source, name)


def test_saved_values_are_listed_and_found_by_id(client):
    handle = stores.run()
    handle.wait(10)
    (note,) = client.artifacts.list(handle.exec_id, name="note")
    assert (note.kind, note.tags, note.metadata["version"], note.load()) == ("context", ("x",), 2, {"a": 2})
    assert client.artifacts.get(note.artifact_id).name == "note"
    assert [one.name for one in client.artifacts.list(handle.exec_id, kind="context")] == ["note"]


@pytest.mark.parametrize(("name", "value"), [("note", {"a": 2}), ("saves", "out")])
def test_another_execution_can_load_artifacts_and_outputs(name, value):
    handle = stores.run()
    handle.wait(10)
    assert reads.run(handle.exec_id, name).wait(10) == value


@pytest.mark.parametrize(
    ("exec_id", "match"), [("no uuid", "UUID"), ("00000000-0000-4000-8000-000000000000", "no execution")]
)
def test_loading_from_nowhere_is_refused(exec_id, match):
    with pytest.raises(KitaruExecutionError, match=match):
        reads.run(exec_id, "note").wait(10)


def test_an_unknown_artifact_is_not_found(client):
    with pytest.raises(KitaruNotFoundError):
        client.artifacts.get("00000000-0000-4000-8000-000000000000")


def test_metadata_is_merged_and_belongs_to_call_or_execution(client):
    handle = stores.run()
    handle.wait(10)
    execution = client.executions.get(handle.exec_id)
    assert execution.metadata == {"stage": "begun"}
    assert execution.checkpoints[0].metadata == {"color": "red", "nested": {"a": 1, "b": 2}, "empty": None}


def test_secrets_in_inputs_never_reach_the_store(store, client, monkeypatch):
    @checkpoint
    def calls(api_key, text):
        return len(api_key)

    canary = "sk-canary-1234567890abcdef"
    flow(lambda: calls(canary, f"use {canary} please")).run().wait(10)
    from kitaru.journal.registry import close_all

    close_all()
    assert canary.encode() not in b"".join(path.read_bytes() for path in store.parent.iterdir())

"""What flows print and log, kept where it is asked for."""

from __future__ import annotations

import logging
import sys
import time
from datetime import datetime, timedelta

import pytest

from kitaru import (
    KitaruAsyncClient,
    KitaruLogRetrievalError,
    KitaruNotFoundError,
    KitaruUsageError,
    checkpoint,
    flow,
    wait,
)

logger = logging.getLogger("shop")


@pytest.fixture
def capturing(monkeypatch):
    monkeypatch.setenv("KITARU_CAPTURE_LOGS", "1")
    monkeypatch.setattr(sys, "stdout", sys.stdout)
    monkeypatch.setattr(sys, "stderr", sys.stderr)
    root = logging.getLogger()
    before = list(root.handlers)
    yield
    for handler in set(root.handlers) - set(before):
        root.removeHandler(handler)


@checkpoint
def speaks(word):
    print("say", word)  # noqa: T201 - what is printed is the point
    print("two\nlines", file=sys.stderr)  # noqa: T201
    logger.warning("careful with %s, api_key=sk-canary-1234567890", word)


@flow
def talks():
    print("in the body")  # noqa: T201
    speaks("a")


@pytest.fixture
def exec_id(capturing):
    handle = talks.run()
    handle.wait(10)
    return handle.exec_id


def test_lines_and_records_of_a_checkpoint_are_kept_in_order(client, exec_id):
    found = client.executions.logs(exec_id, checkpoint="speaks")
    assert [one.message for one in found][:3] == ["say a", "two", "lines"]
    assert [one.level for one in found] == ["INFO", "ERROR", "ERROR", "WARNING"]
    assert (found[3].filename, found[3].checkpoint_name) == ("test_logs.py", "speaks")
    assert found[0].timestamp.tzinfo is not None


def test_secrets_are_cut_out(client, exec_id):
    assert "canary" not in str(client.executions.logs(exec_id))


def test_what_the_body_prints_is_of_the_runner(client, exec_id):
    assert [one.message for one in client.executions.logs(exec_id, source="runner")] == ["in the body"]


def test_output_still_goes_where_it_went(capturing, capsys):
    talks.run().wait(10)
    assert "say a\n" in capsys.readouterr().out


def test_what_is_printed_outside_of_executions_is_not_kept(client, exec_id):
    print("outside")  # noqa: T201
    kept = client.executions.logs(exec_id) + client.executions.logs(exec_id, source="runner")
    assert "outside" not in [one.message for one in kept]


WRONG = [
    {"source": "all"},
    {"source": "runner", "checkpoint": "x"},
    {"limit": 0},
    {"limit": True},
    {"since": "yesterday"},
    {"since": datetime(2026, 1, 1)},  # noqa: DTZ001 - a time of no zone is what is refused
]


@pytest.mark.parametrize("wrong", WRONG)
def test_filters_that_cannot_be_are_refused(client, exec_id, wrong):
    with pytest.raises(KitaruUsageError):
        client.executions.logs(exec_id, **wrong)


def test_without_asking_nothing_is_kept_and_reading_says_how_to_ask(client):
    handle = talks.run()
    handle.wait(10)
    with pytest.raises(KitaruLogRetrievalError, match="KITARU_CAPTURE_LOGS=1"):
        client.executions.logs(handle.exec_id)


def test_an_unknown_execution_is_not_found(client):
    with pytest.raises(KitaruNotFoundError):
        client.executions.logs("nope")


def test_lines_after_a_time_are_shown(client, exec_id):
    every = client.executions.logs(exec_id)
    after = client.executions.logs(exec_id, since=every[0].timestamp)
    assert [one.message for one in after] == [one.message for one in every[1:] if one.timestamp > every[0].timestamp]
    assert client.executions.logs(exec_id, since=every[-1].timestamp + timedelta(seconds=1)) == []


LINES = 6


@checkpoint
def speaks_slowly(gates):
    for number in range(LINES):
        print("line", number)  # noqa: T201
        opened(gates, number)


@flow
def talks_slowly(gates):
    speaks_slowly(gates)


def opened(gates, number):
    for _ in range(1000):  # a gate that nobody opens holds up no other test for long
        if (gates / str(number)).exists():
            return
        time.sleep(0.005)


def test_lines_are_followed_until_the_execution_has_ended(client, capturing, tmp_path):
    handle = talks_slowly.run(tmp_path)
    seen = []
    for line in client.executions.logs(handle.exec_id, follow=True):
        seen.append((line.message, handle.status))
        (tmp_path / str(len(seen) - 1)).touch()
    assert seen == [(f"line {number}", "running") for number in range(LINES)]
    assert handle.status == "completed"


@flow
def talks_and_waits():
    speaks("a")
    return wait(name="go", timeout=0)


def test_following_ends_when_nobody_is_at_work_any_more(client, capturing):
    handle = talks_and_waits.run()
    found = [one.message for one in client.executions.logs(handle.exec_id, follow=True)]
    assert (found[0], handle.status) == ("say a", "waiting")


def test_following_takes_the_first_lines_only_if_so_many_are_asked_for(client, exec_id):
    found = client.executions.logs(exec_id, follow=True, limit=2)
    assert [one.message for one in found] == ["say a", "two"]


def test_following_what_keeps_nothing_says_how_to_ask(client):
    handle = talks.run()
    with pytest.raises(KitaruLogRetrievalError, match="KITARU_CAPTURE_LOGS=1"):
        list(client.executions.logs(handle.exec_id, follow=True))


async def test_lines_are_followed_on_an_event_loop(capturing, tmp_path):
    client = KitaruAsyncClient()
    handle = await talks_slowly.run_async(tmp_path)
    seen = []
    async for line in client.executions.logs(handle.exec_id, follow=True):
        seen.append(line.message)
        (tmp_path / str(len(seen) - 1)).touch()
    assert seen == [f"line {number}" for number in range(LINES)]
    assert [one.message for one in await client.executions.logs(handle.exec_id, limit=1)] == ["line 0"]


@checkpoint
def speaks_of_a_file():
    sys.stdout.write("no file caf\udce9.txt\n")


@flow
def looks_for_a_file():
    speaks_of_a_file()


@pytest.mark.usefixtures("capturing")
def test_lines_that_are_not_utf8_are_kept_written_out(client):
    handle = looks_for_a_file.run()
    handle.wait(10)
    assert [entry.message for entry in client.executions.logs(handle.exec_id)] == [r"no file caf\udce9.txt"]

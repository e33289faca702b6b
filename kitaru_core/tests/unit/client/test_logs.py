"""What flows print and log, kept where it is asked for."""

from __future__ import annotations

import logging
import sys

import pytest

from kitaru import KitaruLogRetrievalError, KitaruNotFoundError, KitaruUsageError, checkpoint, flow

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


@pytest.mark.parametrize("wrong", [{"source": "all"}, {"source": "runner", "checkpoint": "x"}, {"limit": 0}])
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

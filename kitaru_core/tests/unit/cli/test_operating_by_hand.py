"""Going on with executions: answers, retries, replays, cancelling, in processes of their own."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

import pytest


def test_an_answer_and_a_resume_complete_an_execution(kitaru, piped, started, client):
    waiting = started("order", "tea")
    shown = kitaru("executions", "input", waiting, "--value", "true")
    assert shown.code == 0
    assert f"kitaru executions resume {waiting}" in shown.out
    assert piped("executions", "resume", waiting, "-o", "json").item["status"] == "completed"
    assert client.executions.result(waiting) == 3


def test_an_answer_that_does_not_fit_leaves_the_wait_open(kitaru, started):
    waiting = started("order", "tea")
    shown = kitaru("executions", "input", waiting, "--value", '"maybe"', "-o", "json")
    assert (shown.code, json.loads(shown.err)["error"]["type"]) == (1, "KitaruWaitValidationError")
    assert "quotes" in kitaru("executions", "input", waiting, "--value", "maybe").err
    assert kitaru("waits", "-o", "json").items[0]["exec_id"] == waiting


def test_a_retry_fails_with_1_and_then_completes_in_the_installed_program(piped, started, tmp_path):
    failed = started("purchase", "tea")
    again = piped("executions", "retry", failed, "-o", "json")
    assert (again.code, json.loads(again.out)["item"]["status"]) == (1, "failed")
    (tmp_path / "open").touch()
    done = piped("executions", "retry", failed, "-o", "json", SHOP_OPEN=str(tmp_path / "open"))
    assert done.item["status"] == "completed"
    assert [call["cache_status"] for call in done.item["checkpoints"]] == ["executed", "executed"]


def test_a_replay_shows_its_plan_first_and_takes_overrides(kitaru, piped, started, client):
    source = started("purchase", "tea")
    plan = kitaru("executions", "replay", source, "--from", "pay", "--dry-run", "-o", "json").item
    assert (plan["reused"], plan["runs"]) == (["price"], ["pay"])
    paid = ("--override", "checkpoint.pay=paid")
    shown = piped("executions", "replay", source, "--from", "pay", *paid, "--wait", "-o", "json")
    assert shown.item["original_exec_id"] == source
    assert client.executions.result(shown.item["exec_id"]) == "paid"


@pytest.mark.parametrize("key", ["wait.sure=true", "pay=paid"])
def test_only_checkpoints_are_overridden(kitaru, started, key):
    source = started("purchase", "tea")
    shown = kitaru("executions", "replay", source, "--from", "pay", "--override", key)
    assert (shown.code, shown.out) == (1, "")
    assert repr(key.partition("=")[0]) in shown.err


def test_a_waiting_execution_is_cancelled_once(kitaru, started):
    waiting = started("order", "tea")
    assert kitaru("executions", "cancel", waiting, "-o", "json").item["status"] == "cancelled"
    finished = started("quick", "tea")
    assert kitaru("executions", "cancel", finished).code == 1


def test_a_history_is_proved_intact_and_a_changed_one_is_found(kitaru, started, store):
    finished = started("quick", "tea")
    assert kitaru("executions", "verify", finished, "-o", "json").item["intact"] is True
    alter(store)
    shown = kitaru("executions", "verify", finished)
    assert shown.code == 1
    assert "Not intact" in shown.out


def alter(store):
    with closing(sqlite3.connect(store)) as connection, connection:
        connection.execute("update records set body = cast(replace(cast(body as text), 'price', 'prize') as blob)")

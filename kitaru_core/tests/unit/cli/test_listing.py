"""Lists: windows, filters, and what stands below and in the place of one."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest


@pytest.fixture
def three(started):
    """The ids of three executions, the newest first."""
    return [started("quick", str(n)) for n in range(3)][::-1]


@pytest.fixture
def aged(store):
    """Make an execution older."""

    def make(execution, **age):
        then = (datetime.now(UTC) - timedelta(**age)).timestamp()
        with closing(sqlite3.connect(store)) as database, database:
            database.execute("UPDATE executions SET created_at = ? WHERE id = ?", (then, execution))

    return make


def ids(shown):
    return [item["exec_id"] for item in shown.items]


@pytest.mark.parametrize(
    ("window", "expected", "note"),
    [
        ((), slice(0, 3), ""),
        (("--limit", 2), slice(0, 2), ""),
        (("--size", 2), slice(0, 2), "Page 1 (size 2, returned 2); more may be on page 2"),
        (("--size", 2, "--page", 2), slice(2, 3), "Page 2 (size 2, returned 1)"),
        (("--size", 3), slice(0, 3), "Page 1 (size 3, returned 3); more may be on page 2"),
        (("--page", 9), slice(0, 0), "Page 9 (size 20, returned 0)"),
    ],
)
def test_windows_hold_the_newest_first_and_say_where_they_are(kitaru, three, window, expected, note):
    assert ids(kitaru("executions", "list", *window, "-o", "json")) == three[expected]
    told = kitaru("executions", "list", *window)
    assert (told.code, ("Page" in told.out)) == (0, bool(note))
    assert note in told.out


def test_a_page_past_the_end_says_so_everywhere(kitaru, three):
    lists = ["executions list", "executions statistics", "model list", "secrets list", "stack list"]
    kitaru("model", "register", "fast", "--model", "openai/gpt-5")
    kitaru("secrets", "set", "key", "--A=1")
    for words in lists:
        shown = kitaru(*words.split(), "--page", 9, "--size", 5)
        assert (shown.code, "no items on page 9" in shown.out) == (0, True), words


def test_an_empty_list_says_so(kitaru):
    assert "executions: none found" in kitaru("executions", "list").out
    assert kitaru("executions", "list", "-o", "json").items == []


@pytest.mark.parametrize("since", ["90m", "2h", "1d", "time"])
def test_a_list_begins_at_a_time(kitaru, three, aged, since):
    aged(three[-1], days=2)
    given = (datetime.now(UTC) - timedelta(hours=3)).isoformat() if since == "time" else since
    assert ids(kitaru("executions", "list", "--since", given, "-o", "json")) == three[:2]


def test_a_list_is_narrowed_by_flow_stack_and_state(kitaru, three, started):
    waiting = started("order", "tea")
    assert ids(kitaru("executions", "list", "--flow", "order", "-o", "json")) == [waiting]
    assert ids(kitaru("executions", "list", "--status", "completed", "--stack", "default", "-o", "json")) == three
    assert ids(kitaru("executions", "list", "--stack", "other", "-o", "json")) == []


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--since", "yesterday"), "--since must be so long ago"),
        (("--since", "999999w"), "--since must be so long ago"),
        (("--tag", "team"), "metadata:team"),
        (("--size", 0), "--size must be at least 1"),
        (("--page", 1, "--limit", 4), "use --page 1 --size 4"),
    ],
)
def test_a_filter_that_cannot_be_is_refused(kitaru, arguments, told):
    shown = kitaru("executions", "list", *arguments, "-o", "json")
    assert (shown.code, shown.out) == (1, "")
    assert told in json.loads(shown.err)["error"]["message"]


def test_statistics_refuse_tags_as_well(kitaru):
    assert "metadata:team" in " ".join(kitaru("executions", "statistics", "--tag", "a").err.split())

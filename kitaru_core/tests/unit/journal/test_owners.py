"""Leases: how long they last, and whether their holder can still be alive, as others see it."""

from __future__ import annotations

import os
import time
import uuid
from contextlib import closing

import msgspec
import pytest

from kitaru import KitaruUsageError
from kitaru.journal.api import Draft, ListQuery
from kitaru.journal.owner import clock, current_owner, owner_is_alive
from kitaru.journal.sqlite import SqliteJournal
from kitaru.records.facts import ExecutionStarted

HERE = current_owner()
NOWHERE_KNOWN = msgspec.structs.replace(HERE, boot="", namespace="", started="")
"""A process of a system that has no /proc."""


def alive(owner, *, left=20.0, here=HERE):
    return owner_is_alive(owner, until_clock=clock() + left, until_wall=time.time() + left, ttl=20.0, here=here)


def test_this_process_is_alive():
    assert alive(HERE)


def test_a_process_that_let_its_lease_lapse_is_not_counted_on():
    assert not alive(HERE, left=-1.0)


def test_another_process_under_the_same_pid_is_another_one():
    assert not alive(msgspec.structs.replace(HERE, started="1"))


def test_what_ran_before_the_machine_was_started_anew_is_gone():
    assert not alive(msgspec.structs.replace(HERE, boot="an earlier one"))


def test_another_machine_is_given_twice_its_time():
    other = msgspec.structs.replace(HERE, boot="its own", host="another")
    assert alive(other, left=-19.0)
    assert not alive(other, left=-21.0)


def test_where_boots_have_no_id_a_running_process_is_alive():
    assert alive(NOWHERE_KNOWN, here=NOWHERE_KNOWN)


def test_where_boots_have_no_id_a_process_that_ended_is_gone():
    child = os.posix_spawn("/bin/true", ["true"], {})
    os.waitpid(child, 0)
    assert not alive(msgspec.structs.replace(NOWHERE_KNOWN, pid=child), here=NOWHERE_KNOWN)


@pytest.mark.parametrize(("left", "expected"), [(-19.0, True), (-21.0, False)])
def test_where_boots_have_no_id_another_machine_is_given_twice_its_time(left, expected):
    other = msgspec.structs.replace(NOWHERE_KNOWN, host="another")
    assert alive(other, left=left, here=NOWHERE_KNOWN) is expected


@pytest.mark.parametrize("variable", ["KITARU_LEASE_TTL", "KITARU_LEASE_HEARTBEAT"])
@pytest.mark.parametrize("value", ["soon", "0", "-1", "nan", "inf"])
def test_a_lease_whose_time_cannot_be_is_refused_before_anything_is_recorded(tmp_path, monkeypatch, variable, value):
    monkeypatch.setenv(variable, value)
    started = ExecutionStarted(at=0.0, execution_id=str(uuid.uuid4()), flow="f", module="m", qualname="f")
    with closing(SqliteJournal(tmp_path / "journal.db")) as journal:
        with pytest.raises(KitaruUsageError, match=variable):
            journal.create(Draft(started), flow="f", stack=None)
        monkeypatch.delenv(variable)
        assert journal.executions(ListQuery()) == []

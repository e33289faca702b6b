"""Observers miss no record, wherever the process that committed it is killed."""

from __future__ import annotations

import fcntl
import json
import os
from concurrent.futures import Future
from pathlib import Path
from signal import SIGKILL

import pytest

import kitaru
from kitaru.engine.journals import default_journal
from kitaru.engine.runner import live_run
from kitaru.hooks import PluginCard, close_manager, get_manager, hookimpl
from kitaru.journal.registry import close_all

PLUGIN = """
import os
from kitaru.hooks import PluginCard, hookimpl

@hookimpl
def kitaru_plugin_card():
    return PluginCard(name="acme", hookspec=1, delivery=os.environ.get("DELIVERY", "at_least_once"))

@hookimpl
def kitaru_record_committed(record):
    with open(os.environ["SEEN"], "a") as file:
        file.write(f"{record.seq} {record.kind}\\n")
"""

RUN = """
import kitaru

@kitaru.checkpoint
def think(n):
    return n

@kitaru.flow
def ask():
    think(1)
    kitaru.wait(name="approve", schema=bool, timeout=0)
    return think(2)

handle = ask.run()
from kitaru.engine.runner import live_run
live_run(handle.exec_id).done.wait(10)
"""

LOOK = """
import json, kitaru
from kitaru.engine.journals import default_journal
kitaru.KitaruClient()
journal = default_journal()
from kitaru.journal.api import ListQuery
found = journal.executions(ListQuery())
print(json.dumps([[r.seq, r.kind] for one in found for r in journal.records(one.id)]))
"""

ANSWER = """
import kitaru
client = kitaru.KitaruClient()
(one,) = client.executions.list()
client.executions.input(one.exec_id, wait="approve", value=True)
"""


@pytest.fixture
def acme(site, tmp_path):
    site.install("acme-plugin", "2.5", "acme", PLUGIN)
    places = {
        "KITARU_STORE": str(tmp_path / "kitaru.db"),
        "KITARU_CONFIG_PATH": str(tmp_path / "config"),
        "SEEN": str(tmp_path / "seen"),
    }

    def run(source, **environ):
        return site.run(source, **places, **environ)

    return run


def seen(tmp_path):
    path = tmp_path / "seen"
    return [line.split() for line in path.read_text().splitlines()] if path.exists() else []


def missed(acme, tmp_path):
    """Open the journal in a new process, and return the records that no observer has been shown by then."""
    done = acme(LOOK)
    shown = {(int(seq), kind) for seq, kind in seen(tmp_path)}
    return [one for one in json.loads(done.stdout) if tuple(one) not in shown]


@pytest.mark.parametrize("commit", range(1, 6))
def test_a_record_committed_just_before_a_kill_is_shown_to_the_next_process(acme, tmp_path, commit):
    done = acme(RUN, KITARU_CRASH_AT=f"journal.after_commit:{commit}")
    assert done.returncode in (0, -SIGKILL)
    assert missed(acme, tmp_path) == []


def test_the_process_that_is_killed_has_really_not_shown_its_last_record(acme, tmp_path):
    acme(RUN, KITARU_CRASH_AT="journal.after_commit:2")
    before = seen(tmp_path)
    assert missed(acme, tmp_path) == []
    assert {kind for _, kind in seen(tmp_path)} - {kind for _, kind in before} == {"checkpoint.completed"}


def test_what_was_shown_again_is_not_shown_a_third_time(acme, tmp_path):
    acme(RUN, KITARU_CRASH_AT="journal.after_commit:1")
    assert missed(acme, tmp_path) == []
    before = seen(tmp_path)
    acme(LOOK)
    assert seen(tmp_path) == before
    assert list((tmp_path / "kitaru.db.observers").iterdir()) == []


def test_a_run_that_ends_well_leaves_nothing_behind(acme, tmp_path):
    assert acme(RUN).returncode == 0
    assert acme(ANSWER).returncode == 0
    assert list((tmp_path / "kitaru.db.observers").iterdir()) == []
    assert len(seen(tmp_path)) == len({seq for seq, _ in seen(tmp_path)})


def test_best_effort_plugins_are_not_shown_anything_again_and_cost_no_file(acme, tmp_path):
    acme(RUN, KITARU_CRASH_AT="journal.after_commit:1", DELIVERY="best_effort")
    before = seen(tmp_path)
    acme(LOOK, DELIVERY="best_effort")
    assert seen(tmp_path) == before
    assert not (tmp_path / "kitaru.db.observers").exists()


def test_a_broken_plugin_leaves_what_is_owed_for_later(acme, site, tmp_path):
    acme(RUN, KITARU_CRASH_AT="journal.after_commit:1")
    site.install("broken-plugin", "1.0", "broken", "1 / 0")
    acme(LOOK)
    assert len(list((tmp_path / "kitaru.db.observers").iterdir())) == 1
    assert missed_without(acme, tmp_path) == []


def missed_without(acme, tmp_path):
    done = acme(LOOK, KITARU_PLUGINS_DISABLED="broken")
    shown = {(int(seq), kind) for seq, kind in seen(tmp_path)}
    return [one for one in json.loads(done.stdout) if tuple(one) not in shown]


READS = """
import kitaru
from kitaru.hooks import PluginCard, hookimpl

@hookimpl
def kitaru_plugin_card():
    return PluginCard(name="reader", hookspec=1)

@hookimpl
def kitaru_record_committed(record):
    print("read", kitaru.KitaruClient().executions.get(record.execution_id).flow_name, flush=True)
"""


def test_a_plugin_may_read_the_journal_that_is_just_being_opened(acme, site):
    site.install("reader-plugin", "1.0", "reader", READS)
    acme(RUN, KITARU_CRASH_AT="journal.after_commit:1", KITARU_PLUGINS_DISABLED="reader")
    assert "read ask" in acme(LOOK).stdout


@kitaru.checkpoint
def double(n):
    return 2 * n


@kitaru.flow
def add_up(count):
    return sum(double(n) for n in range(count))


@pytest.fixture
def observer(monkeypatch, tmp_path):
    """Register an observer in this process; return the list it fills, and the folder where debts are noted."""
    monkeypatch.setenv("KITARU_PLUGINS_AUTOLOAD", "0")
    monkeypatch.setenv("KITARU_STORE", str(tmp_path / "kitaru.db"))
    close_manager()
    records, answers = [], []

    class Watcher:
        @hookimpl
        def kitaru_plugin_card(self):
            return PluginCard(name="watcher", hookspec=1)

        @hookimpl
        def kitaru_record_committed(self, record):
            records.append(record)
            return answers.pop(0) if answers else None

    get_manager().register(Watcher(), name="watcher")
    yield records, answers, tmp_path / "kitaru.db.observers"
    close_all()
    close_manager()


def debts(folder):
    return [line for file in folder.iterdir() for line in file.read_text().splitlines()]


def test_an_execution_is_struck_out_when_it_has_come_to_rest(observer):
    _, _, folder = observer
    handle = add_up.run(2)
    handle.wait()
    live_run(handle.exec_id).done.wait(10)
    assert debts(folder) == [f"+{handle.exec_id} -1", f"-{handle.exec_id}"]


def test_a_long_run_moves_its_mark_now_and_then(observer):
    _, _, folder = observer
    handle = add_up.run(200)
    handle.wait()
    live_run(handle.exec_id).done.wait(10)
    assert 2 <= len([line for line in debts(folder) if line.startswith("+")]) <= 8


def test_a_record_that_is_still_being_delivered_is_owed_until_it_is(observer):
    _, answers, folder = observer
    busy = Future()
    answers.append(busy)
    handle = add_up.run(1)
    handle.wait()
    live_run(handle.exec_id).done.wait(10)
    assert debts(folder) == [f"+{handle.exec_id} -1"]
    busy.set_result(None)
    assert debts(folder)[-1] == f"-{handle.exec_id}"


def test_what_could_not_be_delivered_is_shown_again_when_the_journal_is_opened_next(observer):
    records, answers, folder = observer
    failed = Future()
    failed.set_exception(ConnectionError())
    answers.append(failed)
    add_up.run(1).wait()
    close_all()
    assert len(debts(folder)) == 1
    before = len(records)
    default_journal()
    assert [one.seq for one in records[before:]] == list(range(before))
    assert debts(folder)[-1].startswith("-")


def test_a_deleted_execution_is_owed_no_more(observer):
    _, answers, folder = observer
    failed = Future()
    failed.set_exception(ConnectionError())
    answers.append(failed)
    handle = add_up.run(1)
    handle.wait()
    live_run(handle.exec_id).done.wait(10)
    kitaru.KitaruClient().executions.delete(handle.exec_id)
    close_all()
    default_journal()
    close_all()
    assert list(folder.iterdir()) == []


def test_a_forked_child_does_not_keep_the_marks_of_its_parent(observer):
    _, answers, folder = observer
    answers.append(Future())
    add_up.run(1).wait()
    (file,) = folder.iterdir()
    child = os.fork()
    if child == 0:
        os._exit(any(path.samefile(file) for path in Path("/proc/self/fd").iterdir() if path.exists()))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_marks_of_the_dead_are_left_to_a_process_whose_plugins_are_sound(observer, monkeypatch):
    _, _, folder = observer
    folder.mkdir(exist_ok=True)
    left = folder / "of-a-dead-process"
    left.touch()
    monkeypatch.setattr("kitaru.engine.observing.plugins_if_sound", lambda: None)
    close_all()
    default_journal()
    with left.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)

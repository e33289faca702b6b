"""Journal files that are damaged, foreign, newer, read-only or full: said clearly, and never made worse."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
import subprocess

import pytest

from kitaru import KitaruClient, checkpoint, flow
from kitaru.errors import KitaruError, KitaruJournalError
from kitaru.journal.registry import close_all, open_journal
from kitaru.journal.schema import SCHEMA_VERSION


@checkpoint
def step(x):
    return x


@flow
def steps(n):
    return [step(i) for i in range(n)]


@pytest.fixture
def written(store):
    """A journal with one finished execution, closed."""
    handle = steps.run(3)
    handle.wait(10)
    close_all()
    return store, handle.exec_id


def refused(store):
    before = store.read_bytes()
    with pytest.raises(KitaruJournalError) as caught:
        KitaruClient().executions.list()
    close_all()
    assert store.read_bytes() == before
    return caught.value


def test_a_text_file_is_no_journal_and_stays_as_it_is(store):
    store.parent.mkdir(parents=True)
    store.write_text("my precious notes, longer than a database header is, which makes them look like one" * 3)
    error = refused(store)
    assert (error.reason, "KITARU_STORE" in str(error)) == ("foreign", True)


def test_a_database_of_another_program_stays_as_it_is(store):
    store.parent.mkdir(parents=True)
    with sqlite3.connect(store) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    connection.close()
    assert refused(store).reason == "foreign"


def test_a_journal_of_a_newer_version_says_to_upgrade(written):
    store, _ = written
    connection = sqlite3.connect(store)
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    connection.close()
    error = refused(store)
    assert (error.reason, "Upgrade kitaru" in str(error)) == ("newer", True)


def test_a_truncated_journal_is_damaged(written):
    store, _ = written
    store.write_bytes(store.read_bytes()[: store.stat().st_size // 2])
    assert refused(store).reason == "corrupt"


def test_a_damaged_page_is_reported_as_damage(written):
    store, exec_id = written
    data = bytearray(store.read_bytes())
    data[4096:] = b"\xa5" * (len(data) - 4096)
    store.write_bytes(data)
    with pytest.raises(KitaruJournalError) as caught:
        KitaruClient().executions.get(exec_id)
    assert caught.value.reason == "corrupt"


def test_a_journal_is_private_to_its_user(written):
    store, _ = written
    assert stat.S_IMODE(store.stat().st_mode) == 0o600
    assert stat.S_IMODE(store.parent.stat().st_mode) == 0o700


def test_a_full_disk_fails_the_append_and_loses_nothing_of_what_was_there(store, monkeypatch):
    handle = steps.run(2)
    handle.wait(10)
    journal = open_journal(str(store))
    pages = journal._journal._commit.connection.execute("PRAGMA page_count").fetchone()[0]
    journal._journal._commit.connection.execute(f"PRAGMA max_page_count = {pages}")
    full = steps.run(400)
    with pytest.raises(KitaruError, match="space"):
        full.wait(20)
    assert handle.get() == [0, 1]


@pytest.fixture
def read_only(tmp_path):
    """A folder with a journal in it on which nothing can be written, not even by root."""
    folder = tmp_path / "frozen"
    folder.mkdir()
    as_root = os.geteuid() == 0
    if as_root:
        subprocess.run(["mount", "-t", "tmpfs", "kitaru", str(folder)], check=True)  # noqa: S607 - the system's own
    open_journal(str(folder / "k.db"))
    close_all()
    freeze = ["mount", "-o", "remount,ro", str(folder)] if as_root else ["chmod", "-R", "a-w", str(folder)]
    subprocess.run(freeze, check=True)
    yield folder / "k.db"
    close_all()
    subprocess.run(["umount", str(folder)] if as_root else ["chmod", "-R", "u+w", str(folder)], check=True)


def test_a_store_on_a_read_only_disk_says_so(read_only):
    with pytest.raises(KitaruJournalError, match="read-only") as caught:
        KitaruClient(store=str(read_only))
    assert caught.value.reason == "readonly"


def test_a_read_only_store_is_told_from_other_trouble(written, monkeypatch):
    store, _ = written
    connection = sqlite3.connect(f"file:{store}?mode=ro", uri=True)
    from kitaru.journal.faults import journal_error

    with pytest.raises(sqlite3.OperationalError) as caught:
        connection.execute("DELETE FROM records")
    connection.close()
    assert journal_error(caught.value, "sqlite:///x").reason == "readonly"


def test_verify_accepts_a_whole_history_and_finds_a_flipped_byte(written):
    store, exec_id = written
    assert KitaruClient().executions.verify(exec_id).is_intact
    close_all()
    connection = sqlite3.connect(store)
    key, body = connection.execute("SELECT key, body FROM records ORDER BY key LIMIT 1 OFFSET 2").fetchone()
    flipped = bytes([body[20] ^ 1])
    connection.execute("UPDATE records SET body = ? WHERE key = ?", (body[:20] + flipped + body[21:], key))
    connection.commit()
    connection.close()
    found = KitaruClient().executions.verify(exec_id)
    assert (found.is_intact, found.seq) == (False, 2)


def test_verify_finds_an_altered_value(written):
    store, exec_id = written
    connection = sqlite3.connect(store)
    connection.execute(
        "UPDATE records SET payload = x'37' WHERE payload IS NOT NULL AND key = (SELECT max(key) - 1 FROM records)"
    )
    connection.commit()
    connection.close()
    assert "value" in KitaruClient().executions.verify(exec_id).fault


def test_verify_finds_a_missing_record(written):
    store, exec_id = written
    connection = sqlite3.connect(store)
    connection.execute("DELETE FROM records WHERE key = (SELECT min(key) + 1 FROM records)")
    connection.commit()
    connection.close()
    assert "missing" in KitaruClient().executions.verify(exec_id).fault


def test_memory_journals_keep_nothing(monkeypatch, client):
    monkeypatch.setenv("KITARU_STORE", "memory:test")
    handle = steps.run(2)
    assert handle.wait(10) == [0, 1]
    close_all()
    assert KitaruClient().executions.list() == []


def test_an_unknown_scheme_lists_the_known_ones(monkeypatch):
    monkeypatch.setenv("KITARU_STORE", "carrier-pigeon://coop")
    with pytest.raises(ValueError, match="sqlite"):
        KitaruClient()


def test_a_journal_that_cannot_write_its_last_live_events_closes_nevertheless(store, caplog):
    handle = steps.run(1)
    handle.wait(10)
    journal = open_journal(str(store))
    with contextlib.closing(sqlite3.connect(store, timeout=10)) as database:
        database.execute("DROP TABLE events")
    journal.publish(handle.exec_id, "progress", b"{}")
    close_all()
    assert "live events" in caplog.text
    assert not store.with_name(f"{store.name}-wal").exists()  # it goes with the last connection


def test_a_folder_and_a_place_under_a_file_are_told_as_what_they_are(tmp_path):
    with pytest.raises(KitaruJournalError, match=r"that is a folder.*kitaru\.db"):
        open_journal(str(tmp_path))
    (tmp_path / "file").touch()
    with pytest.raises(KitaruJournalError, match="file is a file"):
        open_journal(str(tmp_path / "file" / "kitaru.db"))

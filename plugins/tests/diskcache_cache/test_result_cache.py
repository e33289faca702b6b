"""The result cache: raw bytes in a private folder, and nothing hostile gets out of it."""

from __future__ import annotations

import os
import pickle
import sqlite3
import stat
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from diskcache import Cache

from kitaru.errors import KitaruUsageError
from kitaru.hooks import HookManager
from kitaru_plugins.diskcache_cache import plugin
from kitaru_plugins.diskcache_cache.cache import DiskResultCache
from kitaru_plugins.diskcache_cache.disk import BytesDisk, ForeignEntryError

LARGE = b"x" * 100_000


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "results"


@pytest.fixture
def cache(folder):
    found = DiskResultCache(folder)
    yield found
    found.close()


class Bomb:
    """Creates a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def change_row(folder, statement, *values):
    with sqlite3.connect(folder / "cache.db") as database:
        database.execute(statement, values)
    database.close()


def test_the_plugin_offers_the_cache(folder):
    manager = HookManager()
    manager.register(plugin, name="diskcache")
    opened = manager.result_caches()["diskcache"].load()(folder)
    opened.put("key", b"value")
    assert opened.get("key") == b"value"
    opened.close()


@pytest.mark.parametrize("data", [b"", b"small", LARGE])
def test_bytes_come_back_as_they_went_in_also_after_reopening(folder, cache, data):
    cache.put("key", data)
    again = DiskResultCache(folder)
    assert (cache.get("key"), again.get("key")) == (data, data)
    again.close()


def test_what_is_not_there_is_a_miss(cache):
    assert cache.get("nothing") is None
    assert not cache.discard("nothing")


def test_entries_are_replaced_discarded_and_cleared(cache):
    cache.put("a", b"1")
    cache.put("a", b"2")
    cache.put("b", LARGE)
    assert cache.get("a") == b"2"
    assert cache.discard("a")
    assert cache.clear() == 1
    assert cache.get("b") is None


def test_the_folder_is_private(folder):
    DiskResultCache(folder).close()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_folder_that_is_open_to_others_is_closed(folder):
    folder.mkdir(mode=0o777)
    DiskResultCache(folder).close()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_folder_that_is_a_link_is_refused(tmp_path, folder):
    (tmp_path / "elsewhere").mkdir()
    folder.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(KitaruUsageError, match="a link or belongs to another user"):
        DiskResultCache(folder)


def test_a_folder_whose_name_would_be_expanded_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("PLACE", "elsewhere")
    with pytest.raises(KitaruUsageError, match="would expand that name"):
        DiskResultCache(tmp_path / "$PLACE")


@pytest.mark.parametrize("large", [False, True])
def test_a_planted_pickle_is_a_miss_runs_nothing_and_is_removed(tmp_path, folder, cache, caplog, large):
    marker = tmp_path / "exploded"
    cache.put("key", LARGE if large else b"value")
    bomb = pickle.dumps(Bomb(marker))
    if large:
        (name,) = folder.glob("*/*/*.val")
        name.write_bytes(bomb)
        change_row(folder, "UPDATE Cache SET mode = 4")
    else:
        change_row(folder, "UPDATE Cache SET mode = 4, value = ?", bomb)
    assert cache.get("key") is None
    assert not marker.exists()
    assert "did not write" in caplog.text
    assert cache.clear() == 0


def test_a_pickle_planted_through_diskcache_itself_is_a_miss(tmp_path, folder, cache):
    marker = tmp_path / "exploded"
    with Cache(str(folder)) as hostile:
        hostile.set("key", Bomb(marker))
    assert cache.get("key") is None
    assert not marker.exists()


def test_a_row_cannot_name_a_file_outside_the_cache(tmp_path, folder, cache):
    secret = tmp_path / "secret"
    secret.write_bytes(b"private")
    cache.put("key", LARGE)
    change_row(folder, "UPDATE Cache SET filename = '../secret'")
    assert cache.get("key") is None
    cache.clear()
    assert secret.read_bytes() == b"private"


def test_a_file_of_the_cache_that_was_replaced_by_a_link_is_not_followed(tmp_path, folder, cache):
    secret = tmp_path / "secret"
    secret.write_bytes(b"private")
    cache.put("key", LARGE)
    (name,) = folder.glob("*/*/*.val")
    name.unlink()
    name.symlink_to(secret)
    assert cache.get("key") is None
    assert secret.exists()


@pytest.mark.parametrize("damage", ["UPDATE Cache SET value = substr(value, 1, 60)", "UPDATE Cache SET key = 'other'"])
def test_an_entry_that_is_damaged_or_moved_is_a_miss(folder, cache, damage):
    cache.put("key", b"value" * 10)
    change_row(folder, damage)
    assert cache.get("key") is None
    assert cache.get("other") is None


def test_a_file_that_is_gone_is_a_miss(folder, cache):
    cache.put("key", LARGE)
    for name in folder.glob("*/*/*.val"):
        name.unlink()
    assert cache.get("key") is None


@pytest.mark.parametrize("value", ["text", 7, {"a": 1}, None])
def test_nothing_but_bytes_is_written(tmp_path, value):
    disk = BytesDisk(str(tmp_path))
    with pytest.raises(ForeignEntryError, match="would have to be pickled"):
        disk.store(value, read=False)
    with pytest.raises(ForeignEntryError, match="would have to be pickled"):
        disk.put((value,))


def test_a_database_that_cannot_be_used_fails_no_run(folder, cache, caplog):
    cache.put("key", b"value")
    change_row(folder, "DROP TABLE Cache")
    assert cache.get("key") is None
    cache.put("key", b"value")
    assert "could not be written" in caplog.text


def test_a_cache_that_cannot_be_opened_again_leaves_no_thread_and_opens_later(tmp_path, folder, cache):
    cache.put("key", b"value")
    cache.close()
    aside = folder.rename(tmp_path / "aside")
    folder.write_text("in the way")
    assert cache.get("key") is None
    assert "kitaru-results" not in {thread.name for thread in threading.enumerate()}
    folder.unlink()
    aside.rename(folder)
    assert cache.get("key") == b"value"


def test_the_least_recently_used_results_leave_a_full_cache(folder):
    cache = DiskResultCache(folder, size_limit=2_000_000)
    for number in range(30):
        cache.put(f"key{number}", LARGE)
    assert cache.get("key29") == LARGE
    assert cache.get("key0") is None
    cache.close()


def test_many_threads_use_one_cache(cache):
    def work(number):
        key = f"key{number % 5}"
        cache.put(key, key.encode())
        return cache.get(key) == key.encode()

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(80)))


def test_a_cache_opened_before_a_fork_works_after_it(cache):
    cache.put("key", b"value")
    child = os.fork()
    if child == 0:
        os._exit(0 if cache.get("key") == b"value" else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0

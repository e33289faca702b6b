"""The file store: whole or not there, private, and never believed without looking."""

from __future__ import annotations

import hashlib
import os
import stat
import subprocess
import sys
import time

import pytest

from kitaru.artifacts.api import ArtifactStore
from kitaru.artifacts.local import LocalArtifactStore
from kitaru.errors import KitaruBackendError, KitaruNotFoundError, KitaruUsageError


@pytest.fixture
def store(tmp_path):
    return LocalArtifactStore(tmp_path / "deep" / "store")


def file_of(store, digest):
    return store.root / digest[:2] / digest[2:]


@pytest.mark.parametrize("data", [b"", b"x", os.urandom(3_000_000)], ids=len)
def test_bytes_come_back_under_their_digest(store, data):
    digest = store.put(data)
    assert digest == hashlib.sha256(data).hexdigest()
    assert store.get(digest) == data
    assert store.has(digest)


def test_it_is_an_artifact_store(store):
    assert isinstance(store, ArtifactStore)


def test_the_same_bytes_are_kept_once(store):
    digest = store.put(b"same")
    before = file_of(store, digest).stat()
    assert store.put(b"same") == digest
    assert file_of(store, digest).stat().st_ino == before.st_ino
    assert list(store.digests()) == [digest]


def test_nothing_is_readable_by_others_whatever_the_umask(tmp_path):
    before = os.umask(0)
    try:
        LocalArtifactStore(tmp_path / "store").put(b"x")
    finally:
        os.umask(before)
    modes = {path.is_dir(): stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "store").rglob("*")}
    assert modes == {True: 0o700, False: 0o600}
    assert stat.S_IMODE((tmp_path / "store").stat().st_mode) == 0o700


def test_deleting_says_whether_there_was_anything(store):
    digest = store.put(b"x")
    assert store.delete(digest)
    assert not store.delete(digest)
    assert not store.has(digest)
    with pytest.raises(KitaruNotFoundError, match=digest):
        store.get(digest)


@pytest.mark.parametrize("content", [b"", b"tampered"])
def test_a_damaged_file_is_never_handed_out_and_the_next_put_mends_it(store, content):
    digest = store.put(b"precious")
    file_of(store, digest).write_bytes(content)
    with pytest.raises(KitaruBackendError, match="damaged"):
        store.get(digest)
    store.put(b"precious")
    assert store.get(digest) == b"precious"


@pytest.mark.parametrize("digest", ["", "../../etc/passwd", "A" * 64, "a" * 63, "a" * 64 + "\n"])
def test_only_a_digest_is_taken(store, digest):
    for method in (store.get, store.has, store.delete):
        with pytest.raises(KitaruUsageError, match="not a SHA-256 digest"):
            method(digest)


def test_a_link_is_not_followed(store, tmp_path):
    digest = store.put(b"x")
    (tmp_path / "elsewhere").write_bytes(b"x")
    file_of(store, digest).unlink()
    file_of(store, digest).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(KitaruBackendError):
        store.get(digest)


KILLED = """
import os, signal, sys
from kitaru.artifacts import local
def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)
setattr(local, sys.argv[2], die)
local.LocalArtifactStore(sys.argv[1]).put(b"half" * 1000)
"""


def test_a_writer_killed_before_the_data_is_synced_leaves_nothing_visible(store):
    done = subprocess.run([sys.executable, "-c", KILLED, str(store.root), "_sync_data"], check=False)
    assert done.returncode == -9
    assert list(store.digests()) == []
    assert len(list((store.root / "incoming").iterdir())) == 1
    assert store.get(store.put(b"half" * 1000)) == b"half" * 1000


def test_what_dead_writers_left_is_swept_and_what_is_fresh_stays(store):
    old, fresh = store.root / "incoming" / "old", store.root / "incoming" / "fresh"
    for path in (old, fresh):
        path.write_bytes(b"x")
    os.utime(old, (time.time() - 90_000,) * 2)
    digest = store.put(b"kept")
    assert store.sweep() == 1
    assert fresh.exists()
    assert store.has(digest)


def test_a_disk_that_refuses_is_an_error_that_says_what_to_do(store):
    (store.root / hashlib.sha256(b"x").hexdigest()[:2]).write_bytes(b"in the way")
    with pytest.raises(KitaruBackendError, match="Free some space or check the folder"):
        store.put(b"x")
    assert list((store.root / "incoming").iterdir()) == []


def test_every_byte_is_synced_before_it_is_visible_and_the_folder_after(store, monkeypatch):
    steps = []
    sync, rename, fsync = os.fdatasync, os.replace, os.fsync
    monkeypatch.setattr("kitaru.artifacts.local._sync_data", lambda file: (steps.append("data"), sync(file)))
    monkeypatch.setattr(os, "replace", lambda *names: (steps.append("rename"), rename(*names)))
    store.put(b"warm the folder")
    steps.clear()
    monkeypatch.setattr(os, "fsync", lambda file: (steps.append("folder"), fsync(file)))
    store.put(b"x")
    assert steps[-3:] == ["data", "rename", "folder"]


def test_a_folder_that_cannot_be_made_is_an_error_of_the_store(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(KitaruBackendError, match="another folder"):
        LocalArtifactStore(tmp_path / "file" / "store")

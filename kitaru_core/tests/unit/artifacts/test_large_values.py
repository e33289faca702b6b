"""Values of many megabytes stand beside the journal, and behave like any other."""

from __future__ import annotations

import asyncio
import hashlib

import pytest

import kitaru
from kitaru import checkpoint, flow
from kitaru.artifacts.local import LocalArtifactStore
from kitaru.engine.journals import default_journal
from kitaru.engine.large_values import LargeValues
from kitaru.errors import KitaruJournalError
from kitaru.journal.registry import close_all

SIZE = 5 << 20


@checkpoint
def fetch(letter):
    return letter.encode() * SIZE


@checkpoint
async def fetch_async(letter):
    return letter.encode() * SIZE


@checkpoint
def keep():
    kitaru.save("scan", b"s" * SIZE)


@flow
def measure(letter="x"):
    return len(fetch(letter))


@flow
async def measure_async():
    first, second = await asyncio.gather(fetch_async("y"), fetch_async("z"))
    return len(first) + len(second)


@flow
def echo(data):
    keep()
    return data


@pytest.fixture
def beside(store):
    """The folder beside the journal; a function that lists the sizes of what is in it."""
    folder = store.with_name("kitaru.db.artifacts")
    return lambda: sorted(path.stat().st_size for path in folder.glob("??/*"))


def call_of(client, handle):
    (call,) = client.executions.get(handle.exec_id).checkpoints
    return call


def test_a_large_value_stands_in_a_private_file_named_by_its_digest(client, store, beside):
    handle = measure.run()
    assert handle.wait() == SIZE
    assert beside() == [SIZE]
    digest = hashlib.sha256(b"x" * SIZE).hexdigest()
    file = store.with_name("kitaru.db.artifacts") / digest[:2] / digest[2:]
    assert file.stat().st_mode & 0o077 == 0
    assert store.stat().st_size < 1 << 20
    assert call_of(client, handle).artifacts[0].load() == b"x" * SIZE


def test_equal_values_of_several_executions_stand_there_once_until_the_last_one_goes(client, beside):
    first, second = measure.run(), measure.run()
    assert first.wait() == second.wait()
    assert beside() == [SIZE]
    client.executions.delete(first.exec_id)
    assert beside() == [SIZE]
    client.executions.delete(second.exec_id)
    assert beside() == []


def test_inputs_results_and_saved_artifacts_stand_there_as_well(beside):
    handle = echo.run(b"i" * SIZE)
    assert handle.wait() == b"i" * SIZE
    # The inputs stand in one document, where bytes are written as text.
    saved, result, inputs = beside()
    assert (saved, result) == (SIZE, SIZE)
    assert inputs > SIZE


def test_concurrent_asynchronous_calls_keep_theirs(beside):
    assert measure_async.run().wait() == 2 * SIZE
    assert beside() == [SIZE, SIZE]


def test_a_history_with_a_large_value_is_verified_archived_and_brought_back(client, beside, tmp_path):
    handle = measure.run()
    handle.wait()
    assert client.executions.verify(handle.exec_id).fault is None
    client.executions.export(handle.exec_id, tmp_path / "one.zip")
    client.executions.delete(handle.exec_id)
    assert beside() == []
    client.executions.import_(tmp_path / "one.zip")
    assert beside() == [SIZE]
    assert call_of(client, handle).artifacts[0].load() == b"x" * SIZE


def test_a_file_that_is_lost_or_altered_is_an_error_that_names_the_store(client, store):
    handle = measure.run()
    handle.wait()
    (file,) = store.with_name("kitaru.db.artifacts").glob("??/*")
    file.write_bytes(b"y" * SIZE)
    with pytest.raises(KitaruJournalError, match=r"kitaru.db.artifacts'.*KITARU_ARTIFACT_STORE"):
        call_of(client, handle).artifacts[0].load()
    assert client.executions.verify(handle.exec_id).fault is not None
    client.executions.delete(handle.exec_id)


def test_another_folder_can_be_named(monkeypatch, tmp_path, beside):
    monkeypatch.setenv("KITARU_ARTIFACT_STORE", f"file://{tmp_path}/large")
    close_all()
    measure.run().wait()
    assert beside() == []
    assert [path.stat().st_size for path in (tmp_path / "large").glob("??/*")] == [SIZE]


def test_a_journal_in_memory_keeps_everything_itself(monkeypatch):
    monkeypatch.setenv("KITARU_STORE", "memory:large")
    handle = measure.run()
    assert handle.wait() == SIZE
    assert default_journal().url == "memory:"


def test_a_value_recorded_anew_while_it_is_forgotten_stays(client, store, beside, monkeypatch):
    first = measure.run()
    first.wait()
    large = default_journal()._large
    held = large._opened()
    monkeypatch.setattr(held, "delete", lambda digest: type(held).delete(held, digest) and bool(measure.run().wait()))
    client.executions.delete(first.exec_id)
    assert beside() == [SIZE]


class Locked:
    """A journal that cannot be read now."""

    url = "sqlite:///nowhere.db"

    def blob(self, digest):
        raise KitaruJournalError(digest, url=self.url, reason="locked")


def test_values_are_not_removed_while_it_cannot_be_seen_whether_they_are_used(tmp_path, monkeypatch):
    monkeypatch.setenv("KITARU_ARTIFACT_STORE", f"file://{tmp_path}")
    digest = LocalArtifactStore(tmp_path).put(b"still in use")
    LargeValues(Locked()).forget([digest])
    assert LocalArtifactStore(tmp_path).get(digest) == b"still in use"

"""Taking executions out of a store and bringing them back, deleting and pruning them."""

from __future__ import annotations

import stat
import time
import uuid
import zipfile
from datetime import timedelta
from hashlib import sha256

import pytest

from kitaru import (
    KitaruClient,
    KitaruNotFoundError,
    KitaruStateError,
    KitaruUsageError,
    checkpoint,
    flow,
    save,
    seam,
    wait,
)
from kitaru.engine.journals import default_journal
from kitaru.errors import KitaruJournalError
from kitaru.journal.api import StoredRecord
from kitaru.operating.keeping import Keeping
from kitaru.records.facts import (
    ExecutionFinished,
    ExecutionStarted,
    RunnerStarted,
    WaitAborted,
    WaitOpened,
    encode_fact,
)
from kitaru.records.failure import Failure

LONG = "x" * 100_000


@checkpoint
def makes(text):
    save("note", {"text": text})
    return text


@flow
def stores(text):
    return makes(text), makes("short")


@flow
def asks():
    wait(name="go", timeout=0)


FAILING = []


@flow
def fails_late():
    """Makes one more call each time it is continued."""
    for place in range(5):
        makes(str(place))
        if FAILING and place >= len(FAILING):
            FAILING.append(True)
            raise ValueError(place)


@pytest.fixture
def exec_id():
    handle = stores.run(LONG)
    handle.wait(10)
    return handle.exec_id


@pytest.fixture
def archive(client, exec_id, tmp_path):
    return client.executions.export(exec_id, tmp_path / "one.zip")


@pytest.fixture
def elsewhere(tmp_path):
    return KitaruClient(store=str(tmp_path / "other" / "other.db"))


def test_an_archive_brings_everything_to_another_store(archive, exec_id, elsewhere):
    assert elsewhere.executions.import_(archive) == exec_id
    execution = elsewhere.executions.get(exec_id)
    assert (execution.status, execution.result()[1]) == ("completed", "short")
    assert [one.load() for one in execution.artifacts] == [LONG, {"text": LONG}, "short", {"text": "short"}]
    assert elsewhere.executions.verify(exec_id).is_intact


@flow
def talks():
    """Two model calls in one conversation: short and long messages, an answer that is said again, saved prompts."""
    talk = [{"role": "system", "content": "be short"}, {"role": "user", "content": LONG}]

    def ask(call):
        call.save_messages("prompt", talk)
        return {"role": "assistant", "content": f"answer {len(talk)}"}

    for number in range(2):
        unit = seam.Unit(name="ask", key=str(number), adapter="tests", history=talk)
        talk = [*talk, seam.run_unit(unit, ask).value, {"role": "user", "content": "go on"}]


def test_a_conversation_can_be_archived(client, elsewhere, tmp_path):
    handle = talks.run()
    handle.wait(10)
    elsewhere.executions.import_(client.executions.export(handle.exec_id, tmp_path / "talk.zip"))
    here, there = client.executions.verify(handle.exec_id), elsewhere.executions.verify(handle.exec_id)
    assert (there.is_intact, there.payloads, there.head) == (True, here.payloads, here.head)
    first, second = (one.load() for one in elsewhere.artifacts.list(handle.exec_id, name="prompt"))
    assert (len(first), second[:3]) == (2, [*first, {"role": "assistant", "content": "answer 2"}])


def test_a_replay_can_be_archived_alone(client, exec_id, elsewhere, tmp_path):
    replay = stores.replay(exec_id, from_="makes_2", overrides={"checkpoint.makes#1": LONG + "y"})
    replay.wait(10)
    elsewhere.executions.import_(client.executions.export(replay.exec_id, tmp_path / "two.zip"))
    assert elsewhere.executions.get(replay.exec_id).result()[0] == LONG + "y"


def test_a_waiting_execution_goes_on_where_it_was_brought(client, elsewhere, tmp_path):
    handle = flow(lambda: wait(name="go", timeout=0)).run()
    client.executions.wait(handle.exec_id, timeout=10)
    elsewhere.executions.import_(client.executions.export(handle.exec_id, tmp_path / "two.zip"))
    assert [one.name for one in elsewhere.executions.pending_waits(handle.exec_id)] == ["go"]


def test_an_archive_is_private_and_never_overwrites(client, archive, exec_id):
    assert stat.S_IMODE(archive.stat().st_mode) == 0o600
    before = archive.read_bytes()
    with pytest.raises(KitaruUsageError, match="does not exist"):
        client.executions.export(exec_id, archive)
    assert archive.read_bytes() == before


def test_nothing_is_left_of_an_export_that_cannot_be(client, tmp_path):
    with pytest.raises(KitaruNotFoundError):
        client.executions.export("nope", tmp_path / "none.zip")
    assert not (tmp_path / "none.zip").exists()


def test_what_is_here_is_not_imported_over(client, archive):
    with pytest.raises(KitaruStateError, match="here already"):
        client.executions.import_(archive)


def rewritten(archive, change):
    """Return an archive whose members went through a function; it returns `None` to leave one out."""
    target = archive.with_name("changed.zip")
    with zipfile.ZipFile(archive) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            found = change(name, old.read(name))
            if found is not None:
                new.writestr(*found)
    return target


def first_is(prefix, result):
    return lambda name, data: result(name, data) if name.startswith(prefix) else (name, data)


DAMAGES = {
    "a record is altered": first_is("records/00000001", lambda name, data: (name, data.replace(b"makes", b"takes"))),
    "the last record is cut off": first_is("records/00000005", lambda _name, _data: None),
    "a record is missing": first_is("records/00000002", lambda _name, _data: None),
    "a value is altered": first_is("blobs/", lambda name, data: (name, b"y" + data[1:])),
    "a value is missing": first_is("blobs/", lambda _name, _data: None),
    "a payload is altered": first_is("payloads/", lambda name, data: (name, data + b" ")),
    "a path leads out": first_is("records/00000002", lambda _name, data: ("../../evil", data)),
    "the manifest is none": first_is("manifest", lambda name, _data: (name, b"[]")),
    "the id is a path": first_is(
        "manifest", lambda name, _: (name, b'{"format":1,"execution_id":"../x","records":1,"head":""}')
    ),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=list(DAMAGES))
def test_a_damaged_archive_is_refused_and_nothing_is_imported(archive, elsewhere, damage, tmp_path):
    with pytest.raises(KitaruJournalError, match="damaged"):
        elsewhere.executions.import_(rewritten(archive, damage))
    assert elsewhere.executions.list() == []
    assert not list(tmp_path.rglob("evil"))


def test_an_archive_packed_in_another_way_is_refused_before_anything_is_unpacked(archive, elsewhere):
    target = archive.with_name("packed.zip")
    with zipfile.ZipFile(archive) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_LZMA) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
    with pytest.raises(KitaruJournalError, match="packed"):
        elsewhere.executions.import_(target)
    assert elsewhere.executions.list() == []


def forged(*facts):
    """Return records that follow each other as their hashes say, whatever they say themselves."""
    records, head = [], b"\0" * 32
    for seq, fact in enumerate(facts):
        body = encode_fact(fact)
        head = sha256(head + body).digest()
        records.append(StoredRecord(seq, body, head, None))
    return records


@pytest.mark.parametrize("how", ["answered", "asked"])
def test_an_archive_cannot_touch_what_another_execution_waits_for(client, how):
    (pending,) = asks_once(client)
    name = str(uuid.uuid4())
    started = ExecutionStarted(at=0.0, execution_id=name, flow="f", module="m", qualname="f")
    facts = {
        "answered": WaitAborted(at=1.0, wait_id=pending.wait_id, name=pending.name, void=True),
        "asked": WaitOpened(at=1.0, wait_id=pending.wait_id, name=pending.name, base_name=pending.name),
    }
    with pytest.raises(KitaruJournalError, match="damaged"):
        default_journal().import_records(name, forged(started, facts[how]), [])
    assert [one.wait_id for one in client.waits.list()] == [pending.wait_id]


def test_a_failure_whose_origin_is_of_a_later_release_is_shown(client):
    name = str(uuid.uuid4())
    started = ExecutionStarted(at=0.0, execution_id=name, flow="f", module="m", qualname="f")
    failure = Failure(message="m", type="builtins:ValueError", origin="elsewhere")
    ended = ExecutionFinished(at=1.0, status="failed", failure=failure)
    default_journal().import_records(name, forged(started, ended), [])
    assert [one.failure.origin for one in client.executions.list()] == ["unknown"]


def asks_once(client):
    asks.run()
    while not (found := client.waits.list()):
        time.sleep(0.01)
    return found


@pytest.mark.parametrize("generation", [0, 1 << 28, 1 << 70])
def test_an_archive_with_a_runner_that_cannot_have_been_is_refused(generation):
    name = str(uuid.uuid4())
    started = ExecutionStarted(at=0.0, execution_id=name, flow="f", module="m", qualname="f")
    runner = RunnerStarted(at=1.0, generation=generation, reason="retry")
    with pytest.raises(KitaruJournalError, match="damaged"):
        default_journal().import_records(name, forged(started, runner), [])


def test_calls_of_an_imported_execution_never_get_the_ids_of_earlier_ones(client, elsewhere, tmp_path):
    FAILING[:] = [True]
    exec_id = fails_late.run().exec_id
    for _ in range(2):
        client.executions.wait(exec_id, timeout=10)
        client.executions.retry(exec_id, block=True)
    elsewhere.executions.import_(client.executions.export(exec_id, tmp_path / "late.zip"))
    FAILING[:] = []
    elsewhere.executions.retry(exec_id, block=True)
    execution = elsewhere.executions.get(exec_id)
    assert execution.status == "completed"
    assert len({call.call_id for call in execution.checkpoints}) == len(execution.checkpoints) == 5


def test_an_archive_that_unpacks_to_too_much_is_refused(archive, elsewhere):
    assert archive.stat().st_size < 50_000
    with pytest.raises(KitaruUsageError, match="max_bytes"):
        elsewhere.executions.import_(archive, max_bytes=50_000)


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 broken"])
def test_other_files_are_no_archives(elsewhere, tmp_path, content):
    other = tmp_path / "other.zip"
    other.write_bytes(content)
    with pytest.raises(KitaruUsageError, match="archive"):
        elsewhere.executions.import_(other)


def test_archives_of_later_formats_name_the_version_to_use(archive, elsewhere):
    later = first_is("manifest", lambda name, data: (name, data.replace(b'"format":1', b'"format":9')))
    with pytest.raises(KitaruUsageError, match="format 9"):
        elsewhere.executions.import_(rewritten(archive, later))


def test_a_deleted_execution_is_gone(client, exec_id):
    client.executions.delete(exec_id)
    with pytest.raises(KitaruNotFoundError):
        client.executions.get(exec_id)


def runs(n):
    handles = [stores.run(str(one)) for one in range(n)]
    for handle in handles:
        handle.wait(10)
    return [handle.exec_id for handle in handles]


def test_pruning_keeps_the_newest(client):
    ids = runs(4)
    assert client.executions.prune(keep=1, dry_run=True) == ids[2::-1]
    assert client.executions.prune(keep=1) == ids[2::-1]
    assert [one.exec_id for one in client.executions.list()] == ids[3:]


def test_pruning_by_age_leaves_what_is_young(client):
    ids = runs(2)
    assert client.executions.prune(older_than=timedelta(hours=1)) == []
    assert client.executions.prune(older_than=timedelta(), flow="other") == []
    assert client.executions.prune(older_than=timedelta()) == ids[::-1]


def test_pruning_leaves_what_may_still_go_on(client, exec_id):
    handle = flow(lambda: wait(name="go", timeout=0)).run()
    client.executions.wait(handle.exec_id, timeout=10)
    assert client.executions.prune(keep=0) == [exec_id]
    assert client.executions.get(handle.exec_id).status == "waiting"


@pytest.mark.parametrize("wrong", [{}, {"keep": -1}, {"keep": True}, {"older_than": 5}, {"older_than": -timedelta(1)}])
def test_pruning_needs_a_limit_that_can_be(client, wrong):
    with pytest.raises(KitaruUsageError):
        client.executions.prune(**wrong)


class TakenUp:
    """A journal in which somebody takes up executions just before they are to be deleted."""

    def __init__(self, journal, taken):
        self._journal, self._taken = journal, taken

    def __getattr__(self, name):
        return getattr(self._journal, name)

    def delete(self, execution_id):
        if execution_id in self._taken:
            raise KitaruStateError(execution_id)
        self._journal.delete(execution_id)


def test_pruning_goes_on_after_one_that_was_taken_up_meanwhile():
    oldest, middle, newest = runs(3)
    assert Keeping(TakenUp(default_journal(), {middle})).prune(keep=0) == [newest, oldest]

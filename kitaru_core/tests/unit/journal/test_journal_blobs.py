"""What is stored of bytes that have much in common, and that all of them come back."""

from __future__ import annotations

import json
import random
import sqlite3
import zlib
from hashlib import sha256

import pytest

from kitaru.journal.api import ExecutionRow
from kitaru.journal.blobs import load_blob, store_blob
from kitaru.journal.packing import pack, unpack
from kitaru.journal.retention import delete_execution
from kitaru.journal.schema import MIGRATIONS

RANDOM = random.Random(3)  # noqa: S311 - filler, not a secret


def words(size):
    return "".join(RANDOM.choices("abcdefghijklmnopqrstuvwxyz    ", k=size))


def message(text, number=0):
    return json.dumps({"role": "tool", "id": f"call-{number}", "content": text}).encode()


@pytest.fixture
def database():
    connection = sqlite3.connect(":memory:")
    for script in MIGRATIONS:
        connection.executescript(script)
    yield connection
    connection.close()


def keep(database, data, *, no=1, packed=True):
    digest = sha256(data).hexdigest()
    store_blob(database, no, digest, data, packed=packed)
    return digest


def stored_bytes(database):
    return database.execute("SELECT ifnull(sum(length(data)), 0) FROM blobs").fetchone()[0]


def delete(database, no):
    row = ExecutionRow(
        no=no,
        id=str(no),
        flow="f",
        status="completed",
        status_reason=None,
        stack=None,
        original_id=None,
        created_at=0,
        started_at=None,
        ended_at=None,
        generation=1,
        attached=False,
        runner_lost=False,
        cancel_requested=False,
        summary={},
        open_waits=0,
        records=0,
    )
    delete_execution(database, row)


@pytest.mark.parametrize("size", [600, 5_000, 30_000])
def test_a_message_around_a_stored_text_takes_next_to_nothing(database, size):
    text = words(size)
    keep(database, text.encode())
    before = stored_bytes(database)
    told = message(text)
    assert load_blob(database, keep(database, told)) == told
    assert stored_bytes(database) - before < 400


def test_a_text_with_escapes_is_found_in_its_message(database):
    text = "\n".join(f'{words(70)} "{words(9)}" \\ é' for _ in range(40))
    keep(database, text.encode())
    before = stored_bytes(database)
    keep(database, message(text))
    assert stored_bytes(database) - before < len(text) / 5


def test_a_longer_conversation_shares_the_pieces_of_a_shorter_one(database):
    said = [json.loads(message(words(3_000), n)) for n in range(40)]
    keep(database, json.dumps(said[:-1], separators=(",", ":")).encode())
    before = stored_bytes(database)
    whole = json.dumps(said, separators=(",", ":")).encode()
    assert load_blob(database, keep(database, whole)) == whole
    assert stored_bytes(database) - before < 2 * 3_000 + 40 * 32


@pytest.mark.parametrize("data", [b"", b"x", b"\0" * 100_000, b"{},{}" * 20_000, words(40_000).encode()])
def test_any_bytes_come_back_packed_or_not(database, data):
    assert load_blob(database, keep(database, data)) == data
    assert load_blob(database, keep(database, data + b"!", packed=False)) == data + b"!"


@pytest.mark.parametrize("packed", [True, False])
def test_an_execution_keeps_what_its_values_lean_on_when_another_is_deleted(database, packed):
    text = words(5_000)
    whole = json.dumps([json.loads(message(text, n)) for n in range(20)], separators=(",", ":")).encode()
    keep(database, text.encode())
    keep(database, message(text))
    keep(database, whole)
    ours = [keep(database, data, no=2, packed=packed) for data in (message(text), whole)]
    delete(database, 1)
    assert [load_blob(database, digest) for digest in ours] == [message(text), whole]
    delete(database, 2)
    assert stored_bytes(database) == 0


def test_a_text_that_was_never_committed_is_not_leant_on(database):
    text = words(5_000)
    database.commit()
    keep(database, text.encode())
    database.rollback()
    assert load_blob(database, keep(database, message(text))) == message(text)


def test_a_value_without_the_one_it_leans_on_is_missing(database):
    text = words(5_000)
    base, told = keep(database, text.encode()), keep(database, message(text))
    database.execute("DELETE FROM blobs WHERE hash = ?", (bytes.fromhex(base),))
    assert load_blob(database, told) is None


def test_rows_of_earlier_releases_are_read(database):
    rows = {b"\0" * 32: (0, b"plain"), b"\1" * 32: (1, zlib.compress(b"deflated"))}
    database.executemany("INSERT INTO blobs VALUES (?, ?, ?)", [(key, *row) for key, row in rows.items()])
    assert [load_blob(database, key.hex()) for key in rows] == [b"plain", b"deflated"]


@pytest.mark.parametrize("size", [0, 10, 5_000, 200_000])
def test_a_json_object_comes_back_from_its_column(size):
    text = json.dumps({"text": words(size)}).encode()
    assert unpack(pack(text)) == text
    assert (len(pack(text)) < len(text)) == (size >= 5_000)


def test_bytes_that_are_no_json_object_are_left_to_the_reader():
    assert unpack(b"x is not deflated") == b"x is not deflated"


@pytest.mark.parametrize("damaged", [b"", b"\x78\x01 no deflated bytes"])
def test_damaged_bytes_read_as_none_that_have_their_digest(database, damaged):
    digest = keep(database, message(words(2000)))
    database.execute("UPDATE blobs SET data = ?", (damaged,))
    assert load_blob(database, digest) == b""

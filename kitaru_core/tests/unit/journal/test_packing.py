"""Values that stand in the row of their record come back as they were, however they are stored there."""

from __future__ import annotations

import random
import sqlite3
import zlib

import pytest

from kitaru import flow, seam
from kitaru.engine.journals import default_journal
from kitaru.journal.packing import deflate, pack_value, unpack_value
from kitaru.journal.verification import verify_execution

RANDOM = random.Random(5)  # noqa: S311 - filler, not a secret
TEXT = b'{"role":"assistant","content":"%s"}' % (b"the same again, " * 40)


@pytest.mark.parametrize("size", [0, 1, 511, 512, 4096, 4097, 16384, 100_000])
@pytest.mark.parametrize("kind", ["repeats", "random"])
def test_values_come_back(size, kind):
    data = (TEXT * (size // len(TEXT) + 1))[:size] if kind == "repeats" else RANDOM.randbytes(size)
    stored = pack_value(data)
    assert unpack_value(stored, size) == data
    assert (len(stored) < size) == (kind == "repeats" and size >= 512)


@pytest.mark.parametrize("dictionary", [b"", TEXT, RANDOM.randbytes(30_000)], ids=["none", "short", "long"])
@pytest.mark.parametrize("size", [1, 700, 5_000, 60_000])
def test_every_zlib_reads_what_was_deflated(size, dictionary):
    data = (TEXT * (size // len(TEXT) + 1))[:size]
    read = zlib.decompressobj(zdict=dictionary)
    assert read.decompress(deflate(data, dictionary)) + read.flush() == data


@pytest.mark.parametrize("stored", [b"x", b"H\x89", deflate(TEXT)[:-9], zlib.compress(b"other")])
def test_damaged_values_are_left_for_the_reader_to_refuse(stored):
    assert unpack_value(stored, len(TEXT)) != TEXT


def test_no_more_comes_out_than_the_record_says():
    assert len(unpack_value(zlib.compress(b"a" * 10_000_000), 20_000)) == 20_000


def test_a_packed_value_is_read_verified_and_found_damaged(store):
    @flow
    def answers():
        return seam.run_unit(seam.Unit(name="ask", key="1", adapter="tests"), lambda _: TEXT.decode()).value

    handle = answers.run()
    assert handle.wait(10) == TEXT.decode()
    (record,) = [one for one in default_journal().stored(handle.exec_id) if one.payload is not None and one.seq == 1]
    assert record.payload == TEXT
    with sqlite3.connect(store) as database:
        (stored,) = database.execute("SELECT payload FROM records WHERE key & 1048575 = 1").fetchone()
        assert len(stored) < len(TEXT) / 2
        database.execute("UPDATE records SET payload = ? WHERE key & 1048575 = 1", (stored[:-1] + b"?",))
    database.close()
    fault = verify_execution(default_journal(), handle.exec_id)
    assert (fault.is_intact, fault.seq) == (False, 1)

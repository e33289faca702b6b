"""A conversation has the same digests whatever conversation was described before it, and each message stands once."""

from __future__ import annotations

from hashlib import sha256

import msgspec
import pytest

from kitaru.engine.chains import Chain, chain_history
from kitaru.engine.payloads import SHARED_BYTES
from kitaru.records.payload import HistoryRef, PayloadRef

TALK = [b'"one"', b'"two"', b'"three"', b'"four"']
LONG = b'"' + b"x" * SHARED_BYTES + b'"'


def digest(message):
    return sha256(message).hexdigest()


def described(talk, known, chain):
    ref, blobs = chain_history(talk, known, chain)
    return msgspec.structs.replace(ref, short={}), dict(ref.standing_here()), blobs


@pytest.mark.parametrize(
    "before",
    [
        TALK,
        TALK[:2],
        [*TALK, b'"five"'],
        [b'"one"', b'"other"', b'"three"', b'"four"'],
        [b'"nothing"', *TALK],
        [],
    ],
    ids=["the same", "its beginning", "longer", "changed in the middle", "moved", "none"],
)
def test_what_was_described_before_makes_no_difference(before):
    chain = Chain()
    chain_history(before, {}, chain)
    assert described(TALK, {}, chain) == described(TALK, {}, Chain())


def test_two_conversations_in_turns_do_not_mix():
    chain, other = Chain(), [b'"one"', b'"else"']
    found = [chain_history(talk, {}, chain)[0].node for talk in (TALK, other, TALK, other)]
    assert found == [chain_history(talk, {})[0].node for talk in (TALK, other, TALK, other)]


def test_only_what_is_new_is_stored_on_top_of_a_known_conversation():
    chain = Chain()
    first, _ = chain_history(TALK[:3], {}, chain)
    ref, blobs = chain_history(TALK, {first.node: 1}, chain)
    assert (ref.parent, dict(ref.standing_here()), blobs) == (first.node, {digest(TALK[3]): TALK[3]}, [])


def test_long_messages_go_beside_the_record():
    ref, blobs = chain_history([TALK[0], LONG], {}, Chain())
    assert (dict(ref.standing_here()), blobs) == ({digest(TALK[0]): TALK[0]}, [(digest(LONG), LONG)])
    assert ref.digests() == [digest(TALK[0]), digest(LONG)]


def test_many_short_messages_do_not_make_a_long_record():
    talk = [b'"%0500d"' % number for number in range(100)]
    ref, blobs = chain_history(talk, {}, Chain())
    assert len(ref.short) < 20
    assert len(ref.short) + len(blobs) == 100


@pytest.mark.parametrize("message", [b'{"a": tru}', b' "one"', b'"one" ', b'"\xff"', b"", b'{"a":1}{"b":2}'])
def test_bytes_that_would_not_come_out_of_a_record_as_they_went_in_go_beside_it(message):
    ref, blobs = chain_history([message], {}, Chain())
    assert (ref.short, blobs) == ({}, [(digest(message), message)])


@pytest.mark.parametrize("message", [b'{"a": 1.50}', '"größer"'.encode(), b"null", b'{"\\u0061":[ ]}'])
def test_messages_come_out_of_a_record_to_the_byte(message):
    ref, _ = chain_history([message], {}, Chain())
    read = msgspec.json.decode(msgspec.json.encode(ref), type=HistoryRef)
    assert list(read.standing_here()) == [(digest(message), message)]


def test_what_a_durable_record_holds_is_not_stored_again():
    chain = Chain()
    ref, _ = chain_history(TALK[:1], {}, chain)
    chain.remember(ref, PayloadRef(codec="json/1", hash=digest(TALK[1]), size=len(TALK[1])))
    again, blobs = chain_history([*TALK[:3], LONG], {}, chain)
    assert (list(again.standing_here()), blobs) == ([(digest(TALK[2]), TALK[2])], [(digest(LONG), LONG)])


def test_a_message_that_is_said_twice_stands_once():
    ref, blobs = chain_history([TALK[0], LONG, TALK[0], LONG], {}, Chain())
    assert (list(ref.standing_here()), blobs) == ([(digest(TALK[0]), TALK[0])], [(digest(LONG), LONG)])
    assert ref.digests() == [digest(TALK[0]), digest(LONG)] * 2


def test_a_chain_remembers_no_more_than_a_fixed_number_of_messages():
    chain = Chain()
    for number in range(5000):
        chain.remember(None, PayloadRef(codec="json/1", hash=str(number), size=1))
    assert sum(chain.holds(str(number)) for number in range(5000)) <= 4096
    assert chain.holds("4999")

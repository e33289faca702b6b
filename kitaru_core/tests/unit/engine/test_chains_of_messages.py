"""A conversation has the same digests whatever conversation was described before it."""

from __future__ import annotations

import pytest

from kitaru.engine.chains import Chain, chain_history

TALK = [b'"one"', b'"two"', b'"three"', b'"four"']


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
    assert chain_history(TALK, {}, chain) == chain_history(TALK, {})


def test_two_conversations_in_turns_do_not_mix():
    chain, other = Chain(), [b'"one"', b'"else"']
    found = [chain_history(talk, {}, chain)[0].node for talk in (TALK, other, TALK, other)]
    assert found == [chain_history(talk, {})[0].node for talk in (TALK, other, TALK, other)]


def test_only_what_is_new_is_stored_on_top_of_a_known_conversation():
    chain = Chain()
    first, _ = chain_history(TALK[:3], {}, chain)
    ref, blobs = chain_history(TALK, {first.node: 1}, chain)
    assert (ref.parent, [data for _, data in blobs]) == (first.node, TALK[3:])

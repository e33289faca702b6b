"""The digest of what a model read: hashed once, and the same however the conversation came to be."""

from __future__ import annotations

import pytest

from kitaru_adapters.openai_agents.codec import Conversation

ITEMS = [b'{"content":"%d"}' % number for number in range(6)]


def test_a_conversation_that_grows_has_the_digest_of_the_whole():
    conversation = Conversation()
    for length in range(len(ITEMS) + 1):
        assert conversation.digest(ITEMS[:length]) == Conversation().digest(ITEMS[:length])


@pytest.mark.parametrize("other", [ITEMS[:3], ITEMS[2:], [b"{}", *ITEMS[1:]], []])
def test_another_conversation_has_a_digest_of_its_own(other):
    conversation = Conversation()
    first = conversation.digest(ITEMS)
    assert conversation.digest(other) == Conversation().digest(other) != first
    assert conversation.digest(ITEMS) == first

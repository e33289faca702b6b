"""Messages on their way into the journal: each is encoded once, and the result never depends on what went before."""

from __future__ import annotations

import pytest
from pydantic_ai.messages import ModelRequest, ModelResponse, TextPart, UserPromptPart

from kitaru_adapters.pydantic_ai.codec import MessageCodec


@pytest.fixture
def talk():
    return [
        ModelResponse(parts=[TextPart(f"answer {n}")]) if n % 2 else ModelRequest(parts=[UserPromptPart(f"prompt {n}")])
        for n in range(9)
    ]


def test_a_conversation_that_grows_is_encoded_as_if_it_had_been_met_whole(talk):
    codec = MessageCodec()
    for length in range(1, len(talk) + 1):
        assert codec.encode(talk[:length]) == MessageCodec().encode(talk[:length])


def test_a_message_that_others_follow_is_encoded_once(talk):
    codec = MessageCodec()
    before, _ = codec.encode(talk[:5])
    after, _ = codec.encode(talk)
    assert all(one is same for one, same in zip(before, after, strict=False))


def test_a_message_that_grows_late_is_encoded_again(talk):
    codec = MessageCodec()
    codec.encode(talk)
    talk[2].parts.append(UserPromptPart("one more thing"))
    assert codec.encode(talk) == MessageCodec().encode(talk)


def test_the_last_messages_are_looked_at_each_time(talk):
    codec = MessageCodec()
    codec.encode(talk)
    talk[-1].parts[0].content = talk[-2].parts[0].content = "changed"
    assert codec.encode(talk) == MessageCodec().encode(talk)


@pytest.mark.parametrize("cut", [slice(3, None), slice(None, 4), slice(None, None, -1)])
def test_a_history_that_was_cut_or_turned_is_encoded_as_it_is(talk, cut):
    codec = MessageCodec()
    codec.encode(talk)
    assert codec.encode(talk[cut]) == MessageCodec().encode(talk[cut])
    assert codec.encode(talk) == MessageCodec().encode(talk)

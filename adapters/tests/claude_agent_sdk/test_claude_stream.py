"""What live events show of messages, known and unknown."""

from __future__ import annotations

from claude_agent_sdk import StreamEvent, TaskStartedMessage

from kitaru_adapters.claude_agent_sdk.stream import live_stream, publish_message


class Call:
    """Takes live events; refuses them when told to."""

    def __init__(self):
        self.events = []

    def publish(self, kind, payload, *, message):
        if not message:
            raise ValueError
        self.events.append((kind, payload, message))


def published(message, *, text=False):
    call = Call()
    publish_message(live_stream(call, "r"), message, text=text)
    return call.events[0][1]


def delta(**fields):
    return StreamEvent("u", "s", {"type": "content_block_delta", "index": 0, "delta": fields})


def test_a_class_nobody_has_heard_of_is_shown_by_its_name():
    class SomethingNew:
        pass

    assert published(SomethingNew())["category"] == "something_new"


def test_task_messages_have_a_category_of_their_own():
    message = TaskStartedMessage("task_started", {}, "t", "what it does", "u", "s")
    shown = published(message)
    assert shown["category"] == "task_started_message"
    assert "what it does" not in str(shown)


def test_a_message_that_cannot_be_read_is_harmless():
    assert published(StreamEvent("u", "s", None))["category"] == "unknown_message"


def test_thinking_and_tool_input_are_never_shown():
    for fields in (
        {"type": "thinking_delta", "thinking": "secret"},
        {"type": "input_json_delta", "partial_json": "secret"},
        {"type": "text_delta", "text": "secret"},
    ):
        assert "secret" not in str(published(delta(**fields)))


def test_text_is_shown_when_allowed_and_bounded():
    shown = published(delta(type="text_delta", text="hello "), text=True)
    assert (shown["display"], shown["text"]) == ("hello", "hello ")
    assert len(published(delta(type="text_delta", text="x" * 999), text=True)["display"]) == 240


def test_blank_text_is_shown_by_its_category():
    assert published(delta(type="text_delta", text=" \n"), text=True)["display"] == "text_delta"


def test_a_publisher_that_fails_does_not_break_the_run():
    class Broken:
        def publish(self, *_, **__):
            raise OSError

    publish_message(live_stream(Broken(), "r"), delta(type="text_delta", text="x"), text=False)

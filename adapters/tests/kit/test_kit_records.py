from __future__ import annotations

import asyncio

import pytest

from kitaru_adapters.kit.limits import Limits, bounded, clip
from kitaru_adapters.kit.streams import LiveStream, StreamKinds
from kitaru_adapters.kit.usage import TokenUsage, calculated_cost, estimated_cost, numbers_delta, usage_record


class Published:
    """Stands where a call stands and keeps what is published."""

    def __init__(self):
        self.events = []

    def publish(self, kind, payload=None, **_shown):
        self.events.append((kind, payload))


@pytest.fixture
def published():
    return Published()


@pytest.fixture
def stream(published):
    return LiveStream(published, StreamKinds("acme"), {"adapter": "acme"})


def test_a_stream_is_published_with_a_rising_index_and_one_end(stream, published):
    stream.start(display="go")
    stream.event(category="text", display="one")
    stream.event(category="tool", display="two", tool_name="search", tool_call_id=None)
    stream.complete(display="done")
    stream.fail(ValueError("late"))
    kinds = [kind.removeprefix("acme.stream.") for kind, _ in published.events]
    assert kinds == ["started", "event", "event", "completed"]
    assert published.events[2][1] == {
        "adapter": "acme",
        "category": "tool",
        "display": "two",
        "index": 2,
        "tool_name": "search",
    }


@pytest.mark.parametrize(
    ("error", "status"), [(ValueError("key sk-1"), "failed"), (asyncio.CancelledError(), "cancelled")]
)
def test_a_broken_stream_shows_the_class_of_its_error_only(stream, published, error, status):
    stream.fail(error)
    ((kind, payload),) = published.events
    assert kind == "acme.stream.failed"
    assert payload["status"] == status
    assert payload["display"] == type(error).__name__


def test_a_record_carries_every_field_of_the_published_form():
    record = usage_record(
        record_id="r1",
        adapter="acme",
        surface="model_call",
        call_name="acme_model_request",
        usage=TokenUsage(input_tokens=3, output_tokens=4),
        resolved_model="m",
    )
    assert record["usage"]["total_tokens"] == 7
    assert (record["model"], record["billing_effect"], record["cache_status"]) == ("m", "incurred", "executed")
    assert record["cost"]["currency"] == "USD"


@pytest.mark.parametrize(("answer", "cost"), [(0.25, 0.25), (2, 2.0), (0, 0.0), (None, None)])
def test_a_calculator_gives_the_estimated_cost(answer, cost):
    assert calculated_cost(lambda _: answer, None).estimated_cost_usd == cost


@pytest.mark.parametrize("answer", [-1, "2", True, float("nan"), float("inf")])
def test_an_answer_that_is_no_cost_becomes_a_warning(answer):
    cost = calculated_cost(lambda _: answer, None)
    assert cost.source == "calculator_error"
    assert cost.estimated_cost_usd is None
    assert len(cost.warnings) == 1


def test_a_failing_calculator_becomes_a_warning_without_its_text():
    cost = calculated_cost(lambda _: {}["secret"], None)
    assert cost.warnings == ("cost_calculator raised KeyError",)


def test_a_model_the_table_does_not_know_has_no_estimate():
    usage = TokenUsage(input_tokens=1, output_tokens=1)
    assert estimated_cost(model="no-such-model", provider=None, usage=usage).source == "none"


def test_only_counters_that_grew_are_in_the_difference():
    assert numbers_delta({"a": 1, "b": 2}, {"a": 4, "b": 2, "c": 1, "d": "x"}) == {"a": 3, "c": 1}


def test_a_clipped_text_is_one_line_and_shows_that_it_was_cut():
    assert clip("a\n b") == "a b"
    assert clip("x" * 500, 10) == "x" * 9 + "…"


def test_a_bounded_copy_names_what_it_left_out():
    value = {
        "list": list(range(5)),
        "deep": {"deeper": {"deepest": 1}},
        "text": "abcdef",
        "raw": b"123",
        "odd": object(),
    }
    assert bounded(value, Limits(depth=2, items=3, characters=4)) == {
        "list": [0, 1, 2, "<2 entries left out>"],
        "deep": {"deeper": "<1 entries deeper than 2 levels>"},
        "text": "abcd… (2 characters left out)",
        "…": "<2 entries left out>",
    }
